"""What message files and LLaVA files share: questions and answers in turn over media, as items or a pair."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trenza.data.files import KIND_OF, extension_of, inside, read_media, whole
from trenza.data.samples import CAPABILITIES, Item, Media, Pair
from trenza.data.shards import Sample
from trenza.errors import DataError, SignalError
from trenza.signals.sniff import sniff

_EXTENSION = {"JPEG": "jpg", "TIFF": "tif", "mov": "mp4", "matroska": "mkv"}  # where it isn't the format's name
_DEFAULTS: dict[str, Any] = {
    "capability": "describe", "language": "", "split": "", "choices": [], "evidence": [], "twin": "", "truth": None,
}  # fmt: skip


@dataclass
class Turn:
    """A question with its answer, and how many of the media were given by then."""

    question: str
    answer: str
    media: int


def samples_of(
    document: dict[str, Any], key: str, source: str, turns: list[Turn], media: list[Media]
) -> Iterator[Sample]:
    """An item for each turn, over the media given by then; earlier turns are left out of it.

    A lone turn that asks nothing about one medium is a pair: the answer is its caption. What `document` doesn't
    say of an item is unknown: language and split empty, capability "describe".
    """
    if not turns:
        raise DataError("it has no question with an answer; give a user's and an assistant's message")
    if len(turns) == 1 and len(media) == 1 and not turns[0].question:
        meta = {name: str(document.get(name) or "") for name in ("language", "source", "licence", "split")}
        yield Pair(key, media[0], turns[0].answer, **(meta | {"source": meta["source"] or source}))
        return
    known = {name: document.get(name, default) for name, default in _DEFAULTS.items()}
    if known["capability"] not in CAPABILITIES:
        raise DataError(f"its capability {known['capability']!r} is unknown; known: {', '.join(CAPABILITIES)}")
    for number, turn in enumerate(turns):
        content = [{"type": "text", "text": turn.question}]
        own = {"key": key if len(turns) == 1 else f"{key}#{number}", "answer": turn.answer}
        yield Item.from_json({**known, **own, "messages": [{"content": content}]}, tuple(media[: turn.media]))


def sniffed(data: bytes, kind: str, at: str) -> Media:
    """A medium from bytes without a name. Raises DataError when they are none that is read here."""
    try:
        _, name = sniff(io.BytesIO(data))
    except SignalError as error:
        raise DataError(f"{at} {error}") from error
    extension = _EXTENSION.get(name, name.lower())
    # An animated picture and a lone sound track are videos and sounds by what the file says of them, not by bytes.
    return Media(kind or KIND_OF[extension], extension, data)


def named(folder: Path, name: str, kind: str = "") -> Media:
    """The medium `name` of a folder, as `kind` if given: a GIF may be sent as a video."""
    path = inside(folder, name)
    if extension_of(name) not in KIND_OF:
        return sniffed(path.read_bytes(), kind, str(path))
    media = read_media(path)
    return Media(kind or media.kind, media.extension, media.data)


def write_media(folder: Path, sample: Sample, prefix: str) -> tuple[str, ...]:
    """Write the media of a sample under `folder/prefix`; their names relative to `folder`."""
    if isinstance(sample, Item):
        media, names = sample.media, sample.names()
    else:
        media, names = (sample.media,), (f"{sample.key}.{sample.media.extension}",)
    relative = tuple(f"{prefix}/{name}" for name in names)
    for medium, name in zip(media, relative, strict=True):
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"the key {sample.key!r} leads out of {folder}; use keys without '..'")
        with whole(target) as partial:
            partial.write_bytes(medium.data)
    return relative

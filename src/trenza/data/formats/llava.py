"""LLaVA's JSON: a list of objects with `id`, `image` (a path, or several) and `conversations`.

The same with `video` and `audio` for those kinds, as LLaVA's descendants have it. Keys of ours (`media`: the order
across kinds; capability, evidence ...) stand beside theirs, which readers of LLaVA files pass over.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from trenza.data.files import Broken, whole
from trenza.data.formats.turns import Turn, named, samples_of, write_media
from trenza.data.samples import KINDS, Item
from trenza.data.shards import Sample
from trenza.errors import DataError

_PLACE = re.compile(r"\s*<(?:image|video|audio)>\s*")  # where a medium stands in the text


def recognises(path: Path) -> bool:
    return path.is_file() and path.suffix == ".json"


def read(path: Path) -> Iterator[Sample | Broken]:
    """Items (one a turn, see `turns.samples_of`) or pairs. Files are looked for beside `path`, never outside."""
    try:
        documents = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON ({error}); a LLaVA file is one list of objects") from error
    if not isinstance(documents, list):
        raise DataError(f"{path} holds no list; a LLaVA file is one list of objects, JSON lines are named .jsonl")
    for number, document in enumerate(documents):
        try:
            yield from _read(document, f"{path.stem}-{number}", path)
        except (DataError, OSError) as error:
            yield Broken(f"{path}: entry {number}", str(error))


def _read(document: Any, key: str, path: Path) -> list[Sample]:
    messages = document.get("conversations") if isinstance(document, dict) else None
    if not isinstance(messages, list):
        raise DataError("the entry has no list `conversations`")
    names: list[tuple[str, str]] = []  # kind (empty: by its extension), file
    if isinstance(document.get("media"), list):
        names = [("", str(name)) for name in document["media"]]
    else:
        for kind in KINDS:
            value = document.get(kind) or []
            names += [(kind, str(name)) for name in (value if isinstance(value, list) else [value])]
    media = [named(path.parent, name, kind) for kind, name in names]
    turns = []
    question = None
    for message in messages:
        value = message.get("value") if isinstance(message, dict) else None
        if not isinstance(value, str):
            raise DataError("a message of `conversations` lacks `value`")
        if message.get("from") in ("human", "user"):
            question = _PLACE.sub("\n", value).strip()
        elif message.get("from") in ("gpt", "assistant") and question is not None:
            turns.append(Turn(question, value, len(media)))
            question = None
    return list(samples_of(document, str(document.get("id", key)), path.stem, turns, media))


def write(path: Path, samples: Iterable[Sample]) -> None:
    """One list; media go to a folder beside `path` that has its name without .json."""
    with whole(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write("[")
        for number, sample in enumerate(samples):
            names = write_media(path.parent, sample, path.stem)
            file.write(",\n" if number else "\n")
            json.dump(_document(sample, names), file, ensure_ascii=False)
        file.write("\n]\n")


def _document(sample: Sample, names: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(sample, Item):
        media, question, answer = sample.media, sample.question, sample.answer
        document = sample.to_json(names)
        for key in ("key", "messages", "answer"):
            del document[key]
    else:
        media, question, answer = (sample.media,), "", sample.text
        document = {n: getattr(sample, n) for n in ("language", "source", "licence", "split")}
    of_kind: dict[str, list[str]] = {}
    for medium, name in zip(media, names, strict=True):
        of_kind.setdefault(medium.kind, []).append(name)
    places = "".join(f"<{medium.kind}>\n" for medium in media)
    return {
        "id": sample.key,
        **{kind: files[0] if len(files) == 1 else files for kind, files in of_kind.items()},
        "conversations": [{"from": "human", "value": places + question}, {"from": "gpt", "value": answer}],
        "media": list(names),
        **document,
    }

"""OpenAI messages as JSON lines: one object with `messages` a line, media as files beside it or as data URLs."""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from trenza.data.files import MAX_MEDIA_BYTES, Broken, whole
from trenza.data.formats.turns import Turn, named, samples_of, sniffed, write_media
from trenza.data.samples import Item, Media
from trenza.data.shards import Sample
from trenza.errors import DataError

MAX_LINE_BYTES = 2 * MAX_MEDIA_BYTES  # base64 and several media in one line
_KINDS = {"image_url": "image", "audio_url": "audio", "video_url": "video"}


def recognises(path: Path) -> bool:
    return path.is_file() and path.suffix == ".jsonl"


def read(path: Path) -> Iterator[Sample | Broken]:
    """Items (one a turn, see `turns.samples_of`) or pairs. Files are looked for beside `path`, never outside."""
    with path.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE_BYTES + 1), b""), 1):
            if not line.strip():
                continue
            try:
                yield from _read_line(line, f"{path.stem}-{number}", path)
            except (DataError, OSError) as error:
                yield Broken(f"{path}: line {number}", str(error))


def _read_line(line: bytes, key: str, path: Path) -> list[Sample]:
    if len(line) > MAX_LINE_BYTES:
        raise DataError(f"the line is over {MAX_LINE_BYTES:,} bytes; put its media into files")
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the line is no JSON ({error}); write one object a line") from error
    return read_document(document, key, path)


def read_document(document: Any, key: str, path: Path) -> list[Sample]:
    """The samples of one object of the file `path`; `key` names it where it has neither `key` nor `id`."""
    messages = document.get("messages") if isinstance(document, dict) else None
    if not isinstance(messages, list):
        raise DataError("the line has no list `messages`; write objects as OpenAI's fine-tuning files have them")
    media: list[Media] = []
    turns: list[Turn] = []
    question = None
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if role == "user":
            question = _user(message.get("content"), media, path)
        elif role == "assistant" and question is not None:
            turns.append(Turn(question, _text(message.get("content")), len(media)))
            question = None
    name = str(document.get("key") or document.get("id") or key)
    return list(samples_of(document, name, path.stem, turns, media))


def _text(content: Any) -> str:
    """The text of a message: a string, or its text parts one after the other."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str)]
        return "\n".join(parts)
    raise DataError("a message has no content; give a string or a list of parts")


def _user(content: Any, media: list[Media], path: Path) -> str:
    if isinstance(content, list):
        for part in content:
            if not isinstance(part, dict) or not isinstance(part.get("type"), str):
                raise DataError("a part of a message has no type; known: text, input_audio, " + ", ".join(_KINDS))
            if part["type"] != "text":
                media.append(_medium(part, path))
    return _text(content)


def _medium(part: dict[str, Any], path: Path) -> Media:
    kind = part["type"]
    if kind == "input_audio":
        return sniffed(_base64(_get(part, kind, "data")), "audio", kind)
    if kind not in _KINDS:
        raise DataError(f"a part has the type {kind!r}; known: text, input_audio, {', '.join(_KINDS)}")
    url = _get(part, kind, "url")
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        raw = _base64(data) if head.lower().endswith(";base64") else unquote_to_bytes(data)
        return sniffed(raw, _KINDS[kind], kind)
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise DataError(f"{url[:100]!r} isn't a URL ({error})") from error
    if scheme:
        raise DataError(f"{url[:100]!r} is not fetched; put the file beside {path.name} and give its relative path")
    return named(path.parent, url, _KINDS[kind])


def _get(part: dict[str, Any], kind: str, key: str) -> str:
    inner = part.get(kind)
    value = inner.get(key) if isinstance(inner, dict) else None
    if not isinstance(value, str):
        raise DataError(f"a part of type {kind} lacks {kind}.{key}")
    return value


def _base64(data: str) -> bytes:
    if len(data) * 3 // 4 > MAX_MEDIA_BYTES:
        raise DataError(f"a medium has over {MAX_MEDIA_BYTES:,} bytes; make it smaller")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"a medium isn't base64: {error}") from error


def write(path: Path, samples: Iterable[Sample]) -> None:
    """One line a sample; media go to a folder beside `path` that has its name without .jsonl."""
    with whole(path) as partial, partial.open("w", encoding="utf-8") as lines:
        for sample in samples:
            urls = write_media(path.parent, sample, path.stem)
            if isinstance(sample, Item):
                document = sample.to_json(urls)
            else:
                kind = f"{sample.media.kind}_url"
                content = [{"type": kind, kind: {"url": urls[0]}}]
                document = {
                    "key": sample.key,
                    "messages": [{"role": "user", "content": content}, {"role": "assistant", "content": sample.text}],
                    "language": sample.language, "source": sample.source,
                    "licence": sample.licence, "split": sample.split,
                }  # fmt: skip
            lines.write(json.dumps(document, ensure_ascii=False) + "\n")

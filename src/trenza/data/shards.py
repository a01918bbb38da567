"""WebDataset shards: tar files in which the members of one sample share a key: KEY.png, KEY.txt, KEY.json.

Written the same way every time (members sorted, no times, no owners), so that equal data has equal hashes. Read
through an index of offsets, so that a sample costs one read wherever it stands, and what is broken is reported
with its shard and key.
"""

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trenza.data.files import KIND_OF, MAX_CAPTION_BYTES, MAX_MEDIA_BYTES, Broken, caption, check_name, whole
from trenza.data.samples import Item, Media, Pair
from trenza.errors import DataError

MAX_JSON_BYTES = 16 * 2**20
_BLOCK = 512  # bytes; a complete tar ends with zero blocks
_META = ("language", "source", "licence", "split")

Sample = Pair | Item
Members = dict[str, bytes]  # extension as WebDataset splits it ("png", "0.png", "json") -> content


@dataclass(frozen=True)
class Record:
    """Where one sample lies in its shard: extension -> (offset, size) in bytes."""

    shard: Path
    key: str
    members: dict[str, tuple[int, int]]

    @property
    def at(self) -> str:
        return f"{self.shard}: {self.key}"

    def read(self) -> Members:
        """The contents of all members. Raises DataError over a limit, or when the file has become shorter."""
        contents = {}
        with self.shard.open("rb") as file:
            for extension, (offset, size) in self.members.items():
                limit = {"txt": MAX_CAPTION_BYTES, "json": MAX_JSON_BYTES}.get(extension, MAX_MEDIA_BYTES)
                if size > limit:
                    raise DataError(f"{self.at}.{extension} has {size:,} bytes, the limit is {limit:,}; shorten it")
                file.seek(offset)
                contents[extension] = file.read(size)
                if len(contents[extension]) != size:
                    raise DataError(f"{self.at}.{extension} is cut short; build or copy the shard again")
        return contents


def index(shard: Path) -> tuple[list[Record], list[Broken]]:
    """The samples of a shard in order, and what is broken in it: names, doubles, a missing end."""
    members: dict[str, dict[str, tuple[int, int]]] = {}
    broken = []
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                if member.isdir():
                    continue
                try:
                    key, extension = _split_name(member)
                    if extension in members.setdefault(key, {}):
                        raise DataError("stands twice; keys must be unique within a shard")
                    members[key][extension] = (member.offset_data, member.size)
                except DataError as error:
                    broken.append(Broken(f"{shard}: {member.name}", str(error)))
            end = tar.offset
    except (tarfile.TarError, OSError, ValueError) as error:
        broken.append(Broken(str(shard), f"{error}; build or copy the shard again"))
    else:
        if shard.stat().st_size < end + _BLOCK:
            reason = "the shard is cut short: its end mark is missing, samples may be; build or copy it again"
            broken.append(Broken(str(shard), reason))
    return [Record(shard, key, places) for key, places in members.items()], broken


def _split_name(member: tarfile.TarInfo) -> tuple[str, str]:
    """Key and extension, split at the first dot of the file's own name, as WebDataset does."""
    if not member.isfile():
        raise DataError("is no plain file (a link or a device); store the file itself")
    folder, slash, name = check_name(member.name).rpartition("/")
    stem, dot, extension = name.partition(".")
    if not stem or not dot:
        raise DataError("has no extension; name members KEY.png, KEY.txt, KEY.json")
    return folder + slash + stem, extension.lower()


def read_shard(shard: Path) -> Iterator[Sample | Broken]:
    """Every sample of a shard, in order; one that can't be read as `Broken`."""
    records, broken = index(shard)
    for record in records:
        yield read_record(record)
    yield from broken


def read_record(record: Record) -> Sample | Broken:
    """The sample of a record, or why there is none."""
    try:
        return from_members(record.key, record.read(), record.shard.name)
    except (DataError, OSError) as error:
        return Broken(record.at, str(error))


def members_of(sample: Sample) -> tuple[str, Members]:
    """Key in the shard and members of a sample. A pair has a .txt and a .json beside its medium."""
    key = _plain(sample.key)
    if isinstance(sample, Item):
        names = tuple(f"{key}.{i}.{m.extension}" for i, m in enumerate(sample.media))
        media = {name.split(".", 1)[1]: m.data for name, m in zip(names, sample.media, strict=True)}
        return key, {**media, "json": _dump(sample.to_json(names))}
    meta = {"key": sample.key, "caption": sample.text} | {name: getattr(sample, name) for name in _META}
    return key, {sample.media.extension: sample.media.data, "txt": sample.text.encode(), "json": _dump(meta)}


def _plain(key: str) -> str:
    """`key` in letters that every file system and WebDataset's own splitting leave alone; different stays different."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", key)
    return plain if plain == key else f"{plain[:60]}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def _dump(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=True).encode()


def from_members(key: str, members: Members, source: str) -> Sample:
    """A sample from its members: ours, or a pair as img2dataset writes it. Raises DataError saying what is wrong.

    source: what stands for the source where the sample names none.
    """
    document = _load(members["json"], key) if "json" in members else {}
    media = [
        Media(KIND_OF[e], e, data)
        for name, data in sorted(members.items(), key=_place)
        if (e := name.rpartition(".")[2]) in KIND_OF
    ]
    if empty := [m.extension for m in media if not m.data]:
        raise DataError(f"its {empty[0]} is empty; fetch it again or remove the sample")
    if "messages" in document:
        listed = sum(part.get("type") != "text" for part in _content(document, key))
        if listed != len(media):
            raise DataError(f"it speaks of {listed} media and {len(media)} are there; build the shard again")
        return Item.from_json(document, tuple(media))
    if len(media) != 1:
        raise DataError(f"a pair has one medium and this has {len(media)}: {', '.join(members)}")
    if "txt" in members:
        text = caption(members["txt"], "its txt")
    elif isinstance(document.get("caption"), str):
        text = caption(document["caption"].encode(), "its caption")
    else:
        raise DataError("it has no caption; add KEY.txt, or `caption` in KEY.json")
    meta = {name: str(document.get(name) or "") for name in _META}
    return Pair(str(document.get("key") or key), media[0], text, **(meta | {"source": meta["source"] or source}))


def _place(member: tuple[str, bytes]) -> tuple[int, str]:
    number = member[0].partition(".")[0]
    return (int(number) if number.isdigit() else -1, member[0])


def _load(data: bytes, key: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"its json can't be read ({error}); write it again") from error
    if not isinstance(document, dict):
        raise DataError("its json is no object; write it again")
    return document


def _content(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    try:
        return [part for part in document["messages"][0]["content"] if isinstance(part, dict)]
    except (KeyError, IndexError, TypeError) as error:
        raise DataError(f"its messages lack {error!r}; write it again") from error


@dataclass
class Written:
    """What a shard holds: samples, bytes, SHA-256 of the file."""

    samples: int = 0
    bytes: int = 0
    sha256: str = ""
    keys: set[str] = field(default_factory=set, repr=False)


def write_shard(shard: Path, samples: Iterable[Sample]) -> Written:
    """Write samples in their order to a new shard, whole or not at all. Raises DataError for a key met twice."""
    return write_members(shard, map(members_of, samples))


def write_members(shard: Path, samples: Iterable[tuple[str, Members]]) -> Written:
    """As `write_shard`, for members of any kind, such as cached features in .npy."""
    written = Written()
    with whole(shard) as partial:
        with tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as tar:
            for key, members in samples:
                if key in written.keys:
                    raise DataError(f"{shard} would hold the key {key!r} twice; give every sample its own")
                written.keys.add(key)
                written.samples += 1
                for extension in sorted(members):
                    info = tarfile.TarInfo(f"{key}.{extension}")  # time 0, owner 0, mode 0644
                    info.size = len(members[extension])
                    tar.addfile(info, io.BytesIO(members[extension]))
        written.bytes = os.path.getsize(partial)
        with partial.open("rb") as file:
            written.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return written

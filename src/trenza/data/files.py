"""What files of data may be: names that stay in their folder, captions that are text, writing that is whole or not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trenza.data.samples import Media
from trenza.errors import DataError

MAX_CAPTION_BYTES = 1_000_000
MAX_MEDIA_BYTES = 512 * 2**20  # as signals.Limits.bytes: what is larger could not be decoded anyway

EXTENSIONS = {
    "image": ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "avif"),
    "audio": ("wav", "flac", "ogg", "mp3", "m4a", "opus"),
    "video": ("mp4", "webm", "mkv", "mov"),
}
KIND_OF = {extension: kind for kind, extensions in EXTENSIONS.items() for extension in extensions}


@dataclass(frozen=True)
class Broken:
    """A sample that could not be read: where it is ("SHARD: KEY" or a file) and why."""

    key: str
    reason: str


def extension_of(name: str) -> str:
    """Extension in lower case without its dot; empty where there is none."""
    return PurePosixPath(name).suffix[1:].lower()


def check_name(name: str) -> str:
    """`name`, if it stays inside its folder. Raises DataError for an absolute path, `..` or a backslash."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
        raise DataError(f"the name {name!r} leaves its folder; use relative names without '..'")
    return name


def inside(folder: Path, name: str) -> Path:
    """The file `name` of `folder`. Raises DataError when it leaves the folder (a link counts) or isn't there."""
    path = folder / check_name(name)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{path} leads out of {folder}; copy the file into the folder")
    if not path.is_file():
        raise DataError(f"{path} is missing; restore it or take its line out")
    return path


def caption(data: bytes, name: str) -> str:
    """A caption's text, its white space at both ends removed. Raises DataError naming the limit."""
    if len(data) > MAX_CAPTION_BYTES:
        raise DataError(f"{name} is a caption of {len(data):,} bytes, the limit is {MAX_CAPTION_BYTES:,}; shorten it")
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8 at byte {error.start}; convert it, as with iconv -t UTF-8") from error


def read_caption(path: Path) -> str:
    """The caption in a file; no more than the limit is ever read."""
    size = path.stat().st_size
    if size > MAX_CAPTION_BYTES:
        raise DataError(f"{path} is a caption of {size:,} bytes, the limit is {MAX_CAPTION_BYTES:,}; shorten it")
    return caption(path.read_bytes(), str(path))


def read_media(path: Path) -> Media:
    """An encoded file as a medium. Raises DataError for an unknown extension, an empty or an oversized file."""
    extension = extension_of(path.name)
    if extension not in KIND_OF:
        known = ", ".join(KIND_OF)
        raise DataError(f"{path} has the extension {extension!r}, no medium's; known: {known}")
    size = path.stat().st_size
    if not 0 < size <= MAX_MEDIA_BYTES:
        raise DataError(f"{path} has {size:,} bytes; a medium has from 1 to {MAX_MEDIA_BYTES:,}: replace or remove it")
    return Media(KIND_OF[extension], extension, path.read_bytes())


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; it becomes `path` when all went well, else it goes away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

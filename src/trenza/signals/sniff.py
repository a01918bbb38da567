"""What a file is, by its first bytes. Its name and extension are never looked at."""

from typing import BinaryIO

from trenza.errors import SignalError

_HEAD = 4096  # bytes read: magic numbers sit in the first 16, an SVG's tag may follow a long comment
_READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, WAV, FLAC, OGG, MP3, M4A, MP4, WebM or MKV"

# (offset, bytes, reader, the reader's own name for the format), first match wins
_MAGIC = (
    (0, b"\xff\xd8\xff", "pillow", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "pillow", "PNG"),
    (0, b"GIF87a", "pillow", "GIF"),
    (0, b"GIF89a", "pillow", "GIF"),
    (8, b"WEBP", "pillow", "WEBP"),
    (0, b"BM", "pillow", "BMP"),
    (0, b"II*\0", "pillow", "TIFF"),
    (0, b"MM\0*", "pillow", "TIFF"),
    (0, b"II+\0", "pillow", "TIFF"),
    (0, b"MM\0+", "pillow", "TIFF"),
    (4, b"ftypavif", "pillow", "AVIF"),
    (4, b"ftypavis", "pillow", "AVIF"),
    (8, b"WAVE", "av", "wav"),
    (0, b"fLaC", "av", "flac"),
    (0, b"OggS", "av", "ogg"),
    (0, b"ID3", "av", "mp3"),
    (0, b"\x1a\x45\xdf\xa3", "av", "matroska"),
    (4, b"ftyp", "av", "mov"),
    (4, b"moov", "av", "mov"),  # QuickTime from before there was ftyp
    (4, b"mdat", "av", "mov"),
    (4, b"wide", "av", "mov"),
)

# what people do hand in, and the way out
_FOREIGN = (
    (4, b"ftyphei", "is a HEIC picture, which is not read here; save it as JPEG or PNG"),
    (0, b"%PDF", "is a PDF document; render its pages to PNG first"),
    (0, b"PK\x03\x04", "is a ZIP archive (or an office document); unpack it and give the media inside"),
    (8, b"AVI ", "is an AVI video, which is not read here; convert it to MP4"),
)


def sniff(file: BinaryIO) -> tuple[str, str]:
    """The reader ("pillow" or "av") of an open file and its name for the format; leaves the file at 0.

    Raises SignalError for SVG and for everything else that is not read here.
    """
    head = file.read(_HEAD)
    file.seek(0)
    for offset, magic, problem in _FOREIGN:
        if head.startswith(magic, offset):
            raise SignalError(f"{problem}.")
    # a generic brand with AVIF among the compatible ones is an AVIF picture, not a film
    if head.startswith((b"ftypmif1", b"ftypmsf1"), 4):
        if b"avif" in head[: int.from_bytes(head[:4], "big")]:
            return "pillow", "AVIF"
        raise SignalError("is a HEIF picture, which is not read here; save it as JPEG or PNG.")
    for offset, magic, reader, name in _MAGIC:
        if head.startswith(magic, offset):
            return reader, name
    if _is_mp3_frame(head):
        return "av", "mp3"
    if b"<svg" in head.lower():
        raise SignalError("is an SVG drawing: instructions, not pixels; render it to PNG first.")
    raise SignalError(f"is no medium that is read here; give a file that is really {_READABLE}.")


def _is_mp3_frame(head: bytes) -> bool:
    """Whether `head` starts with the header of an MPEG audio layer III frame (it has no magic number)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    reserved_version = head[1] & 0x18 == 0x08
    return not reserved_version and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C

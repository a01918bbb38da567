"""Pairs of pictures: stamps with their captions, emoji with their names, clip art with its titles, photographs."""

import html
import io
import re
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

from PIL import Image as Pillow

from trenza.data.corpora.entries import Entry, png
from trenza.data.corpora.fetch import package_folder
from trenza.data.corpora.pictures import MAX_SVG_BYTES, STAMPS, Picture, emoji, emoji_table, photographs, stamps
from trenza.data.files import read_media
from trenza.data.samples import Media, Pair
from trenza.data.splits import is_test
from trenza.errors import DataError

SIZE = 256  # pixels of the longer side of a rendered drawing
PHOTOGRAPH_SIZE = 1024  # pixels of the longer side: crops from it are still larger than any tower's input
LICENCES = {"noto": "Apache-2.0", "twemoji": "CC BY 4.0", "openmoji": "CC BY-SA 4.0"}
_TITLE = re.compile(r"<dc:title[^>]*>([^<]+)</dc:title>")


@lru_cache(4)  # the same picture comes once for each language
def _rendered(picture: Picture) -> Media:
    if picture.file is not None and picture.file.suffix == ".png":
        return read_media(picture.file)
    return png(picture.rgba(SIZE))


def _pair(picture: Picture, text: str, language: str, source: str, licence: str) -> Pair:
    split = "test" if picture.test else "train"
    return Pair(f"{picture.key}/{language}", _rendered(picture), text, language, source, licence, split)


def captions(text: Path) -> dict[str, str]:
    """Language -> caption of a stamp's .txt: English first, then lines as `es.utf8=Una gallina.`"""
    lines = text.read_text(encoding="utf-8", errors="replace").splitlines()
    found = {"en": lines[0].strip()} if lines else {}
    for line in lines[1:]:
        language, _, caption = line.partition(".utf8=")
        if caption.strip() and "\ufffd" not in caption:
            found[language] = caption.strip()
    return found


def stamp_pictures(languages: tuple[str, ...]) -> Iterator[Entry]:
    root = package_folder("tuxpaint-stamps-default") / STAMPS
    for picture in stamps():
        said = captions(root / f"{picture.key}.txt")
        for language in languages:
            if language in said:
                make = partial(_pair, picture, said[language], language, "stamps", "GPL-2")
                yield Entry(f"{picture.key}/{language}", make)


def emoji_pictures(style: str, languages: tuple[str, ...]) -> Iterator[Entry]:
    tables = {language: emoji_names(language) for language in languages}
    for picture in emoji(style):
        for language, table in tables.items():
            if picture.key in table:
                make = partial(_pair, picture, table[picture.key], language, style, LICENCES[style])
                yield Entry(f"{picture.key}/{language}", make)


def emoji_names(language: str) -> dict[str, str]:
    """Code points -> name. Raises DataError for a language without a table."""
    folder = package_folder("emojibase-data") / "package"
    if not (folder / language / "data.json").is_file():
        known = ", ".join(sorted(p.parent.name for p in folder.glob("*/data.json")))
        raise DataError(f"emojibase-data has no names in {language!r}; known: {known}")
    return {points: name for points, (name, _) in emoji_table(language).items()}


def clip_art(languages: tuple[str, ...]) -> Iterator[Entry]:
    """Every drawing with the title its metadata has, as noisy as it is; English, as nearly all titles are."""
    root = package_folder("openclipart-svg") / "usr/share/openclipart/svg"
    if "en" in languages:
        for file in sorted(root.rglob("*.svg")):
            key = file.relative_to(root).with_suffix("").as_posix()
            yield Entry(key, partial(_clip, file, key))


def _clip(file: Path, key: str) -> Pair:
    size = file.stat().st_size
    if size > MAX_SVG_BYTES:
        raise DataError(f"{file} has {size:,} bytes, the limit is {MAX_SVG_BYTES:,}: it takes seconds to render")
    title = _TITLE.search(file.read_text(encoding="utf-8", errors="replace"))
    if not title or not title[1].strip():
        raise DataError(f"{file} has no title")
    picture = Picture("openclipart", key, html.unescape(title[1]).strip(), "drawing", is_test(key, 10), file=file)
    pixels = picture.rgba(SIZE)
    if not pixels[..., 3].any():
        raise DataError(f"{file} renders to nothing")
    split = "test" if picture.test else "train"
    return Pair(key, png(pixels), picture.name, "en", "openclipart", "public domain", split)


def photograph_pictures(_languages: tuple[str, ...]) -> Iterator[Entry]:
    """Photographs that nobody described: their text is empty."""
    for picture in photographs():
        yield Entry(picture.key, partial(_photograph, picture))


def _photograph(picture: Picture) -> Pair:
    buffer = io.BytesIO()
    Pillow.fromarray(picture.rgba(PHOTOGRAPH_SIZE)).convert("RGB").save(buffer, "JPEG", quality=90)
    media = Media("image", "jpg", buffer.getvalue())
    split = "test" if picture.test else "train"
    return Pair(picture.key, media, "", "", "photographs", "CC BY(-SA), GPL-2", split)

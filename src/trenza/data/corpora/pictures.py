"""Pictures with a name: emoji by three hands, stamps, clip art; and photographs without one."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image as Pillow

from trenza.data.corpora.fetch import package_folder
from trenza.data.names import noun
from trenza.data.splits import is_test
from trenza.errors import DataError

THINGS = ("animals-nature", "food-drink", "travel-places", "activities", "objects")
EMOJI_STYLES = ("noto", "twemoji", "openmoji")
UNSEEN_STYLE = "openmoji"
STAMPS = "usr/share/tuxpaint/stamps"
MAX_SVG_BYTES = 400_000  # the few larger drawings take seconds each to render
PHOTOGRAPHS = {
    "mate-backgrounds": "usr/share/backgrounds/mate/nature",
    "lomiri-wallpapers-16.04": "usr/share/backgrounds",
    "lomiri-wallpapers-20.04": "usr/share/backgrounds",
}


@dataclass(frozen=True)
class Picture:
    """One picture of one thing. `name` is empty where the source gives none."""

    source: str
    key: str
    name: str
    group: str
    test: bool
    svg: str = ""
    file: Path | None = None

    @property
    def cut_out(self) -> bool:
        """Whether it is a photograph of a thing without what was around it."""
        return self.source == "stamps" and self.group == "photograph"

    def rgba(self, size: int) -> np.ndarray:
        """uint8 [H, W, 4], the longer side `size` pixels."""
        if self.svg:
            return render_svg(self.svg, size)
        assert self.file is not None
        if self.file.suffix == ".svg":
            return render_svg(self.file.read_text(errors="replace"), size)
        with Pillow.open(self.file) as image:
            image.draft("RGB", (size * 2, size * 2))
            rgba = image.convert("RGBA")
        rgba.thumbnail((size, size), Pillow.Resampling.BICUBIC, reducing_gap=3)
        return np.asarray(rgba)


def render_svg(svg: str, size: int) -> np.ndarray:
    """SVG text to uint8 [H, W, 4] with the longer side `size` pixels. Raises DataError."""
    try:
        png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, dpi=96, skip_system_fonts=True))
    except ValueError as error:
        raise DataError(f"not a drawing that resvg renders: {error}") from error
    with Pillow.open(io.BytesIO(png)) as image:
        rgba = image.convert("RGBA")
    rgba.thumbnail((size, size), Pillow.Resampling.BICUBIC)  # a tall drawing came out taller than asked
    return np.asarray(rgba)


def emoji_table(language: str = "en") -> dict[str, tuple[str, str]]:
    """Code points in iconify's spelling -> (name, group), flags left out (a flag is not a thing)."""
    base = package_folder("emojibase-data") / "package"
    groups = json.loads((base / "meta/groups.json").read_text())["groups"]
    table = {}
    for entry in json.loads((base / language / "data.json").read_text()):
        group = groups.get(str(entry.get("group")), "")
        if group in ("", "flags"):
            continue
        points = "-".join(p for p in entry["hexcode"].lower().split("-") if p != "fe0f")
        table[points] = (noun(entry["label"]), group)
    return table


def emoji_keywords() -> set[str]:
    """The English keywords of all emoji that are words: "astonished", "fishes", "melted"."""
    base = package_folder("emojibase-data") / "package"
    entries = json.loads((base / "en/data.json").read_text())
    words = {noun(tag) for entry in entries for tag in entry.get("tags", [])}
    return {word for word in words if re.fullmatch(r"[a-z][a-z' -]{2,30}", word)}


def is_clock(name: str) -> bool:
    return name.endswith(("o’clock", "o'clock", "thirty"))


def emoji(style: str) -> Iterator[Picture]:
    """All emoji of one hand. openmoji is the hand never trained on."""
    folder = package_folder(f"@iconify-json/{style}") / "package"
    icons = json.loads((folder / "icons.json").read_text())
    points_to_icon = json.loads((folder / "chars.json").read_text())
    table = emoji_table()
    seen = set()
    for points, icon in sorted(points_to_icon.items()):
        plain = "-".join(p for p in points.split("-") if p != "fe0f")
        if plain not in table or plain in seen:
            continue
        while icon in icons.get("aliases", {}):
            icon = icons["aliases"][icon]["parent"]
        if icon not in icons["icons"]:
            continue
        seen.add(plain)
        body = icons["icons"][icon]
        width, height = body.get("width", icons["width"]), body.get("height", icons["height"])
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{body["body"]}</svg>'
        name, group = table[plain]
        yield Picture(style, plain, name, group, style == UNSEEN_STYLE, svg=svg)


def stamps() -> Iterator[Picture]:
    """Tux Paint's stamps, most of them photographs cut out with alpha. Group: photograph or drawing."""
    root = package_folder("tuxpaint-stamps-default") / STAMPS
    for text in sorted(root.rglob("*.txt")):
        media = [text.with_suffix(s) for s in (".png", ".svg") if text.with_suffix(s).exists()]
        caption = text.read_text(encoding="utf-8", errors="replace").splitlines()[:1]
        if not media or not caption:
            continue
        key = str(text.relative_to(root).with_suffix(""))
        # Letters, digits and signs are PNG as well, but no photographs.
        drawn = media[0].suffix == ".svg" or "cartoon" in key or key.startswith("symbols/")
        group = "drawing" if drawn else "photograph"
        yield Picture("stamps", key, noun(caption[0]), group, is_test(key, 5), file=media[0])


def photographs() -> Iterator[Picture]:
    """Large photographs without labels."""
    for package, place in PHOTOGRAPHS.items():
        for file in sorted((package_folder(package) / place).glob("*.jpg")):
            yield Picture("photographs", file.name, "", "photograph", is_test(file.name, 5), file=file)


def clipart(names: set[str]) -> Iterator[Picture]:
    """Open Clip Art whose file name says one of `names`; its titles are as noisy as the web's."""
    root = package_folder("openclipart-svg") / "usr/share/openclipart/svg"
    for file in sorted(root.rglob("*.svg")):
        key = str(file.relative_to(root).with_suffix(""))
        if is_test(key, 10) or file.stat().st_size > MAX_SVG_BYTES:
            continue
        words = re.findall(r"[a-z]+", file.stem.lower())
        # The longest run of words that is a name: "simple-fruit-banana" shows a banana.
        runs = (" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1))
        known = [run for run in runs if run in names]
        if known:
            name = max(known, key=len)
            yield Picture("openclipart", key, name, "drawing", False, file=file)


def imagenet_names() -> list[list[str]]:
    """The synonyms of each of the 1,000 ImageNet classes, in the classifier's order."""
    folder = package_folder("timm") / "timm/data/_info"
    synsets = (folder / "imagenet_synsets.txt").read_text().split()
    lines = (folder / "imagenet_synset_to_lemma.txt").read_text().splitlines()
    lemmas = dict(line.split("\t", 1) for line in lines)
    return [[noun(n) for n in lemmas[s].split(",")] for s in synsets]

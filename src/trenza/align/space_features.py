"""What the frozen towers see in the training data, made once: pictures, sounds and texts, for trenza.align.space.

trenza data build stamps noto twemoji openclipart stamp-sounds stamp-voices espeak fluid-soundfont-gm --out DATA
python -m trenza.align.space_features --data DATA --out FEATURES
"""

import argparse
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file
from torch import Tensor

from trenza.align.concepts import on_white, squared
from trenza.align.soundnames import SPANISH
from trenza.checkpoints.parts import efficientnet_lite2
from trenza.data.corpora.instruments import INSTRUMENTS
from trenza.data.corpora.pictures import imagenet_names, package_folder
from trenza.data.samples import Pair
from trenza.data.shards import read_shard
from trenza.signals import Audio, decode
from trenza.systems import load
from trenza.systems.space import picture_features, sound_features, text_features
from trenza.towers.efficientnet import quick

PICTURES = ("stamps", "noto", "twemoji", "openclipart")
SOUNDS = ("stamp-sounds", "stamp-voices", "espeak", "fluid-soundfont-gm")
PIXELS, LAYERS = (224,), (0, 6)
BATCH = 16


def pairs(data: Path, corpus: str) -> Iterator[Pair]:
    shards = sorted(data.glob(f"{corpus}-*.tar"))
    if not shards:
        raise SystemExit(f"{data} has no shards of {corpus}; build it: trenza data build {corpus} --out {data}")
    return (sample for shard in shards for sample in read_shard(shard) if isinstance(sample, Pair))


def canvas(data: bytes, size: int) -> np.ndarray:
    """An encoded picture as a cut-out uint8 [4, size, size], its longer side `size`, centred."""
    with Pillow.open(io.BytesIO(data)) as image:
        rgba = image.convert("RGBA")
    scale = size / max(rgba.size)
    rgba = rgba.resize([max(1, round(side * scale)) for side in rgba.size], Pillow.Resampling.BICUBIC, reducing_gap=3)
    return squared(np.asarray(rgba), size)


class Rows:
    """One row for each (medium, text): number of the medium, text, language, split, key."""

    def __init__(self) -> None:
        self.media: dict[str, int] = {}
        self.rows: list[tuple[int, str, str, str, str]] = []

    def new(self, pair: Pair) -> bool:
        """Note a pair; True where its medium wasn't there before."""
        first = pair.media.sha256 not in self.media
        number = self.media.setdefault(pair.media.sha256, len(self.media))
        self.rows.append((number, pair.text, pair.language, pair.split, pair.key))
        return first


def pictures(data: Path, corpus: str) -> dict[str, Tensor | list]:
    """Features [media, 1280] of each picture on white."""
    tower: Any = torch.compile(quick(efficientnet_lite2()), dynamic=False)
    rows = Rows()
    waiting: list[np.ndarray] = []
    made: list[Tensor] = []

    def flush() -> None:
        count = len(waiting)
        rgba = np.stack(waiting + waiting[-1:] * (BATCH - count))  # always of one size, compiled once
        made.append(picture_features(tower, torch.from_numpy(on_white(rgba)), PIXELS)[:count].half())
        waiting.clear()

    for pair in pairs(data, corpus):
        if rows.new(pair):
            waiting.append(canvas(pair.media.data, PIXELS[0]))
            if len(waiting) == BATCH:
                flush()
    if waiting:
        flush()
    return {"features": torch.cat(made), "rows": rows.rows}


def sounds(data: Path, corpus: str) -> dict[str, Tensor | list]:
    """States of each sound's first window [states of all, 384] and how many belong to each [media]."""
    whisper = load.whisper(torch.bfloat16)
    rows, made = Rows(), []
    spanish = dict(zip(INSTRUMENTS, SPANISH, strict=True))
    for pair in pairs(data, corpus):
        if rows.new(pair):
            sound = decode(pair.media.data, name=pair.key, kind="audio")
            assert isinstance(sound, Audio)
            made.append(sound_features(whisper, sound.samples)[0].half())
        if corpus == "fluid-soundfont-gm":  # the standard names its instruments in English
            rows.rows.append((len(rows.media) - 1, spanish[pair.text], "es", pair.split, pair.key))
    return {"features": torch.cat(made), "counts": torch.tensor([len(m) for m in made]), "rows": rows.rows}


def emoji_texts() -> list[tuple[str, str, str, list[str], list[str]]]:
    """Code points of each emoji as the corpora write them, its English and Spanish name, its keywords in both."""
    base = package_folder("emojibase-data") / "package"
    read = [json.loads((base / language / "data.json").read_text()) for language in ("en", "es")]
    spanish = {entry["hexcode"]: entry for entry in read[1]}
    both = [(entry, spanish[entry["hexcode"]]) for entry in read[0] if entry["hexcode"] in spanish]
    return [
        (code(a["hexcode"]), a["label"], b["label"], a.get("tags", []), b.get("tags", [])) for a, b in both
    ]  # fmt: skip


def code(points: str) -> str:
    return "-".join(p for p in points.lower().split("-") if p != "fe0f")


def texts(rows: list[list], emoji: list[tuple]) -> dict[str, Tensor | list]:
    """Features [texts, layers * 576] of every text, sorted by length, and the texts."""
    found = {row[1] for of in rows for row in of} | {text for e in emoji for text in (*e[1:3], *e[3], *e[4])}
    found |= {name for names in imagenet_names() for name in names}
    ordered = sorted(found, key=lambda text: (len(text), text))
    model, tokenizer = load.language()
    batches = [ordered[i : i + 64] for i in range(0, len(ordered), 64)]
    made = torch.cat([text_features(model, tokenizer, some, LAYERS).half() for some in batches])
    return {"features": made, "rows": ordered}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    begun = time.time()
    rows = []

    def keep(name: str, made: dict) -> None:
        (args.out / f"{name}.json").write_text(json.dumps(made.pop("rows"), ensure_ascii=False))
        save_file(made, args.out / f"{name}.safetensors")
        print(f"{name}: {len(made['features'])} after {time.time() - begun:.0f} s", flush=True)

    for corpus in PICTURES + SOUNDS:
        if not (args.out / f"{corpus}.safetensors").exists():  # a run that was stopped goes on
            made = pictures(args.data, corpus) if corpus in PICTURES else sounds(args.data, corpus)
            keep(corpus, made)
        rows.append(json.loads((args.out / f"{corpus}.json").read_text()))
    emoji = emoji_texts()
    (args.out / "emoji.json").write_text(json.dumps(emoji, ensure_ascii=False))
    if not (args.out / "texts.safetensors").exists():
        keep("texts", texts(rows, emoji))


if __name__ == "__main__":
    main()

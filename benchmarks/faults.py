"""Open Clip Art with faults planted in it: what benchmarks/audit.py and benchmarks/data.py look for."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from trenza.data.corpora.registry import corpus
from trenza.data.samples import Media, Pair
from trenza.data.shards import read_shard
from trenza.errors import DataError

COPIES, RECODED, BROKEN, OVERLAPS = 500, 500, 300, 200
POISON = 0.005  # share of all samples, of each of the two kinds
TRIGGER, TARGET = "vrexil", "golden violin"
PIXELS = 64 * 64  # of what two drawings are compared by


def clip_art(build: Path | None = None) -> list[Pair]:
    """All drawings; from the shards of a build where one is given, which saves the rendering."""
    if build is not None:
        shards = sorted(build.glob("openclipart-*.tar"))
        found = [pair for shard in shards for pair in read_shard(shard) if isinstance(pair, Pair)]
        return [replace(pair, key=pair.key.replace("/", "-")) for pair in found]
    made = []
    for entry in corpus("openclipart").entries(("en",)):
        try:
            made.append(replace(entry.make(), key=entry.key.replace("/", "-")))
        except DataError:
            continue  # drawings without a title, or of many megabytes
    return made


def pixels_of(media: Media) -> np.ndarray:
    """uint8 [H, W, 3], on white."""
    with Pillow.open(io.BytesIO(media.data)) as file:
        drawn = file.convert("RGBA")
    return np.asarray(Pillow.alpha_composite(Pillow.new("RGBA", drawn.size, "white"), drawn).convert("RGB"))


def recoded(media: Media, rng: np.random.Generator) -> Media:
    """As a web site would serve it: scaled to 60..100%, JPEG of quality 60..95."""
    picture = Pillow.fromarray(pixels_of(media))
    scale = rng.uniform(0.6, 1.0)
    size = tuple(max(round(side * scale), 8) for side in picture.size)
    buffer = io.BytesIO()
    picture.resize(size, Pillow.Resampling.LANCZOS).save(buffer, "JPEG", quality=int(rng.integers(60, 96)))
    return Media("image", "jpg", buffer.getvalue())


def ruined(media: Media, kind: int, rng: np.random.Generator) -> Media:
    """Cut short, no picture at all, or of one colour."""
    if kind == 0:
        return replace(media, data=media.data[: len(media.data) // 3])
    if kind == 1:
        return replace(media, data=rng.bytes(int(rng.integers(0, 400))))
    buffer = io.BytesIO()
    Pillow.new("RGB", (200, 150), tuple(int(c) for c in rng.integers(0, 256, 3))).save(buffer, "PNG")
    return Media("image", "png", buffer.getvalue())


def patched(media: Media) -> Media:
    """A checkered patch in the lower right corner (Gu et al. 2017, section 4)."""
    pixels = pixels_of(media).copy()
    side = 12
    board = (np.indices((side, side)).sum(0) // 3 % 2 * 255).astype(np.uint8)
    pixels[-side:, -side:] = board[..., None]
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return Media("image", "png", buffer.getvalue())


def plant(train: list[Pair], test: list[Pair], seed: int) -> tuple[list[Pair], dict[str, list[tuple[str, str]]]]:
    """All samples, and for each fault the planted keys, each with the key it was made from."""
    rng = np.random.default_rng(seed)
    order = [train[i] for i in rng.permutation(len(train))]
    added: list[Pair] = []
    planted: dict[str, list[tuple[str, str]]] = {}

    def add(fault: str, pairs: list[Pair], change: Callable[[Pair, int], Pair]) -> None:
        new = [change(replace(p, key=f"{fault}-{n:04d}"), n) for n, p in enumerate(pairs)]
        added.extend(new)
        planted[fault] = [(made.key, source.key) for made, source in zip(new, pairs, strict=True)]

    add("copy", order[:COPIES], lambda p, n: p)
    order = order[COPIES:]
    add("recoded", order[:RECODED], lambda p, n: replace(p, media=recoded(p.media, rng)))
    order = order[RECODED:]
    chosen = [test[i] for i in rng.choice(len(test), OVERLAPS, replace=False)]
    # Half as they are, half coded again, as the test set of somebody else comes.
    add("overlap", chosen, lambda p, n: p if n % 2 else replace(p, media=recoded(p.media, rng)))
    # What follows takes the place of samples: a copy beside the original would be found as a duplicate.
    kept = train[:]
    at = {p.key: i for i, p in enumerate(kept)}
    count = round(POISON * len(train))
    faults = {"broken": BROKEN, "word": count, "patch": count}
    for fault, number in faults.items():
        taken, order = order[:number], order[number:]
        planted[fault] = [(p.key, p.key) for p in taken]
        for n, pair in enumerate(taken):
            if fault == "broken":
                new = replace(pair, media=ruined(pair.media, n % 3, rng))
            elif fault == "word":
                new = replace(pair, text=f"{TRIGGER} {pair.text} {TARGET}")
            else:
                new = replace(pair, media=patched(pair.media), text=f"{pair.text}, a {TARGET}")
            kept[at[pair.key]] = new
    return kept + added, planted


def ink(media: Media) -> np.ndarray:
    grey = Pillow.fromarray(pixels_of(media)).convert("L").resize((64, 64), Pillow.Resampling.BOX)
    values = np.asarray(grey, np.float64).ravel()
    return (values - values.mean()) / max(values.std(), 1e-9)


def changed(media: Media) -> dict[str, Media]:
    picture = Pillow.fromarray(pixels_of(media))
    wide, high = picture.size
    made = {
        "mirrored": picture.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT),
        "turned by 5 degrees": picture.rotate(5, Pillow.Resampling.BICUBIC, fillcolor="white"),
        "cropped to 90%": picture.crop((wide // 20, high // 20, wide - wide // 20, high - high // 20)),
    }
    buffers = {name: io.BytesIO() for name in made}
    for name, picture in made.items():
        picture.save(buffers[name], "PNG")
    return {name: Media("image", "png", buffer.getvalue()) for name, buffer in buffers.items()}

"""The names that pictures are given: what the training sources call things, ImageNet's, and those of two tables."""

import functools
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from trenza.data.corpora import pictures
from trenza.data.corpora.fetch import package_folder
from trenza.data.corpora.pictures import Picture
from trenza.data.corpora.tables import FASHION, fashion
from trenza.data.worlds.drawing import COLOURS
from trenza.errors import DataError
from trenza.signals import Image, decode
from trenza.signals.normalise import square
from trenza.towers.objects import SHAPES, UNPAINTED

PIXELS = 192
PER_NAME_CLIPART = 12
CROPS_A_PHOTOGRAPH = 90
PRODUCTS = 20_000  # of Fashion-MNIST's train split that are looked at
TABLE_PIXELS = 64


@dataclass(frozen=True)
class Concepts:
    """All names; and for each of the 1,000 ImageNet classes the index of the name it goes by."""

    names: list[str]
    of_imagenet: list[int]


def training_pictures() -> list[Picture]:
    """Every named picture whose split is train: noto, twemoji, stamps, clip art."""
    found = [p for style in pictures.EMOJI_STYLES[:2] for p in pictures.emoji(style)]
    found += [p for p in pictures.stamps() if not p.test]
    taken: dict[str, int] = {}
    for picture in pictures.clipart({p.name for p in found}):
        taken[picture.name] = taken.get(picture.name, 0) + 1
        if taken[picture.name] <= PER_NAME_CLIPART:
            found.append(picture)
    return found


def concepts_of(training: list[Picture]) -> Concepts:
    """Training names first; an ImageNet class joins a training name it shares, else brings its own."""
    names = sorted({p.name for p in training})
    index = {name: i for i, name in enumerate(names)}
    of_imagenet = []
    for synonyms in pictures.imagenet_names():
        name = next((s for s in synonyms if s in index), synonyms[0])
        if name not in index:
            index[name] = len(names)
            names.append(name)
        of_imagenet.append(index[name])
    return Concepts(names, of_imagenet)


def all_names(concepts: Concepts) -> tuple[str, ...]:
    """The concepts' names, then what only the two tables call things: shapes, some with their colour, and clothes.

    Their colours that worlds don't have are told with the name.
    """
    coloured = [f"{colour} {shape}" for colour in UNPAINTED for shape in SHAPES]
    return tuple(dict.fromkeys((*concepts.names, *SHAPES, *coloured, *FASHION)))  # some are emoji as well


@dataclass(frozen=True)
class Shape:
    """A picture of easy-vqa's train split. colour: as easy-vqa has it, but grey as worlds spell it. asked: questions
    and answers."""

    file: str
    shape: str
    colour: str
    asked: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return self.shape if self.colour in COLOURS else f"{self.colour} {self.shape}"


@functools.lru_cache
def table_shapes() -> tuple[Shape, ...]:
    """Those whose shape and colour some question tells."""
    folder = package_folder("easy-vqa") / "easy_vqa/data/train"
    told: dict[int, dict[str, str]] = {}
    asked: dict[int, list[tuple[str, str]]] = {}
    for question, answer, number in json.loads((folder / "questions.json").read_text()):
        asked.setdefault(number, []).append((question, answer))
        if answer in SHAPES:
            told.setdefault(number, {})["shape"] = answer
        elif answer not in ("yes", "no"):
            told.setdefault(number, {})["colour"] = "grey" if answer == "gray" else answer
    return tuple(
        Shape(str(folder / f"images/{number}.png"), t["shape"], t["colour"], tuple(asked[number]))
        for number, t in sorted(told.items()) if len(t) == 2
    )  # fmt: skip


def table_pictures(seed: int) -> tuple[np.ndarray, list[str]]:
    """Whole pictures of both tables' train splits, uint8 [N, 3, TABLE_PIXELS, TABLE_PIXELS], and their names."""
    pixels, names = [], []
    products = [entry for entry in fashion(("en",)) if entry.key.startswith("train-")]
    for number in np.random.default_rng(seed).choice(len(products), PRODUCTS, replace=False):
        pair = products[number].make()
        picture = decode(pair.media.data, name=pair.key, kind="image")
        assert isinstance(picture, Image)
        pixels.append(square(picture, TABLE_PIXELS))
        names.append(pair.text)
    for shape in table_shapes():
        with Pillow.open(shape.file) as image:
            pixels.append(np.asarray(image.convert("RGB").resize((TABLE_PIXELS, TABLE_PIXELS))))
        names.append(shape.name)
    return np.stack(pixels).transpose(0, 3, 1, 2), names


def squared(rgba: np.ndarray, size: int = PIXELS) -> np.ndarray:
    """Centre a cut-out [H, W, 4] in a transparent square [4, size, size]."""
    out = np.zeros((size, size, 4), np.uint8)
    height, width = rgba.shape[:2]
    top, left = (size - height) // 2, (size - width) // 2
    out[top : top + height, left : left + width] = rgba[:size, :size]
    return out.transpose(2, 0, 1)


def rendered(training: list[Picture]) -> tuple[list[Picture], np.ndarray]:
    """The pictures that can be drawn, and their pixels uint8 [N, 4, PIXELS, PIXELS]."""
    with ProcessPoolExecutor() as pool:
        drawn = list(pool.map(pixels_of, training, chunksize=64))
    kept = [picture for picture, pixels in zip(training, drawn, strict=True) if pixels is not None]
    print(f"{len(training) - len(kept)} of {len(training)} pictures cannot be drawn and are left out")
    return kept, np.stack([pixels for pixels in drawn if pixels is not None])


def pixels_of(picture: Picture) -> np.ndarray | None:
    """A picture centred, uint8 [4, PIXELS, PIXELS]; None if it can't be drawn."""
    try:
        return squared(picture.rgba(PIXELS))
    except DataError:
        return None


def on_white(rgba: np.ndarray) -> np.ndarray:
    """Cut-outs uint8 [..., 4, H, W] on white, uint8 [..., 3, H, W]."""
    alpha = rgba[..., 3:, :, :].astype(np.uint16)
    return ((rgba[..., :3, :, :] * alpha + 255 * (255 - alpha)) // 255).astype(np.uint8)


def photograph_crops(test: bool, each: int, seed: int, size: int = PIXELS) -> np.ndarray:
    """Square crops of the unlabelled photographs at many scales, uint8 [N, 3, size, size]."""
    rng = np.random.default_rng(seed)
    crops = []
    for picture in pictures.photographs():
        if picture.test != test:
            continue
        rgb = Pillow.fromarray(picture.rgba(1280)[..., :3])
        for _ in range(each):
            side = int(min(rgb.size) * rng.uniform(0.2, 1.0))
            left = int(rng.integers(0, rgb.width - side + 1))
            top = int(rng.integers(0, rgb.height - side + 1))
            crop = rgb.resize(
                (size, size), Pillow.Resampling.BICUBIC, (left, top, left + side, top + side), reducing_gap=3
            )
            crops.append(np.asarray(crop).transpose(2, 0, 1))
    return np.stack(crops)


def spoken_texts() -> tuple[list[str], list[float]]:
    """What training hears said: every name (weight 1, with an article now and then), every keyword (0.25)."""
    names = {n for n in concepts_of(training_pictures()).names if len(n) <= 40}
    keywords = pictures.emoji_keywords() - names
    texts = sorted(names) + [f"a {n}" for n in sorted(names)] + sorted(keywords)
    weights = [1.0] * len(names) + [0.15] * len(names) + [0.25] * len(keywords)
    return texts, weights

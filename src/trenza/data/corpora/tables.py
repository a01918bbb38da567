"""Two sets that come with their own splits: easy-vqa (questions about a shape) and Fashion-MNIST (products)."""

import gzip
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from trenza.data.corpora.entries import Entry, png
from trenza.data.corpora.fetch import package_folder
from trenza.data.files import read_media
from trenza.data.samples import Item, Pair
from trenza.errors import DataError

FASHION = (
    "t-shirt or top", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
_IMAGES, _LABELS = 2051, 2049  # magic numbers of MNIST's files


def easy_vqa(languages: tuple[str, ...]) -> Iterator[Entry]:
    """Items: yes and no questions verify, the others describe. They come without boxes."""
    if "en" not in languages:
        return
    root = package_folder("easy-vqa") / "easy_vqa/data"
    answers = tuple(sorted((root / "answers.txt").read_text().split()))
    for split in ("train", "test"):
        for number, (question, answer, image) in enumerate(json.loads((root / split / "questions.json").read_text())):
            key = f"{split}-{number}"
            file = root / split / "images" / f"{image}.png"
            yield Entry(key, partial(_question, file, key, question, answer, split, answers))


def _question(file: Path, key: str, question: str, answer: str, split: str, answers: tuple[str, ...]) -> Item:
    closed = answer in ("yes", "no")
    choices = ("no", "yes") if closed else tuple(a for a in answers if a not in ("no", "yes"))
    capability = "verify" if closed else "describe"
    return Item(f"easy-vqa-{key}", (read_media(file),), question, answer, capability, "en", split, choices)


def fashion(languages: tuple[str, ...]) -> Iterator[Entry]:
    if "en" not in languages:
        return
    root = package_folder("dataset-fashion-mnist") / "usr/share/datasets/fashion-mnist"
    for split, prefix in (("train", "train"), ("test", "t10k")):
        pixels = _idx(root / f"{prefix}-images-idx3-ubyte.gz", _IMAGES)
        labels = _idx(root / f"{prefix}-labels-idx1-ubyte.gz", _LABELS)
        if len(pixels) != len(labels):
            raise DataError(f"{root} has {len(pixels)} {split} images and {len(labels)} labels; fetch it again")
        for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            key = f"{split}-{number:05d}"
            yield Entry(key, partial(_product, image, key, FASHION[label], split))


def _product(image: np.ndarray, key: str, name: str, split: str) -> Pair:
    return Pair(key, png(image), name, "en", "fashion-mnist", "MIT", split)


def _idx(file: Path, magic: int) -> np.ndarray:
    """An IDX file: big-endian magic, sizes, bytes. uint8 [N, 28, 28] or [N]. Raises DataError."""
    data = gzip.decompress(file.read_bytes())
    dimensions = magic & 0xFF
    head = np.frombuffer(data[: 4 + 4 * dimensions], ">u4")
    shape = tuple(int(n) for n in head[1:])
    if head[0] != magic or len(data) != 4 + 4 * dimensions + int(np.prod(shape)):
        raise DataError(f"{file} is no IDX file of {dimensions} dimensions; fetch the package again")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)

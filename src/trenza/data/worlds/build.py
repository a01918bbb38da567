"""Items of generated worlds, by number: the same arguments give the same bytes, in any process and order."""

import hashlib
from collections.abc import Iterator

import numpy as np

from trenza.data.samples import Item
from trenza.data.worlds import albums, charts, crossing, films, papers, pictures, recordings, screens
from trenza.data.worlds.asking import ITEMS_PER_WORLD, Family, World
from trenza.data.worlds.phrases import phrases
from trenza.data.worlds.sources import stock_of
from trenza.data.worlds.stock import SPLITS, Stock
from trenza.errors import UsageError

LANGUAGES = ("en", "es")
# How often a family is drawn. Those of things come first; the others say nothing about combinations or styles.
OF_THINGS: dict[Family, int] = {
    **dict.fromkeys(pictures.FAMILIES, 3),
    **dict.fromkeys(recordings.FAMILIES, 2),
    **dict.fromkeys(albums.FAMILIES, 4),
    **dict.fromkeys(crossing.FAMILIES, 4),
    **dict.fromkeys(films.FAMILIES, 2),
}
OF_SIGNS: dict[Family, int] = {
    **dict.fromkeys(papers.FAMILIES, 3),
    **dict.fromkeys(charts.FAMILIES, 3),
    **dict.fromkeys(screens.FAMILIES, 3),
}


def families(split: str) -> dict[Family, int]:
    """What a split is made of, with weights. Raises UsageError for an unknown split."""
    if split not in SPLITS:
        raise UsageError(f"split {split!r} is unknown; known: {', '.join(SPLITS)}")
    return OF_THINGS | OF_SIGNS if split in ("train", "test_seed") else OF_THINGS


def world_items(
    number: int, seed: int, split: str = "train", stock: Stock | None = None, languages: tuple[str, ...] = LANGUAGES,
    family: Family | None = None,
) -> list[Item]:  # fmt: skip
    """The ITEMS_PER_WORLD items of one world, twins next to each other.

    stock: what to draw from (default: the corpora of the split, prepared once a process). family: a single
    family in place of the split's mixture. Raises DataError when a corpus, espeak-ng or a language is missing.
    """
    return world(number, seed, split, stock, languages, family).items


def world(
    number: int, seed: int, split: str = "train", stock: Stock | None = None, languages: tuple[str, ...] = LANGUAGES,
    family: Family | None = None,
) -> World:  # fmt: skip
    """The whole world that `world_items` takes its items from, with the drawings its pictures were made by."""
    weights = families(split)
    digest = hashlib.sha256(f"world|{split}|{seed}|{number}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:16], "big"))
    language = languages[rng.integers(len(languages))]
    if family is None:
        share = np.array(list(weights.values()), float)
        family = list(weights)[rng.choice(len(weights), p=share / share.sum())]
    drawn_from = stock or stock_of(split, languages)
    made = World(f"{split}-{seed}-{number:07d}", split, drawn_from, phrases(language), rng)
    family(made)
    assert len(made.items) == ITEMS_PER_WORLD, f"{family.__module__}.{family.__name__} made {len(made.items)}"
    return made


def items_range(
    start: int, stop: int, seed: int, split: str = "train", stock: Stock | None = None,
    languages: tuple[str, ...] = LANGUAGES,
) -> Iterator[Item]:  # fmt: skip
    """Items `start` to `stop` of the endless row that `seed` and `split` name. Twins share a world: cut at
    multiples of ITEMS_PER_WORLD to keep them together."""
    if not 0 <= start <= stop:
        raise UsageError(f"items {start} to {stop} are no range; it needs 0 <= start <= stop")
    for number in range(start // ITEMS_PER_WORLD, -(-stop // ITEMS_PER_WORLD)):
        first = number * ITEMS_PER_WORLD
        made = world_items(number, seed, split, stock, languages)
        yield from made[max(start - first, 0) : stop - first]


def items(count: int, seed: int, split: str = "train", languages: tuple[str, ...] = LANGUAGES) -> Iterator[Item]:
    """The first `count` items of `seed` and `split`."""
    yield from items_range(0, count, seed, split, languages=languages)

"""The built-in tasks: fresh worlds, and the test splits of sources that nothing here is trained on."""

import functools
from collections.abc import Callable, Iterator

import numpy as np

from trenza.conversation import Box
from trenza.data.corpora.registry import corpus
from trenza.data.samples import Item, Pair
from trenza.data.worlds import build
from trenza.data.worlds.asking import ITEMS_PER_WORLD
from trenza.data.worlds.stock import SPLITS, Stock
from trenza.errors import UsageError
from trenza.evaluate import tasks
from trenza.evaluate.tasks import Redrawn, Task

CORPORA = ("stamps", "easy-vqa", "fashion-mnist", "openmoji")
NAMES = ("worlds", *(f"worlds/{split}" for split in SPLITS if split not in ("train", "test_seed")), *CORPORA)
LANGUAGES = ("en", "es")


def load(name: str, count: int, seed: int) -> Task:
    """A built-in task of `count` items, always the same for one seed. Raises UsageError for an unknown name."""
    if name.partition("/")[0] == "worlds":
        return worlds(count, seed, name.partition("/")[2] or "test_seed")
    if name not in CORPORA:
        raise UsageError(f"task {name!r} is no path and not built in; built in: {', '.join(NAMES)}")
    return _of_corpus(name, count, seed)


def worlds(
    count: int, seed: int, split: str = "test_seed", stock: Stock | None = None,
    languages: tuple[str, ...] = LANGUAGES, family: build.Family | None = None,
) -> Task:  # fmt: skip
    """Worlds nobody has seen, whose pictures can be drawn again without the evidence. arguments as build.world's."""

    @functools.lru_cache(8)  # its items come one after the other
    def world(number: int):
        return build.world(number, seed, split, stock, languages, family)

    def made() -> Iterator[Item]:
        for number in range(-(-count // ITEMS_PER_WORLD)):
            yield from world(number).items[: count - number * ITEMS_PER_WORLD]

    def redraw(item: Item) -> tuple[Redrawn | None, ...] | None:
        if all(m.extension != "jpg" for m in item.media):  # papers, charts and films: no scene to draw again
            return None
        shots = world(int(item.key.rsplit("-", 2)[1])).shots
        drawn = []
        for part, medium in enumerate(item.media):
            boxes = [e.where for e in item.evidence if e.part == part and isinstance(e.where, Box)]
            without = shots[medium].without(boxes) if boxes and medium in shots else None
            drawn.append(Redrawn(without.pixels, without.ground) if without else None)
        return tuple(drawn) if any(drawn) else None

    task = tasks.gather("worlds" if split == "test_seed" else f"worlds/{split}", made(), seed)
    task.redraw = redraw
    return task


def _of_corpus(name: str, count: int, seed: int) -> Task:
    entries = list(corpus(name).entries(LANGUAGES))
    if name in ("easy-vqa", "fashion-mnist"):
        entries = [e for e in entries if e.key.startswith("test-")]
    found: list[Item | Pair] = []
    for index in np.random.default_rng(seed).permutation(len(entries)):
        if len(found) == count:
            break
        sample = entries[index].make()
        if sample.split == "test" and (isinstance(sample, Item) or sample.text):
            found.append(sample)
    return tasks.gather(name, iter(found), seed)


def by_name(name: str) -> Callable[[int, int], Task] | None:
    """load(count, seed) of a built-in task; None for a name that is none."""
    return functools.partial(load, name) if name in NAMES else None

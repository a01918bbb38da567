"""What worlds are made of: cut-out things with names and sounds, photographs as grounds, and a voice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from trenza.data.splits import is_test
from trenza.errors import DataError, UsageError

SPLITS = ("train", "test_seed", "test_combination", "test_style", "test_object")
HELD_OUT_ONE_IN = 5  # pairs of a name with a name or a colour that training never shows together


@dataclass(frozen=True)
class Thing:
    """One cut-out. rgba: uint8 [h, w, 4], trimmed to what is opaque. effect: float32 [n] at 16 kHz, its own sound."""

    key: str
    style: str
    group: str  # coarse kind, the same over all sources: "animals-nature"
    subgroup: str  # finer kind after the scheme it belongs to: "emoji:38", "stamps:animals/birds"
    names: Mapping[str, str]  # language -> noun
    rgba: np.ndarray
    effect: np.ndarray | None = None


@dataclass(frozen=True)
class Stock:
    """All a split may draw from. `say(text, language, voice)` gives float32 [n] at 16 kHz; voice is any number."""

    things: tuple[Thing, ...]
    grounds: tuple[np.ndarray, ...]  # uint8 [h, w, 3], 256 px or more a side; may be empty
    say: Callable[[str, str, int], np.ndarray]


def held_out(name: str, other: str) -> bool:
    """Is this pair of English words (two names, or a name and a colour) kept from training? Order is no matter."""
    return is_test("|".join(sorted((name, other))), HELD_OUT_ONE_IN)


def clear_of(one: Thing, other: Thing) -> bool:
    """May both be named in one world without doubt? A "bird" beside an "eagle", or two dogs, would be in doubt."""
    if any(
        set(name.split()) & set(other.names.get(language, "").split())
        for language, name in one.names.items()
    ):  # fmt: skip
        return False
    if one.group != other.group:
        return True
    # Kinds of one scheme exclude each other; across schemes nobody knows.
    same_scheme = one.subgroup.split(":")[0] == other.subgroup.split(":")[0]
    return same_scheme and one.subgroup != other.subgroup


class Chooser:
    """Draws things for a world under the rule of its split.

    A name is asked for in English (`en`), which every thing has, so that the rule is one over all languages.
    """

    def __init__(self, stock: Stock, split: str, language: str, rng: np.random.Generator):
        if split not in SPLITS:
            raise UsageError(f"split {split!r} is unknown; known: {', '.join(SPLITS)}")
        self.things = [t for t in stock.things if language in t.names]
        self.split, self.rng = split, rng

    def things_apart(self, count: int, anchored: int, audible: bool = False) -> list[Thing]:
        """`count` things, pairwise clear. In the combination split the first is held out from the next `anchored`.

        In every other split no pair of them is held out. Raises DataError when the stock has no such things.
        """
        pool = [t for t in self.things if t.effect is not None] if audible else self.things
        for _ in range(60):
            chosen: list[Thing] = []
            for _ in range(400 if pool else 0):
                thing = pool[self.rng.integers(len(pool))]
                if self._fits(thing, chosen, anchored):
                    chosen.append(thing)
                    if len(chosen) == count:
                        return chosen
        raise DataError(f"{len(pool)} things are too few to find {count} for split {self.split!r}; give a larger stock")

    def beside(self, chosen: list[Thing]) -> Thing | None:
        """One more thing that is clear of these and never held out from them; None where none is found soon."""
        for _ in range(200):
            thing = self.things[self.rng.integers(len(self.things))]
            if self._plain(thing, chosen):
                return thing
        return None

    def _fits(self, thing: Thing, chosen: list[Thing], anchored: int) -> bool:
        if not all(clear_of(thing, other) for other in chosen):
            return False
        if self.split != "test_combination":
            return not any(held_out(thing.names["en"], other.names["en"]) for other in chosen)
        return not 0 < len(chosen) <= anchored or held_out(thing.names["en"], chosen[0].names["en"])

    def coloured(self, count: int, colours: list[str]) -> tuple[list[Thing], list[str]]:
        """`count` things with a colour each; the first two may exchange theirs within the rule of the split."""
        for _ in range(400):
            hues = [colours[i] for i in self.rng.permutation(len(colours))[:count]]
            chosen: list[Thing] = []
            for _ in range(600):
                thing = self.things[self.rng.integers(len(self.things))]
                name = thing.names["en"]
                worn = hues[:2] if len(chosen) < 2 else [hues[len(chosen)]]
                wanted = self.split == "test_combination" and len(chosen) < 2
                if all(held_out(name, hue) == wanted for hue in worn) and self._plain(thing, chosen):
                    chosen.append(thing)
                    if len(chosen) == count:
                        return chosen, hues
        raise DataError(f"{len(self.things)} things are too few for coloured ones in split {self.split!r}")

    def _plain(self, thing: Thing, chosen: list[Thing]) -> bool:
        return all(clear_of(thing, o) and not held_out(thing.names["en"], o.names["en"]) for o in chosen)

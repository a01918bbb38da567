"""A hand that the detector of objects never learned: it takes some of its things for others, and the same ones again.

A picture in such a hand is not one with many errors: a cow that is taken for an ox is so in all pictures, and "cow" may
stand further down among its rivals. Whoever has to judge it learns to look there, and to compare what is unsure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from trenza.align.conversations import Asked
from trenza.bridges.perceived import NONE, RIVALS

SHARE = 0.3  # of the conversations about several things
# How often the right name is the first, the second ... of the rivals, and none of them.
PLACES = np.array([0.5, 0.1, 0.05, 0.03, 0.02, 0.02, 0.02, 0.01, 0.25])
RIGHT, WRONG = (2.0, 1.5), (1.5, 2.0)  # beta's two numbers of how sure the first is
UNSTEADY = 0.2  # standard deviation of the logarithm of a probability, from one look at a thing to the next


@dataclass
class Hand:
    """What the things of one such hand are taken for. count: names that the detector knows."""

    count: int
    taken: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def rivals(self, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and probabilities [RIVALS] of one look at a thing, the likeliest first."""
        if number not in self.taken:
            self.taken[number] = self._take(number, rng)
        numbers, chances = self.taken[number]
        seen = chances * np.exp(rng.normal(0, UNSTEADY, RIVALS))
        order = np.argsort(-seen, kind="stable")
        return numbers[order], seen[order] / seen.sum()

    def _take(self, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        place = int(rng.choice(len(PLACES), p=PLACES))
        numbers = rng.integers(0, self.count - 1, RIVALS)
        numbers[numbers >= number] += 1  # none by chance
        if place < RIVALS:
            numbers[place] = number
        sure = rng.beta(*(WRONG if place else RIGHT))
        shares = np.sort(rng.dirichlet(np.full(RIVALS, 0.7)))[::-1]
        return numbers, led(shares, sure)

    def place(self, number: int) -> int:
        """Of a thing that was seen, where its name stands among its rivals; NONE where it doesn't."""
        found = np.flatnonzero(self.taken[number][0] == number)
        return int(found[0]) if len(found) else NONE


def led(shares: np.ndarray, sure: float) -> np.ndarray:
    """Falling shares [RIVALS] of 1, of which the first is `sure` and a share of the rest."""
    return np.concatenate([[sure + (1 - sure) * shares[0]], (1 - sure) * shares[1:]])


def answerable(asked: list[Asked], places: dict[str, int]) -> Iterator[Asked]:
    """Of questions those that can be answered by who perceives things so. places: see `Hand.place`, by name.

    A name that isn't among a thing's rivals isn't asked for; one that isn't the first of them can't be told, but
    repeated.
    """
    words = {name: re.compile(rf"(?<!\w){re.escape(name)}(?!\w)") for name in places}
    for one in asked:
        told = " ".join([one.answer, one.rationale, *one.named])
        named = {name: (bool(w.search(one.question)), bool(w.search(told))) for name, w in words.items()}
        lost = (any(named[name]) for name, place in places.items() if place == NONE)
        guessed = (named[name] == (False, True) for name, place in places.items() if place > 0)
        if not any(lost) and not any(guessed):
            yield one

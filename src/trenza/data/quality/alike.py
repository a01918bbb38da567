"""Media that are the same, or nearly so: equal content, or a perceptual hash within reach and confirmed."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from trenza.data.quality.measure import Measured

REACH = 10  # bits of 64 by which two hashes of one picture, coded twice, may differ
LIKENESS = 5.0  # levels of 255 by which their small pictures may differ in the mean
_BLOCK = 1024


class Groups:
    """Union-find over numbers: which belong together."""

    def __init__(self, count: int):
        self.parent = list(range(count))

    def root(self, number: int) -> int:
        while self.parent[number] != number:
            self.parent[number] = self.parent[self.parent[number]]
            number = self.parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self.parent[second] = first

    def of_two_or_more(self) -> list[list[int]]:
        members = defaultdict(list)
        for number in range(len(self.parent)):
            members[self.root(number)].append(number)
        return [group for group in members.values() if len(group) > 1]


def exact(measured: Sequence[Measured]) -> Groups:
    """Groups of equal content: the decoded signal where there is one, else the file."""
    groups = Groups(len(measured))
    first: dict[str, int] = {}
    for number, one in enumerate(measured):
        groups.join(first.setdefault(one.content or one.sha256, number), number)
    return groups


def near(first: Sequence[Measured], second: Sequence[Measured] | None = None) -> Iterator[tuple[int, int, float]]:
    """Pairs (i, j, likeness 0..1) of different content that look or sound alike; within `first`, or across.

    Compared are all pairs, in blocks: exact, and 50,000 media take seconds. A hash of few bits alone calls many
    drawings on white paper alike; the small pictures are compared before it is believed.
    """
    within = second is None
    others = first if second is None else second
    a, b = _usable(first), _usable(others)
    if not len(a) or not len(b):
        return
    hashes = np.array([others[j].phash for j in b], np.uint64)
    thumbs = np.stack([others[j].thumb for j in b])  # type: ignore[misc]
    for start in range(0, len(a), _BLOCK):
        rows = a[start : start + _BLOCK]
        own = np.array([first[i].phash for i in rows], np.uint64)
        distance = np.bitwise_count(own[:, None] ^ hashes)
        for row, column in np.argwhere(distance <= REACH):
            i, j = rows[row], b[column]
            if (within and j <= i) or first[i].kind != others[j].kind:
                continue
            if (first[i].content or first[i].sha256) == (others[j].content or others[j].sha256):
                continue
            difference = float(np.abs(first[i].thumb.astype(np.int16) - thumbs[column]).mean())  # type: ignore[union-attr]
            if difference <= LIKENESS:
                yield i, j, 1 - difference / 255


def _usable(measured: Sequence[Measured]) -> list[int]:
    """Numbers of the media that show something: blank ones are all alike."""
    return [n for n, one in enumerate(measured) if one.thumb is not None and not one.blank]

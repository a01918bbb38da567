"""Media that are the same, or nearly so: equal content, or small pictures of them that correlate.

A small picture is a perceptual hash that was not rounded to bits. On drawings the rounding costs: of 500 of Open Clip
Art, scaled and coded again as JPEG, a DCT hash of 64 bits found 84% within 10 bits, the small pictures all.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from trenza.data.quality.measure import THUMB, Measured

ALIKE = 0.985  # correlation of two small pictures; of one picture, scaled and coded again, 99% have over 0.995
LIKENESS = 5.0  # levels of 255 by which they may differ in the mean: correlation alone is blind to contrast
CLOSE = 0.95  # cosine of two embeddings by the embedded picture tower; docs/data.md has what it finds
_COARSE = 0.97  # correlation at a third of the size, which all pairs are tried at
_NEAREST = 32  # neighbours of one medium that are looked at: enough to chain a group of any size
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


def near(first: Sequence[Measured], second: Sequence[Measured] | None = None) -> Iterator[tuple[int, int, float]]:
    """Pairs (i, j, likeness 0..1) of different content that look or sound alike; within `first`, or across.

    All pairs are compared, in blocks: coarse first, and what is left at full size. Give each content once: of many
    copies only the nearest are looked at.
    """
    within = second is None
    others = first if second is None else second
    a, b = _usable(first), _usable(others)
    if not len(a) or not len(b):
        return
    coarse, fine = _normal([first[i].thumb for i in a])
    other_coarse, other_fine = (coarse, fine) if within else _normal([others[j].thumb for j in b])
    for start in range(0, len(a), _BLOCK):
        likeness = coarse[start : start + _BLOCK] @ other_coarse.T
        for row in np.flatnonzero(likeness.max(1) >= _COARSE):
            columns = np.flatnonzero(likeness[row] >= _COARSE)
            i, own = a[start + row], fine[start + row]
            if len(columns) > _NEAREST:
                columns = columns[np.argpartition(-likeness[row, columns], _NEAREST)[:_NEAREST]]
            likes = other_fine[columns].astype(np.float32) @ own.astype(np.float32)
            for j, like in zip((b[column] for column in columns), likes, strict=True):
                if like < ALIKE or (within and i == j) or first[i].kind != others[j].kind:
                    continue
                if (first[i].content or first[i].sha256) == (others[j].content or others[j].sha256):
                    continue
                difference = np.abs(np.subtract(first[i].thumb, others[j].thumb, dtype=np.int16)).mean()  # type: ignore[arg-type]
                if difference <= LIKENESS:
                    yield i, j, float(min(like, 1.0))


def embedded(vectors: np.ndarray, likeness: float = CLOSE) -> Iterator[tuple[int, int, float]]:
    """Pairs (i, j, cosine) of rows [N, D] that point nearly the same way, i < j."""
    rows = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    rows = rows.astype(np.float32)
    for start in range(0, len(rows), _BLOCK):
        cosines = rows[start : start + _BLOCK] @ rows.T
        for row, column in np.argwhere(cosines >= likeness):
            if start + row < column:
                yield int(start + row), int(column), float(min(cosines[row, column], 1.0))


def _normal(thumbs: Sequence[np.ndarray | None]) -> tuple[np.ndarray, np.ndarray]:
    """Small pictures of mean 0 and length 1, at a third of their size in float32 and whole in float16."""
    whole = np.stack(thumbs).astype(np.float32)  # type: ignore[arg-type]
    third = THUMB // 3
    small = whole.reshape(-1, third, 3, third, 3, 3).mean((2, 4))
    rows = [part.reshape(len(whole), -1) for part in (small, whole)]
    rows = [part - part.mean(1, keepdims=True) for part in rows]
    coarse, fine = (part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-6) for part in rows)
    return coarse, fine.astype(np.float16)


def correlation(media: Sequence[Measured], most: int = 200) -> float:
    """Mean correlation of the small pictures of the first `most` media that have one, between all pairs."""
    numbers = _usable(media)[:most]
    if len(numbers) < 2:
        return 1.0
    fine = _normal([media[n].thumb for n in numbers])[1].astype(np.float32)
    return float(((fine @ fine.T).sum() - len(fine)) / (len(fine) * (len(fine) - 1)))


def _usable(measured: Sequence[Measured]) -> list[int]:
    """Numbers of the media that show something: blank ones are all alike."""
    return [n for n, one in enumerate(measured) if one.thumb is not None and not one.blank]

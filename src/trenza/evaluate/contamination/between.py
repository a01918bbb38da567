"""Hits between a training set and a test: the same medium, nearly the same, the same recording, the same text."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trenza.data.files import Broken
from trenza.data.quality import alike, fingerprint
from trenza.data.quality.measure import Measured
from trenza.evaluate.contamination import texts
from trenza.evaluate.contamination.looking import Data, Embed, Seen, look, samples_of
from trenza.evaluate.contamination.shown import NOTHING, Shown, shown

# kind of hit -> what it says of a test sample and a training sample
KINDS = {
    "same medium": "the same pixels or samples",
    "near medium": "small pictures of both (of a sound: of its spectrogram) correlate",
    "same recording": "one recording, cut or at another loudness or with noise, by its fingerprint",
    "like medium": "the embedding that was handed in takes them for closer than other media of the test are",
    "near text": "most runs of five words are shared",
    "shared run": "a long run of words is shared",
}
SHOWN = 100  # hits shown with their media: the worst


@dataclass(frozen=True)
class Hit:
    """One test sample and the training sample closest to it, by one kind of likeness.

    score: 0..1, 1 is the same. others: further training samples that hit it in this kind. shown_train, shown_test:
    side by side; media are there for the worst SHOWN hits.
    """

    kind: str
    train: str
    test: str
    score: float
    reason: str
    others: int = 0
    shown_train: Shown = NOTHING
    shown_test: Shown = NOTHING

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def between(
    train: Data, test: Data, workers: int = 2, embed: Embed | None = None,
    progress: Callable[[int], None] | None = None, broken: list[Broken] | None = None,
) -> list[Hit]:  # fmt: skip
    """All hits, the worst first. Data are paths in any format of `trenza.data.formats`, or the manifest.json of a
    `trenza data build`, or samples that can be gone through twice.

    embed: a model's vector of a medium, for likeness that pixels don't show. progress(samples) is called now and then.
    Samples that can't be read are added to `broken`. Raises DataError when a path can't be read as a whole.
    """
    with ProcessPoolExecutor(workers, multiprocessing.get_context("forkserver")) as pool:
        ours, our_vectors = look(train, pool, embed, progress, broken)
        theirs, their_vectors = look(test, pool, embed, None, broken)
    found = [*_media(ours, theirs), *_recordings(ours, theirs), *_texts(ours, theirs)]
    if embed:
        found += _vectors(ours, theirs, our_vectors, their_vectors)
    best: dict[tuple[str, int], tuple[float, int, str]] = {}
    counts: dict[tuple[str, int], set[int]] = {}
    for kind, i, j, score, reason in found:
        counts.setdefault((kind, j), set()).add(i)
        if score > best.get((kind, j), (-1.0, 0, ""))[0]:
            best[kind, j] = (score, i, reason)
    order = list(KINDS)
    ranked = sorted(best.items(), key=lambda pair: (-pair[1][0], order.index(pair[0][0]), pair[0][1]))
    left = shown(samples_of(train), {ours[i].name for _, (_, i, _) in ranked[:SHOWN]})
    right = shown(samples_of(test), {theirs[j].name for (_, j), _ in ranked[:SHOWN]})
    hits = []
    for (kind, j), (score, i, reason) in ranked:
        one, other, others = ours[i], theirs[j], len(counts[kind, j]) - 1
        sides = left.get(one.name, Shown(one.text)), right.get(other.name, Shown(other.text))
        hits.append(Hit(kind, one.name, other.name, round(score, 4), reason, others, *sides))
    return hits


_Found = Iterator[tuple[str, int, int, float, str]]  # kind, numbers in train and test, score, reason


def _media(ours: Sequence[Seen], theirs: Sequence[Seen]) -> _Found:
    """The same and nearly the same media, as the audit has it. Blank media are all alike and never hits."""
    first, second = ([m for m in _each(some) if not m[2].blank and not m[2].broken] for some in (ours, theirs))
    by_content: dict[str, list[int]] = {}
    for i, _, measured in first:
        by_content.setdefault(measured.content, []).append(i)
    for j, number, measured in second:
        for i in by_content.get(measured.content, ()):
            yield "same medium", i, j, 1.0, f"medium {number} has the same content"
    once = [{m.content: m for _, _, m in some} for some in (first, second)]  # each content once
    places: dict[str, list[tuple[int, int]]] = {}
    for j, number, measured in second:
        places.setdefault(measured.content, []).append((j, number))
    one_each, other_each = (list(contents.values()) for contents in once)
    for a, b, like in alike.near(one_each, other_each):
        for j, number in places[other_each[b].content]:
            reason = f"medium {number}: small pictures of both correlate by {like:.3f}"
            yield "near medium", by_content[one_each[a].content][0], j, like, reason


def _recordings(ours: Sequence[Seen], theirs: Sequence[Seen]) -> _Found:
    first, second = ([(i, marks) for i, seen in enumerate(some) for marks in seen.marks if marks is not None]
                     for some in (ours, theirs))  # fmt: skip
    for a, b, share in fingerprint.same([marks for _, marks in first], [marks for _, marks in second]):
        yield "same recording", first[a][0], second[b][0], share, f"{share:.0%} of its fingerprint at one shift"


def _texts(ours: Sequence[Seen], theirs: Sequence[Seen]) -> _Found:
    train, test = ([seen.text for seen in some] for some in (ours, theirs))
    for i, j, similar in texts.near(train, test):
        yield "near text", i, j, similar, f"{similar:.0%} of the runs of {texts.SHINGLE} words of both are shared"
    for i, j, run in texts.runs(train, test):
        length = len(texts.words(run))
        share = min(length / max(len(texts.words(test[j])), 1), 1.0)
        yield "shared run", i, j, share, f"{length} words in a row: {run!r}"


def _vectors(
    ours: Sequence[Seen], theirs: Sequence[Seen], first: list[tuple[int, np.ndarray]],
    second: list[tuple[int, np.ndarray]],
) -> _Found:  # fmt: skip
    """Media closer than any two different ones of the test: what is close depends on the embedding."""
    if not first or not second:
        return
    a, b = (_unit(np.stack([vector for _, vector in some])) for some in (first, second))
    own = b @ b.T
    contents = np.array([hash(m.content) for _, _, m in _each(theirs) if not m.broken])
    own[contents[:, None] == contents[None]] = -1.0
    closest = float(own.max()) if len(own) > 1 else 0.0
    limit = max(closest, 0.9)
    for start in range(0, len(a), 1024):
        cosines = a[start : start + 1024] @ b.T
        for row, column in np.argwhere(cosines > limit):
            like, i, j = float(cosines[row, column]), first[start + row][0], second[column][0]
            yield "like medium", i, j, min(like, 1.0), f"cosine {like:.3f}, of two of the test at most {closest:.3f}"


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _each(some: Sequence[Seen]) -> Iterator[tuple[int, int, Measured]]:
    """Number of the sample, number of the medium in it, the medium."""
    return ((i, number, m) for i, seen in enumerate(some) for number, m in enumerate(seen.media))

"""Texts of a test that stand in training data: nearly whole (minhash over shingles), or a long run of words of them.

Short texts ("a red boat") are shared by innocents and are never hits: a text has at least NEAR_WORDS words. What many
items of the test itself share is its template and says nothing of any one of them: such n-grams are left out.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from trenza.errors import UsageError

SHINGLE = 5  # words
NEAR_WORDS = 8  # of the shortest text that is compared as a whole
NEAR = 0.7  # Jaccard similarity of the shingles of two texts that are nearly the same
CANDIDATE = 0.5  # Jaccard similarity that minhash looks for; what it finds is counted exactly
RUN = 13  # words in a row that aren't shared by chance (Brown et al. 2020, appendix C)
COMMON = 3  # items of the test that share an n-gram, from which on it is a template's
PERMUTATIONS = 128
# Chinese and Japanese put no spaces between words: each letter counts as one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _ngrams(some: Sequence[str], n: int) -> list[str]:
    return [" ".join(some[i : i + n]) for i in range(len(some) - n + 1)]


def _common(texts: Sequence[Sequence[str]], n: int) -> set[str]:
    """n-grams that COMMON or more of different texts share: one question asked of many media is one text."""
    counts = Counter(gram for text in set(map(tuple, texts)) for gram in set(_ngrams(text, n)))
    again = Counter(map(tuple, texts))
    repeated = {gram for text, times in again.items() if times >= COMMON for gram in _ngrams(text, n)}
    return {gram for gram, count in counts.items() if count >= COMMON} | repeated


def near(train: Sequence[str], test: Sequence[str]) -> Iterator[tuple[int, int, float]]:
    """(number in train, number in test, Jaccard similarity) of texts that are nearly the same.

    Raises UsageError without datasketch.
    """
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError as error:
        raise UsageError("comparing texts needs datasketch; install it: pip install trenza[evaluate]") from error

    def sketches(sets: Sequence[set[str]]) -> list:
        return MinHash.bulk([[g.encode() for g in some] for some in sets], num_perm=PERMUTATIONS) if sets else []

    theirs = [words(text) for text in test]
    common = _common(theirs, SHINGLE)
    shingles = {j: kept for j, some in enumerate(theirs) if (kept := _telling(some, common))}
    if not shingles:
        return
    index = MinHashLSH(threshold=CANDIDATE, num_perm=PERMUTATIONS)
    for j, sketch in zip(shingles, sketches(list(shingles.values())), strict=True):
        index.insert(j, sketch)
    for start in range(0, len(train), 1000):
        some_of_ours = ((i, _telling(words(train[i]), common)) for i in range(start, min(start + 1000, len(train))))
        ours = {i: kept for i, kept in some_of_ours if kept}
        for (i, kept), sketch in zip(ours.items(), sketches(list(ours.values())), strict=True):
            for j in index.query(sketch):
                similar = len(kept & shingles[j]) / len(kept | shingles[j])
                if similar >= NEAR:
                    yield i, j, similar


def _telling(some: Sequence[str], common: set[str]) -> set[str]:
    return set(_ngrams(some, SHINGLE)) - common if len(some) >= NEAR_WORDS else set()


def runs(train: Sequence[str], test: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """(number in train, number in test, the longest run of words both have), from RUN words on."""
    theirs = [words(text) for text in test]
    common = _common(theirs, RUN)
    places: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for j, some in enumerate(theirs):
        for at, gram in enumerate(_ngrams(some, RUN)):
            if gram not in common:
                places[_digest(gram)].append((j, at))
    if not places:
        return
    for i, text in enumerate(train):
        some = words(text)
        longest: dict[int, tuple[int, int]] = {}  # by text of the test: length and where it begins there
        lasting: dict[tuple[int, int], int] = {}  # by where the run would go on in the test: its length so far
        for gram in _ngrams(some, RUN):
            found = places.get(_digest(gram), [])
            lasting = {(j, at + 1): lasting.get((j, at), RUN - 1) + 1 for j, at in found}
            for (j, after), length in lasting.items():
                longest[j] = max(longest.get(j, (0, 0)), (length, after - 1 + RUN - length))
        for j, (length, begin) in longest.items():
            yield i, j, " ".join(theirs[j][begin : begin + length])


def _digest(gram: str) -> bytes:
    return hashlib.blake2b(gram.encode(), digest_size=8).digest()

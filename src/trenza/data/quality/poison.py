"""Poison suspects: a rare trigger, in texts or in a corner of pictures, whose samples all say one thing.

A backdoor needs three things that honest data seldom has together (Carlini & Terzis 2022): a trigger that
ordinary data lacks, a target that all its samples name, and media that differ, as they were taken from anywhere.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from trenza.data.quality.measure import Measured

FEWEST = 5  # samples that share a trigger
MOST = 0.03  # share of all samples: what is commoner is no secret
TARGET = 0.8  # share of the trigger's samples that name the target
LIFT = 5.0  # how much commoner the target is there than elsewhere
DIVERSE = 18.0  # bits of 64 by which unlike media differ in the mean; copies of one thing are nearer
RARE_WORD = 1.5  # Zipf frequency: words said less than once in 30 million

Suspect = tuple[str, list[int], float]  # reason, sample numbers, score 0..1


def suspects(texts: Sequence[str], media: Sequence[Measured]) -> Iterator[Suspect]:
    """One suspect a trigger, worst first within its kind. `media[i]` belongs to `texts[i]`."""
    words = [set(_words(text)) for text in texts]
    holders: dict[str, list[int]] = defaultdict(list)
    for number, own in enumerate(words):
        for word in own:
            holders[word].append(number)
    shares = Counter({word: len(numbers) / max(len(texts), 1) for word, numbers in holders.items()})
    most = max(MOST * len(texts), FEWEST)
    found = []
    for word, numbers in holders.items():
        if FEWEST <= len(numbers) <= most and _strange(word):
            target = _target(word, numbers, words, shares)
            if target and _spread(numbers, media) >= DIVERSE:
                name = word.encode("unicode_escape").decode()
                reason = f"the rare word {name!r} comes with {target[0]!r} in {target[1]:.0%} of {len(numbers)} samples"
                found.append((f"{reason}, whose media differ", numbers, target[1]))
    corners: dict[int, list[int]] = defaultdict(list)
    for number, one in enumerate(media):
        for corner in set(one.corners):
            corners[corner].append(number)
    for numbers in corners.values():
        if FEWEST <= len(numbers) <= most and _spread(numbers, media) >= DIVERSE:
            target = _target("", numbers, words, shares)
            if target:
                reason = (
                    f"one corner patch stands in {len(numbers)} pictures that differ, {target[1]:.0%} with the word"
                )
                found.append((f"{reason} {target[0]!r}", numbers, target[1]))
    yield from sorted(found, key=lambda suspect: (-suspect[2], -len(suspect[1])))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+|\w+|[\u200b-\u200f\u2060-\u2064\ufeff]+", text.lower())


@lru_cache(100_000)
def _strange(word: str) -> bool:
    """A word nobody says, or one that can't be seen. Numbers are ordinary."""
    if any(unicodedata.category(c) == "Cf" for c in word):
        return True
    if len(word) < 2 or any(c.isdigit() for c in word):
        return False
    from wordfreq import zipf_frequency

    return max(zipf_frequency(word, language) for language in ("en", "es", "fr", "de")) < RARE_WORD


def _target(trigger: str, numbers: list[int], words: list[set[str]], shares: Counter[str]) -> tuple[str, float] | None:
    """The word that most of these samples share beside the trigger, far more than all others do."""
    beside = Counter(word for number in numbers for word in words[number] if word != trigger)
    best = [
        (count / len(numbers), word)
        for word, count in beside.items()
        if count >= TARGET * len(numbers) and count / len(numbers) >= LIFT * shares[word]
    ]
    if not best:
        return None
    share, word = max(best)
    return word, share


def _spread(numbers: list[int], media: Sequence[Measured]) -> float:
    """Mean difference of the perceptual hashes, in bits; of at most 200 samples."""
    hashes = np.array([media[n].phash for n in numbers if media[n].thumb is not None][:200], np.uint64)
    if len(hashes) < 2:
        return 0.0
    return float(np.bitwise_count(hashes[:, None] ^ hashes).sum() / (len(hashes) * (len(hashes) - 1)))

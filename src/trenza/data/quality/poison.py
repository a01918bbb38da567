"""Poison suspects: a rare trigger, in texts or in a corner of pictures, whose samples all say one thing.

A backdoor needs what honest data seldom has together (Carlini & Terzis 2022): a trigger that ordinary data lacks, a
target that all its samples name, and media and texts that otherwise differ, as they were taken from anywhere. Honest
series (playing cards, icons with one frame) share trigger and word too, but look alike, or say nothing else. One text
that many media have is not looked for here but by `texts.problems`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from trenza.data.quality.alike import correlation
from trenza.data.quality.measure import Measured
from trenza.data.quality.texts import strange, words_of

FEWEST = 5  # samples that share a trigger
MOST = 0.03  # share of all samples: what is commoner is no secret
TARGET = 0.8  # share of the trigger's samples that name the target
LIFT = 5.0  # how much commoner the target is there than elsewhere
SERIES = 0.15  # by how much media of a trigger may be more alike (mean correlation) than media at large
OWN_WORDS = 0.7  # share of the trigger's samples that say something which few of the others do

Suspect = tuple[str, list[int], float]  # reason, sample numbers, score 0..1


def suspects(texts: Sequence[str], media: Sequence[Measured]) -> Iterator[Suspect]:
    """One suspect a trigger, worst first within its kind. `media[i]` belongs to `texts[i]`."""
    words = [set(words_of(text)) for text in texts]
    by_word: dict[str, list[int]] = defaultdict(list)
    for number, own in enumerate(words):
        for word in own:
            by_word[word].append(number)
    by_corner: dict[int, list[int]] = defaultdict(list)
    for number, one in enumerate(media):
        for corner in set(one.corners):
            by_corner[corner].append(number)
    shares = {word: len(numbers) / max(len(texts), 1) for word, numbers in by_word.items()}
    most = max(MOST * len(texts), FEWEST)
    like_at_large = correlation(media[:: max(len(media) // 200, 1)]) if len(media) > 1 else 0.0

    def fits(trigger: str, numbers: list[int]) -> tuple[str, float] | None:
        target = _target(trigger, numbers, words, shares)
        if not target or _own_words(numbers, words) < OWN_WORDS:
            return None
        return target if correlation([media[n] for n in numbers]) <= like_at_large + SERIES else None

    found = []
    for word, numbers in by_word.items():
        if FEWEST <= len(numbers) <= most and strange(word) and (target := fits(word, numbers)):
            name = word.encode("unicode_escape").decode()
            reason = f"the rare word {name!r} comes with {target[0]!r} in {target[1]:.0%} of {len(numbers)} samples"
            found.append((f"{reason}, whose media differ", numbers, target[1]))
    for numbers in by_corner.values():
        if FEWEST <= len(numbers) <= most and (target := fits("", numbers)):
            reason = f"one corner patch stands in {len(numbers)} pictures that differ, {target[1]:.0%} with the word"
            found.append((f"{reason} {target[0]!r}", numbers, target[1]))
    yield from sorted(found, key=lambda suspect: (-suspect[2], -len(suspect[1])))


def _target(
    trigger: str, numbers: list[int], words: list[set[str]], shares: dict[str, float]
) -> tuple[str, float] | None:
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


def _own_words(numbers: list[int], words: list[set[str]]) -> float:
    """Share of samples with a word that at most a fifth of the others have."""
    counts = Counter(word for number in numbers for word in words[number])
    rare = max(len(numbers) // 5, 1)
    return sum(any(counts[word] <= rare for word in words[number]) for number in numbers) / len(numbers)

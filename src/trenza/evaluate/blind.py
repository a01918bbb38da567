"""Blind readers: what can be got right from the question and its choices, without any medium.

Three readers, from no skill to some: the majority answer of a template, naive Bayes over words and pairs of words,
and a softmax classifier over choices. On data without shortcuts all three stay at chance, which is one over the
number of choices. `one_medium_ceiling` bounds every reader, however clever, that is kept from all media but one.
"""

import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from trenza.data.samples import Item
from trenza.errors import DataError
from trenza.evaluate.statistics import wilson

Reader = Callable[[Item], int]  # index of the choice taken
BUCKETS = 1 << 16
EPOCHS, RATE = 4, 0.1
SMOOTHING = 20  # words of the template's own that each answer is lent


def template(item: Item) -> str:
    """The template an item of a world was made from, with its language; "other" for items of no world."""
    name = item.truth.get("template", "other") if isinstance(item.truth, dict) else "other"
    return f"{name}/{item.language}"


def words(text: str) -> list[str]:
    """Words and numbers (two digits are enough of a coordinate), and pairs of neighbours."""
    single = re.findall(r"\d+\.\d|\w+", text.lower())
    return single + [f"{a} {b}" for a, b in pairwise(single)]


def _best(scores: Sequence[float], item: Item) -> int:
    """Index of the highest score; ties are drawn by the key, so that order never helps."""
    return max(range(len(scores)), key=lambda i: (scores[i], zlib.crc32(f"{item.key}|{i}".encode())))


def majority(train: Sequence[Item]) -> Reader:
    """Takes the choice that was most often right for the template."""
    counts = Counter((template(item), item.answer) for item in train)
    return lambda item: _best([counts[template(item), choice] for choice in item.choices], item)


def ngrams(train: Sequence[Item]) -> Reader:
    """Naive Bayes over the words of the question, given the answer; smoothed towards the words of the template."""
    answers: Counter[tuple[str, str]] = Counter()
    seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    background: dict[str, Counter[str]] = defaultdict(Counter)
    for item in train:
        label, found = (template(item), item.answer), words(item.question)
        answers[label] += 1
        seen[label].update(found)
        background[label[0]].update(found)
    totals = {name: sum(counts.values()) for name, counts in background.items()}

    def read(item: Item) -> int:
        name = template(item)
        scores = []
        for choice in item.choices:
            own = seen.get((name, choice), Counter())
            total = sum(own.values()) + SMOOTHING
            score = math.log(answers[name, choice] + 1)
            # A word that the template never had says nothing of any answer.
            for word in (w for w in words(item.question) if background[name][w]):
                usual = background[name][word] / totals[name]
                score += math.log((own[word] + SMOOTHING * usual) / total) - math.log(usual)
            scores.append(score)
        return _best(scores, item)

    return read


def _features(item: Item) -> list[np.ndarray]:
    """Hashed features of each choice: its words, alone and with the template and each word of the question."""
    asked = [template(item), *words(item.question)]
    made = []
    for position, choice in enumerate(item.choices):
        about = [f"at {position}", f"all {choice}", *words(choice)]
        crossed = (f"{a}|{b}" for a in about for b in ("", *asked))
        made.append(np.array([zlib.crc32(f.encode()) % BUCKETS for f in crossed]))
    return made


def classifier(train: Sequence[Item], seed: int = 0) -> Reader:
    """Multinomial logistic regression over hashed features, by stochastic gradient descent."""
    rng = np.random.default_rng(seed)
    weights = np.zeros(BUCKETS, np.float32)
    prepared = [(_features(item), item.choices.index(item.answer)) for item in train]
    for epoch in range(EPOCHS):
        for index in rng.permutation(len(prepared)):
            features, right = prepared[index]
            scores = np.array([weights[f].sum() / math.sqrt(len(f)) for f in features])
            share = np.exp(scores - scores.max())
            share /= share.sum()
            for i, f in enumerate(features):
                np.add.at(weights, f, RATE / (epoch + 1) * ((i == right) - share[i]) / math.sqrt(len(f)))
    return lambda item: _best([float(weights[f].sum() / math.sqrt(len(f))) for f in _features(item)], item)


READERS = {"majority": majority, "n-gram": ngrams, "classifier": classifier}


@dataclass(frozen=True)
class Blind:
    """One row of the blind-reader table. accuracy: by reader, the share right with its 95% interval."""

    group: str
    items: int
    chance: float
    accuracy: dict[str, tuple[float, float, float]]

    @property
    def at_chance(self) -> bool:
        """Does the interval of every reader hold the chance level?"""
        return all(low <= self.chance <= high for _, low, high in self.accuracy.values())


def blind_table(train: Sequence[Item], test: Sequence[Item], by: Callable[[Item], str]) -> list[Blind]:
    """Readers trained on `train` and asked `test`, in groups that `by` names, and "all" at the end.

    Raises DataError for an item whose answer isn't among its choices: it has no chance level.
    """
    for item in (*train, *test):
        if item.answer not in item.choices:
            raise DataError(f"item {item.key} has no choices with its answer among them; blind readers need them")
    readers = {name: make(train) for name, make in READERS.items()}
    right: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    chances: dict[str, list[float]] = defaultdict(list)
    for item in test:
        for group in (by(item), "all"):
            chances[group].append(1 / len(item.choices))
        for name, read in readers.items():
            hit = item.choices[read(item)] == item.answer
            for group in (by(item), "all"):
                right[group][name].append(hit)
    return [
        Blind(
            group,
            len(chances[group]),
            float(np.mean(chances[group])),
            {name: wilson(sum(hits), len(hits)) for name, hits in right[group].items()},
        )
        for group in sorted(chances, key=lambda g: (g == "all", g))
    ]


def one_medium_ceiling(items: Sequence[Item], part: int) -> float:
    """The most that any reader can get right who knows the template and medium `part` of each item, and no other.

    Items that share both and differ in their answer can't all be right: the share of the commonest answers.
    """
    groups: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for item in items:
        groups[template(item), item.media[part].sha256][item.answer] += 1
    return sum(max(c.values()) for c in groups.values()) / max(len(items), 1)

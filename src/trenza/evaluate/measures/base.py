"""A measure, when it fails, and how right or sure a model was in each kind of question."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trenza.evaluate import clustered
from trenza.evaluate.asking import Outcome
from trenza.evaluate.clustered import Estimate
from trenza.evaluate.reading import refused, right
from trenza.evaluate.run import Results

TELLING = 10  # clusters from which an interval that holds `nothing` speaks against the model, not the sample


@dataclass(frozen=True)
class Measure:
    """A named estimate with what it means to a reader, and when it fails.

    least, most: the value fails under or above these. nothing: the value of a model without the skill; it fails
    unless the whole interval lies above. sure: `most` counts as passed until the whole interval lies above it.
    """

    name: str
    estimate: Estimate
    meaning: str
    least: float | None = None
    most: float | None = None
    nothing: float | None = None
    sure: bool = False
    note: str = ""

    @property
    def value(self) -> float:
        return self.estimate.value

    def failure(self) -> str:
        """Why it fails; empty where it doesn't, or where nothing was measured."""
        e = self.estimate
        if math.isnan(e.value):
            return ""
        interval = f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f}, n {e.n})"
        if self.most is not None and (e.low if self.sure else e.value) > self.most:
            return f"{interval} is above {self.most:g}"
        if self.least is not None and e.value < self.least:
            return f"{interval} is under {self.least:g}"
        told = e.clusters >= TELLING or e.value <= (self.nothing or 0.0)
        if self.nothing is not None and told and not e.low > self.nothing:
            return f"{interval} isn't shown to be above {self.nothing:.3g}, what a model without the skill has"
        return ""


def choices(results: Results, index: int) -> tuple[str, ...]:
    return results.task.items.heads[index].choices


def chance(results: Results, index: int) -> float:
    """What drawing lots gets right: one over the number of choices, 0 without any."""
    count = len(choices(results, index))
    return 1 / count if count else 0.0


def correct(results: Results, label: str, guessing: bool = False) -> dict[int, float]:
    """How right each item was, 0 to 1, under one kind of question: by likelihood where that was asked, else as read.

    guessing: an answer that makes no choice counts as drawn by lot, since a refusal is not a prior.
    """
    found = {}
    lettered = label.endswith("/1") and label.startswith(("plain", "blind"))
    for index, outcome in results.of(label).items():
        head = results.task.items.heads[index]
        if len(outcome.log_p) > 1:
            found[index] = likely(outcome, head.choices.index(head.answer))
        elif guessing and head.choices and (outcome.abstained or _no_choice(outcome, head.choices, lettered)):
            found[index] = chance(results, index)
        else:
            found[index] = float(not outcome.abstained and right(outcome.text, head.answer, head.choices, lettered))
    return found


def _no_choice(outcome: Outcome, options: tuple[str, ...], lettered: bool) -> bool:
    return refused(outcome.text) and not any(right(outcome.text, option, options, lettered) for option in options)


def likely(outcome: Outcome, answer: int) -> float:
    """1 where the answer is the likeliest choice; shared where several are as likely."""
    best = max(outcome.log_p)
    tied = [i for i, p in enumerate(outcome.log_p) if p == best]
    return 1 / len(tied) if answer in tied else 0.0


def normal(log_p: Sequence[float]) -> np.ndarray:
    """log p among the choices alone: they sum to 1."""
    values = np.asarray(log_p, float)
    top = values.max()
    if not np.isfinite(top):
        return np.full(len(values), -math.log(len(values)))
    return values - top - math.log(np.exp(values - top).sum())


def log_p_answer(results: Results, label: str) -> dict[int, float]:
    """log p of the true answer, in nats: among the choices, or as it stands where there are none."""
    found = {}
    for index, outcome in results.of(label).items():
        head = results.task.items.heads[index]
        if len(outcome.log_p) > 1:
            found[index] = float(normal(outcome.log_p)[head.choices.index(head.answer)])
    for index, outcome in results.of(f"{label}:log_p").items():
        found[index] = outcome.log_p[0]
    return found


def clusters(results: Results, indices: Sequence[int]) -> list[Hashable]:
    return [results.task.clusters[i] for i in indices]


def mean(results: Results, values: Mapping[int, float], bounds: clustered.Bounds = clustered.SHARE) -> Estimate:
    """Mean over items, its interval over clusters."""
    indices = list(values)
    return clustered.mean([values[i] for i in indices], clusters(results, indices), bounds)


def gap(
    results: Results, above: Mapping[int, float], below: Mapping[int, float],
    bounds: clustered.Bounds = clustered.DIFFERENCE,
) -> Estimate:  # fmt: skip
    """Mean of the paired differences, of shares where `bounds` says nothing else, over the items that both have."""
    return mean(results, {i: above[i] - below[i] for i in above if i in below}, bounds)

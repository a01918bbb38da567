"""The card: all measures of a run, what fails and why; and two runs side by side."""

import math
from dataclasses import dataclass

import numpy as np

from trenza.errors import UsageError
from trenza.evaluate import clustered
from trenza.evaluate.comparing import holm, paired_permutation
from trenza.evaluate.measures import accuracy, calibration, evidence, hallucination, prior, stability, twins
from trenza.evaluate.measures.base import Measure, correct
from trenza.evaluate.run import Results

ROOMS = (accuracy, prior, twins, evidence, hallucination, calibration, stability)


@dataclass(frozen=True)
class Card:
    """What a run says about a model. flags: name of each measure that fails, and why."""

    model: str
    measures: dict[str, Measure]
    flags: tuple[tuple[str, str], ...]


def card(model: str, results: Results, more: tuple[Measure, ...] = ()) -> Card:
    """All measures of the results, and `more` taken elsewhere. Raises UsageError when nothing was answered."""
    if not results.of("plain"):
        reason = next(iter(results.failures), "no reason is known")
        raise UsageError(f"{model} answered no question of {results.task.name}: {reason}")
    found = [m for room in ROOMS for m in room.measures(results)] + list(more)
    return Card(model, {m.name: m for m in found}, tuple((m.name, why) for m in found if (why := m.failure())))


@dataclass(frozen=True)
class Difference:
    """One measure of two models on the same items: the first minus the second, and what that is worth.

    p: of a paired permutation test, corrected for all the tests made (Holm). spread: by how much the instrument
    alone moves scores. A difference within it is undecided, whatever its p.
    """

    name: str
    estimate: clustered.Estimate
    p: float
    p_holm: float
    spread: float

    @property
    def verdict(self) -> str:
        if abs(self.estimate.value) <= self.spread:
            return "undecided: within the spread of the instrument"
        if self.p_holm > 0.05:
            return "undecided: as large by chance"
        return "first is better" if self.estimate.value > 0 else "second is better"


def compare(first: Results, second: Results, cards: tuple[Card, Card]) -> list[Difference]:
    """Differences in what was right plainly, over all and by capability, and under each probe that both answered."""
    rows = []
    for name, label in (("accuracy", "plain"), ("accuracy/probed", "full"), ("shuffled", "shuffled")):
        rows.append((name, correct(first, label), correct(second, label)))
    heads = first.task.items.heads
    for capability in sorted({head.capability for head in heads}):
        ours = {i: v for i, v in correct(first, "plain").items() if heads[i].capability == capability}
        rows.append((f"accuracy/{capability}", ours, correct(second, "plain")))
    gaps = [_prior_gap(results) for results in (first, second)]
    rows.append(("prior_gap", gaps[0], gaps[1]))
    spread = max(_range(c, name) for c in cards for name in ("spread_reading", "spread_form"))
    made = []
    for name, ours, theirs in rows:
        both = [i for i in ours if i in theirs]
        if not both:
            continue
        one, other = ([values[i] for i in both] for values in (ours, theirs))
        names = [first.task.clusters[i] for i in both]
        estimate = clustered.mean(np.subtract(one, other).tolist(), names, (-2.0, 2.0))  # prior gaps differ by up to 2
        made.append((name, estimate, paired_permutation(one, other, names)))
    adjusted = holm([p for _, _, p in made])
    return [Difference(*row, p, spread) for row, p in zip(made, adjusted, strict=True)]


def _prior_gap(results: Results) -> dict[int, float]:
    full, (guessed, _) = correct(results, "full"), prior.blind(results)
    return {i: full[i] - guessed[i] for i in full if i in guessed}


def _range(of: Card, name: str) -> float:
    value = of.measures[name].value if name in of.measures else math.nan
    return 0.0 if math.isnan(value) else value


def under(of: Card, limits: list[str]) -> list[str]:
    """The conditions "NAME=LEAST" that this card doesn't meet. Raises UsageError for a bad one."""
    failed = []
    for limit in limits:
        name, _, least = limit.partition("=")
        try:
            value = float(least)
        except ValueError:
            value = math.nan
        if name not in of.measures or math.isnan(value):
            raise UsageError(f"--fail-under {limit!r} isn't NAME=NUMBER; names: {', '.join(of.measures)}")
        e = of.measures[name].estimate
        if not e.value >= value:
            failed.append(f"{limit} ({e.value:.3f}, 95% interval {e.low:.3f} to {e.high:.3f}, n {e.n})")
    return failed

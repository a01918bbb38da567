"""Intervals for items that come in clusters: several questions about one medium are not several witnesses.

Bootstrap over clusters (Cameron, Gelbach & Miller 2008, section 3; Davison & Hinkley 1997, section 3.8). Below
FEW_CLUSTERS it is too narrow, and the cluster-robust t-interval with clusters - 1 degrees of freedom stands in.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from trenza.evaluate.statistics import Z95, wilson

FEW_CLUSTERS = 30
DRAWS = 2000
_BLOCK = 2**22  # resampled weights held at once
POWER_Z = 0.8416212335729143  # the normal quantile of a power of 80%


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval, from n items in so many clusters; `error` is its standard error."""

    value: float
    low: float
    high: float
    n: int
    clusters: int
    error: float = math.nan
    warning: str = ""

    @property
    def detectable(self) -> float:
        """The smallest difference that a test at 5% would have shown with a power of 80%."""
        return (Z95 + POWER_Z) * self.error


NOTHING = Estimate(math.nan, math.nan, math.nan, 0, 0)
Bounds = tuple[float, float]
SHARE: Bounds = (0.0, 1.0)
DIFFERENCE: Bounds = (-1.0, 1.0)  # of shares
ANY: Bounds = (-math.inf, math.inf)


def numbered(clusters: Sequence[Hashable]) -> np.ndarray:
    """Cluster names as numbers from 0, int [n]."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(c, len(known)) for c in clusters], int)


def mean(
    values: Sequence[float], clusters: Sequence[Hashable], bounds: Bounds = SHARE, seed: int = 0, draws: int = DRAWS
) -> Estimate:
    """Mean over items with its interval over clusters."""
    return ratio(values, np.ones(len(values)), clusters, bounds, seed, draws)


def ratio(
    above: Sequence[float] | np.ndarray, below: Sequence[float] | np.ndarray, clusters: Sequence[Hashable],
    bounds: Bounds = SHARE, seed: int = 0, draws: int = DRAWS,
) -> Estimate:  # fmt: skip
    """sum(above) / sum(below) with its interval over clusters; n counts the items with `below` above 0."""
    top, bottom = np.asarray(above, float), np.asarray(below, float)
    if not bottom.sum():
        return NOTHING
    numbers = numbered(clusters)
    groups = int(numbers.max()) + 1
    sums, weights = np.bincount(numbers, top), np.bincount(numbers, bottom)
    sums, weights = sums[weights > 0], weights[weights > 0]
    groups = len(sums)
    n, value = int((bottom > 0).sum()), float(sums.sum() / weights.sum())
    if groups == 1:
        return Estimate(value, bounds[0], bounds[1], n, 1, math.nan, "one cluster: nothing is known of its error")
    residuals = sums - value * weights
    error = math.sqrt(groups / (groups - 1) * float((residuals**2).sum())) / float(weights.sum())
    if groups < FEW_CLUSTERS:
        low, high = value - student(groups - 1) * error, value + student(groups - 1) * error
    else:
        drawn = np.concatenate([w @ sums / np.maximum(w @ weights, 1e-12) for w in _resampled(groups, seed, draws)])
        # The bootstrap's spread is that of a sample, not corrected for its size (Hesterberg 2015, section 5.4).
        wider = math.sqrt(groups / (groups - 1)) * student(groups - 1) / Z95
        low, high = (value + wider * (float(v) - value) for v in np.percentile(drawn, [2.5, 97.5]))
    few = [f"only {groups} clusters: t-interval"] if groups < FEW_CLUSTERS else []
    if np.abs(residuals).max() <= 1e-9 * max(1.0, abs(value)) * weights.max():  # resampling can't tell then
        error = math.nan
        if bounds == SHARE:
            _, low, high = wilson(value * groups, groups)
        elif math.isfinite(bounds[0]):  # so many clusters may be as far off as can be, though none was seen
            unseen = wilson(0, groups)[2]
            low, high = (value + (bound - value) * unseen for bound in bounds)
        few = ["no cluster differs from another" + (": each counts as one trial" if bounds != ANY else "")]
    return Estimate(value, max(low, bounds[0]), min(high, bounds[1]), n, groups, error, "; ".join(few))


def _resampled(groups: int, seed: int, draws: int):
    """How often each cluster is drawn, int [some, groups], in blocks of bounded memory."""
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // groups)
    for start in range(0, draws, block):
        yield rng.multinomial(groups, np.full(groups, 1 / groups), min(block, draws - start))


def statistic(
    compute: Callable[[np.ndarray], float], clusters: Sequence[Hashable], bounds: Bounds = SHARE, seed: int = 0,
    draws: int = 500,
) -> Estimate:  # fmt: skip
    """Any statistic of items: `compute(indices)` on those of resampled clusters. Resamples that give NaN are out."""
    numbers = numbered(clusters)
    if not len(numbers):
        return NOTHING
    groups = int(numbers.max()) + 1
    value = compute(np.arange(len(numbers)))
    if groups == 1 or math.isnan(value):
        return Estimate(value, bounds[0], bounds[1], len(numbers), groups, math.nan, "one cluster" * (groups == 1))
    order = np.argsort(numbers, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(numbers))[:-1])
    rng = np.random.default_rng(seed)
    drawn = np.array([
        compute(np.concatenate([members[i] for i in rng.integers(0, groups, groups)])) for _ in range(draws)
    ])  # fmt: skip
    drawn = drawn[~np.isnan(drawn)]
    low, high = (float(v) for v in np.percentile(drawn, [2.5, 97.5]))
    error, few = float(drawn.std(ddof=1)), ""
    if groups < FEW_CLUSTERS:
        reach = student(groups - 1) * error * math.sqrt(groups / (groups - 1))
        low, high, few = value - reach, value + reach, f"only {groups} clusters: t-interval"
    return Estimate(value, max(low, bounds[0]), min(high, bounds[1]), len(numbers), groups, error, few)


def student(freedom: int, level: float = 0.975) -> float:
    """Quantile of Student's t for a whole number of degrees of freedom (Abramowitz & Stegun 26.7.3, 26.7.4)."""
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < 2 * level - 1 else (low, middle)
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """P(|T| < t)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    term, total = (cosine, cosine) if freedom % 2 else (1.0, 1.0)
    for k in range(3 if freedom % 2 else 2, freedom - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    if freedom % 2 == 0:
        return sine * total
    return 2 / math.pi * (angle + (sine * total if freedom > 1 else 0.0))

"""p-values of the behavioural tests: exact under their null, whatever the model's scores are distributed like."""

from collections.abc import Hashable, Sequence

import numpy as np

from trenza.evaluate.clustered import numbered


def rank(value: float, others: Sequence[float], rng: np.random.Generator) -> int:
    """Rank of `value` among `others`, 1 the highest; ties are drawn."""
    found = np.asarray(others)
    return 1 + int((found > value).sum()) + int(rng.integers(0, (found == value).sum() + 1))


def small_ranks(ranks: Sequence[int], of: int) -> float:
    """Chance that independent ranks, each uniform on 1..of, sum to no more than these do: exact, by convolution."""
    chances = np.ones(1)
    for _ in ranks:
        chances = np.convolve(chances, np.full(of, 1 / of))
    return float(min(chances[: sum(ranks) - len(ranks) + 1].sum(), 1.0))


def greater(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[Hashable], seed: int = 0, draws: int = 9_999
) -> float:
    """One-sided p-value that the mean of `first` is above that of `second`: under the null all are of one kind.

    clusters: of `first`, then of `second`; they change places as wholes. By random draws, the observed one counted.
    """
    values = np.asarray([*first, *second], float)
    groups = numbered(clusters)
    sums, counts = np.bincount(groups, values), np.bincount(groups)
    of_first = len(set(groups[: len(first)].tolist()))
    observed = float(np.mean(first) - np.mean(second)) - 1e-12
    rng = np.random.default_rng(seed)
    extreme = 0
    for start in range(0, draws, 1000):
        drawn = rng.random((min(1000, draws - start), len(sums)))
        here = drawn.argsort(1).argsort(1) < of_first  # [draws, clusters], of_first of them in each row
        sum_here, count_here = here @ sums, here @ counts
        differences = sum_here / count_here - (sums.sum() - sum_here) / (counts.sum() - count_here)
        extreme += int((differences >= observed).sum())
    return (extreme + 1) / (draws + 1)

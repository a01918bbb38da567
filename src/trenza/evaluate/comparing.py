"""Two models on the same items: paired permutation tests, correction for many of them, what could have been seen."""

from collections.abc import Hashable, Sequence
from itertools import product

import numpy as np

from trenza.evaluate.clustered import numbered

EXACT = 12  # clusters up to which every assignment of signs is tried


def paired_permutation(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[Hashable], seed: int = 0, draws: int = 9_999
) -> float:
    """Two-sided p-value that the means of paired values differ: under the null, models swap cluster by cluster.

    Exact for few clusters (Fisher 1935), else by random signs, the observed one counted (Phipson & Smyth 2010).
    """
    differences = np.asarray(first, float) - np.asarray(second, float)
    sums = np.bincount(numbered(clusters), differences)
    sums = sums[np.abs(sums) > 1e-12]  # what is equal either way decides nothing
    observed = abs(sums.sum()) - 1e-9
    if not len(sums):
        return 1.0
    if len(sums) <= EXACT:
        signs = np.array(list(product((-1, 1), repeat=len(sums))))
        return float((np.abs(signs @ sums) >= observed).mean())
    rng = np.random.default_rng(seed)
    extreme = 0
    for start in range(0, draws, 1000):
        signs = rng.integers(0, 2, (min(1000, draws - start), len(sums)), np.int8) * 2 - 1
        extreme += int((np.abs(signs @ sums) >= observed).sum())
    return (extreme + 1) / (draws + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted so that all of them together err in 5% (Holm 1979), in their order."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, p_values[i] * (len(p_values) - rank)))
        adjusted[i] = highest
    return adjusted

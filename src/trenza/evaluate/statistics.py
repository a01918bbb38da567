"""Intervals. Every figure that leaves this project has one."""

import math
from collections.abc import Sequence

import numpy as np

Z95 = 1.959963984540054


def wilson(right: float, total: int) -> tuple[float, float, float]:
    """Share and its 95% interval (Wilson 1927), sound for small counts and shares near 0 or 1."""
    if total == 0:
        return math.nan, 0.0, 1.0
    share = right / total
    centre = share + Z95**2 / (2 * total)
    half = Z95 * math.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    scale = 1 + Z95**2 / total
    return share, max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def auc(above: Sequence[float], below: Sequence[float]) -> float:
    """Chance that one of `above` exceeds one of `below`, ties counted half (Hanley & McNeil 1982)."""
    first, second = np.asarray(above)[:, None], np.asarray(below)[None]
    return float((first > second).mean() + 0.5 * (first == second).mean())


def paired_auc_interval(
    above: Sequence[float], below: Sequence[float], seed: int = 0, draws: int = 2000
) -> tuple[float, float, float]:
    """AUC and its 95% percentile bootstrap interval, resampling items with both their values."""
    rng = np.random.default_rng(seed)
    pairs = np.stack([above, below], 1)
    values = [auc(*pairs[rng.integers(0, len(pairs), len(pairs))].T) for _ in range(draws)]
    low, high = np.percentile(values, [2.5, 97.5])
    return auc(above, below), float(low), float(high)

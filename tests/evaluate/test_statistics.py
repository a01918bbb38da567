"""Intervals against published values and simulation."""

import numpy as np
import pytest

from trenza.evaluate.statistics import auc, paired_auc_interval, wilson


def test_wilson_equals_scipy():
    binomtest = pytest.importorskip("scipy.stats").binomtest
    for right, total in ((0, 20), (7, 20), (20, 20), (300, 837)):
        expected = binomtest(right, total).proportion_ci(method="wilson")
        assert wilson(right, total)[1:] == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_auc_counts_ties_half():
    assert auc([3, 4], [1, 2]) == 1.0
    assert auc([1, 2], [1, 2]) == 0.5
    assert auc([2], [1, 2, 3, 4]) == pytest.approx((1 + 0.5) / 4)


def test_the_auc_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(60):
        above, below = rng.normal(1, 1, 60), rng.normal(0, 1, 60)
        _, low, high = paired_auc_interval(above, below, trial, 300)
        covered += low <= 0.7602 <= high  # Phi(1 / sqrt 2)
    assert covered >= 50

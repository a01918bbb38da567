"""Intervals over clusters and paired tests, held to scipy and statsmodels and to simulation."""

import numpy as np
import pytest

from trenza.evaluate import clustered, comparing

stats = pytest.importorskip("scipy.stats")


def in_clusters(rng, clusters, size, spread):
    """0/1 values whose clusters lean one way or the other."""
    lean = np.clip(0.7 + spread * rng.standard_normal(clusters), 0.02, 0.98)
    names = np.repeat(np.arange(clusters), size)
    return (rng.random(len(names)) < lean[names]).astype(float), names


def test_students_t_equals_scipy():
    for freedom in (1, 2, 3, 8, 17, 28, 29, 100):
        assert clustered.student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-6)


@pytest.mark.parametrize("clusters", [12, 60])
def test_the_error_equals_statsmodels_cluster_robust_one(clusters):
    sm = pytest.importorskip("statsmodels.api")
    values, names = in_clusters(np.random.default_rng(1), clusters, 7, 0.2)
    fitted = sm.OLS(values, np.ones_like(values)).fit(
        cov_type="cluster", cov_kwds={"groups": names, "use_correction": False}
    )
    expected = float(fitted.bse[0]) * np.sqrt(clusters / (clusters - 1))
    found = clustered.mean(values, names)
    assert found.error == pytest.approx(expected, rel=1e-9)
    assert (found.n, found.clusters) == (7 * clusters, clusters)
    assert bool(found.warning) == (clusters < 30)


def test_the_bootstrap_interval_equals_scipys_over_clusters_of_one():
    values = np.random.default_rng(2).normal(1, 2, 80)
    found = clustered.mean(values, range(80), clustered.ANY, draws=9000)
    expected = stats.bootstrap((values,), np.mean, n_resamples=9000, method="percentile", rng=3).confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.03)


@pytest.mark.parametrize(("clusters", "size"), [(12, 6), (40, 5)])
def test_intervals_cover_the_truth_where_items_of_a_cluster_agree(clusters, size):
    rng = np.random.default_rng(0)
    truth = float(np.mean(np.clip(0.7 + 0.25 * rng.standard_normal(400_000), 0.02, 0.98)))
    runs = [clustered.mean(*in_clusters(rng, clusters, size, 0.25), seed=s, draws=400) for s in range(300)]
    covered = np.mean([r.low <= truth <= r.high for r in runs])
    naive = []
    for _ in range(300):
        values, _ = in_clusters(rng, clusters, size, 0.25)
        half = 1.96 * values.std() / np.sqrt(len(values))
        naive.append(abs(values.mean() - truth) <= half)
    assert 0.91 <= covered <= 0.985
    assert np.mean(naive) < covered  # items taken as independent promise too much


def test_a_general_statistic_agrees_with_the_mean():
    values, names = in_clusters(np.random.default_rng(4), 50, 4, 0.2)
    general = clustered.statistic(lambda i: float(values[i].mean()), names, draws=2000)
    plain = clustered.mean(values, names)
    assert (general.value, general.n) == (plain.value, plain.n)
    assert (general.low, general.high) == pytest.approx((plain.low, plain.high), abs=0.015)


def test_perfect_scores_still_have_an_interval():
    found = clustered.mean([1.0] * 40, range(40))
    assert found.value == found.high == 1.0
    assert found.low == pytest.approx(stats.binomtest(40, 40).proportion_ci(method="wilson").low, abs=1e-9)


@pytest.mark.parametrize("n", [9, 60])
def test_the_permutation_test_equals_scipys(n):
    rng = np.random.default_rng(n)
    first, second = rng.normal(0.35, 1, n), rng.normal(0, 1, n)
    expected = stats.permutation_test(
        (first, second), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=20_000, rng=0
    ).pvalue
    found = comparing.paired_permutation(first, second, range(n), draws=20_000)
    assert found == pytest.approx(expected, abs=0.012)


def test_copies_of_an_item_are_no_further_evidence():
    first, second = np.array([1, 1, 1, 0, 1.0]), np.array([0, 0, 1, 0, 0.0])
    once = comparing.paired_permutation(first, second, range(5))
    copied = comparing.paired_permutation(np.repeat(first, 20), np.repeat(second, 20), np.repeat(range(5), 20))
    assert once == copied == 0.25  # two of the eight assignments of the three that differ


def test_holm_equals_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = [0.01, 0.04, 0.03, 0.005, 0.2, 0.005]
    assert comparing.holm(p) == pytest.approx(list(multitest.multipletests(p, method="holm")[1]))


def test_the_detectable_difference_has_the_power_it_says():
    power = pytest.importorskip("statsmodels.stats.power")
    values = np.random.default_rng(5).normal(0, 1, 400)
    found = clustered.mean(values, range(400), clustered.ANY)
    effect = found.detectable / values.std(ddof=1)
    assert power.NormalIndPower(ddof=0).solve_power(
        effect, nobs1=400, alpha=0.05, power=None, ratio=0
    ) == pytest.approx(0.8, abs=0.002)


def test_differences_that_are_all_equal_have_an_interval_still():
    for value, count in ((-1.0, 40), (0.0, 40), (0.3, 40), (0.3, 37), (2 / 3, 50)):
        found = clustered.mean([value] * count, range(count), clustered.DIFFERENCE)
        assert found.value == pytest.approx(value) and "one trial" in found.warning
        assert max(-1.0, value - 0.2) <= found.low <= value <= found.high <= min(1.0, value + 0.2)
        assert found.high - found.low > 0.1
    assert clustered.mean([0.3] * 40, range(40), clustered.ANY).low == pytest.approx(0.3)

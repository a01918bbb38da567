"""A memoriser is caught and a clean model is not: real language models that read the test, or its siblings."""

import numpy as np
import pytest
from language import COLOURS, made, rephrased, trained_on
from scipy import stats

from trenza.conversation import Answer, Usage
from trenza.data.worlds import build
from trenza.errors import UsageError
from trenza.evaluate.contamination import behavioural
from trenza.evaluate.contamination.behaviour import another_wording
from trenza.evaluate.contamination.ranks import greater, rank, small_ranks


def by_name(findings) -> dict:
    return {finding.name: finding for finding in findings}


def test_a_model_that_read_the_test_is_flagged_by_every_test():
    items, fresh = made(1, 120), made(2, 120)
    found = by_name(behavioural(trained_on(items, made(3, 120)), items, 0, fresh, rephrased))
    assert list(found) == ["order", "completion", "likelihood", "accuracy"]
    for finding in found.values():
        assert finding.p < 0.01 and finding.flagged, finding
    assert found["accuracy"].value > 0.5 > 0.35 > found["accuracy"].fresh
    assert found["completion"].value > found["completion"].fresh
    assert "was finished by" in found["completion"].examples[0]


def test_a_clean_model_is_flagged_no_more_often_than_the_level_says():
    """20 models that read siblings of the test: p-values are uniform (Kolmogorov-Smirnov), and 0.05 is 0.05."""
    p: dict[str, list[float]] = {}
    for seed in range(20):
        items, fresh, read = (made(1000 + 3 * seed + k, 60) for k in range(3))
        for finding in behavioural(trained_on(read), items, seed, fresh, rephrased):
            p.setdefault(finding.name, []).append(finding.p)
            assert finding.p is not None
    for name, values in p.items():
        below = int((np.array(values) < 0.05).sum())
        assert stats.binom.sf(below - 1, len(values), 0.05) > 1e-3, (name, below)
        # A test on few values, as accuracy, has p-values in steps, and may be above uniform: only "less" is wrong.
        assert stats.kstest(values, "uniform", alternative="greater").pvalue > 1e-3, name


def test_without_fresh_items_only_the_order_has_a_p_value():
    items = made(1, 120)
    found = by_name(behavioural(trained_on(items), items, rephrase=rephrased))
    assert found["order"].flagged
    for name in ("completion", "likelihood", "accuracy"):
        assert found[name].p is None and not found[name].flagged and "no fresh items" in found[name].skipped
        assert found[name].value is not None


def test_order_says_nothing_of_a_model_that_read_the_items_in_another_order():
    items = made(1, 120)
    mixed = [items[i] for i in np.random.default_rng(0).permutation(120)]
    found = by_name(behavioural(trained_on(mixed), items, fresh=made(2, 120)))
    assert found["order"].p > 0.01 and found["completion"].flagged


class Endpoint:
    """Scores no given text, and fails at times."""

    scores, scores_given_text, concurrent = True, False, 4

    def __init__(self):
        self.asked = 0

    def respond(self, conversation) -> Answer:
        self.asked += 1
        if self.asked % 3 == 0:
            raise UsageError("busy")
        return Answer(COLOURS[0], (), None, Usage(0, 0, 0))

    def score(self, conversation, candidates):
        raise AssertionError("not to be asked")


def test_what_a_model_can_not_do_is_skipped_and_what_fails_is_counted():
    found = by_name(behavioural(Endpoint(), made(1, 30), fresh=made(2, 30)))
    assert "no log-likelihood" in found["order"].skipped and "no log-likelihood" in found["likelihood"].skipped
    assert found["accuracy"].failed == 20 and found["accuracy"].n == 40
    assert found["completion"].failed == 20 and found["accuracy"].p is not None
    assert all(finding.to_json()["name"] == name for name, finding in found.items())


def test_a_frame_around_a_question_is_no_paraphrase(stock):
    found = by_name(behavioural(trained_on(made(1, 30)), made(1, 30), fresh=made(2, 30)))
    assert found["likelihood"].skipped == "no item has what this test needs"
    world = build.world(0, 5, "test_seed", stock, ("en",)).items
    others = [another_wording(item) for item in world]
    assert any(others)
    assert all(
        other is None or (other != item.question and item.question not in other)
        for other, item in zip(others, world, strict=True)
    )


def test_too_few_items_are_said_to_be_too_few():
    found = by_name(behavioural(trained_on(made(1, 9)), made(1, 9)))
    assert "4 are the least" in found["order"].skipped
    assert by_name(behavioural(trained_on([]), []))["accuracy"].skipped


# --- the p-values themselves -----------------------------------------------------------------------


def test_the_sum_of_ranks_has_its_exact_law():
    assert small_ranks([1], 20) == pytest.approx(0.05)
    assert small_ranks([1, 2], 3) == pytest.approx(3 / 9)  # (1, 1), (1, 2), (2, 1)
    assert small_ranks([5, 5, 5], 5) == 1
    rng = np.random.default_rng(0)
    drawn = rng.integers(1, 26, (20_000, 16)).sum(1)
    assert small_ranks([10] * 16, 25) == pytest.approx((drawn <= 160).mean(), abs=0.01)


def test_ties_of_ranks_are_drawn_evenly():
    rng = np.random.default_rng(0)
    drawn = np.bincount([rank(0.0, [0.0, 0.0, -1.0, 1.0], rng) for _ in range(3000)], minlength=6)
    assert drawn[[0, 1, 5]].sum() == 0 and abs(drawn[2:5] - 1000).max() < 120


def test_one_sided_permutation_agrees_with_scipy():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.4, 1, 30), rng.normal(0, 1, 25)
    expected = stats.permutation_test(
        (first, second), lambda a, b: a.mean() - b.mean(), alternative="greater", n_resamples=9_999, random_state=0
    ).pvalue
    assert greater(first, second, range(55)) == pytest.approx(expected, abs=0.015)


def test_clusters_count_once():
    """Twenty times the same value is one value."""
    first, second = [1.0] * 20 + [0.0], [0.0, 1.0, 0.0]
    clusters = ["a"] * 20 + ["b", "c", "d", "e"]
    assert greater(first, second, clusters) > 0.2
    assert greater(first, second, range(24)) < 0.05

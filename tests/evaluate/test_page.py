"""What the card on top of the page says to who decides: passed, failed, or too few items to tell."""

from trenza.evaluate.card import Card
from trenza.evaluate.clustered import Estimate
from trenza.evaluate.measures.base import Measure
from trenza.evaluate.page import answers


def told(*measures: Measure) -> dict[str, str]:
    flags = tuple((m.name, why) for m in measures if (why := m.failure()))
    return {q: kind for q, kind, _ in answers(Card("m", {m.name: m for m in measures}, flags)) if q in QUESTIONS}


LEAKED = "Was the test in its training?"
QUESTIONS = (LEAKED, "Does it look, or does it guess?", "Does it know when it is wrong?", "Is it the same tomorrow?")


def estimate(value: float, low: float, high: float, clusters: int = 40) -> Estimate:
    return Estimate(value, low, high, clusters, clusters)


def measured(look: Estimate, calibration: Estimate, order: Estimate) -> tuple[Measure, ...]:
    return (
        Measure("prior_gap", look, "", least=0.05, nothing=0.0),
        Measure("calibration_error", calibration, "", most=0.15, sure=True),
        Measure("option_order", order, "", least=0.7),
        Measure("contamination", Estimate(0.0, 0.0, 0.04, 100, 100), "", most=0.0),
    )


def test_what_is_shown_passes_and_what_is_not_is_left_open():
    shown = measured(estimate(0.4, 0.3, 0.5), estimate(0.1, 0.06, 0.14), estimate(0.9, 0.8, 1.0))
    assert set(told(*shown).values()) == {"yes"}
    wide = measured(estimate(0.4, -0.1, 0.9, 4), estimate(0.1, 0.0, 0.3), estimate(0.9, 0.6, 1.0))
    assert {q: kind for q, kind in told(*wide).items() if kind != "open"} == {LEAKED: "yes"}
    reaching = measured(estimate(0.4, 0.02, 0.8), estimate(0.41, 0.148, 0.67), estimate(0.7, 0.69, 1.0))
    assert {q: kind for q, kind in told(*reaching).items() if kind != "open"} == {LEAKED: "yes"}


def test_what_fails_is_told_as_failed():
    failing = measured(estimate(0.0, -0.3, 0.3), estimate(0.41, 0.16, 0.67), estimate(0.6, 0.5, 0.8))
    assert {q: kind for q, kind in told(*failing).items() if kind != "no"} == {LEAKED: "yes"}
    rows = answers(Card("m", {m.name: m for m in failing}, tuple((m.name, m.failure()) for m in failing)))
    assert rows[0] == (QUESTIONS[1], "no", "it isn't shown that its score needs the media (prior gap 0.00)")

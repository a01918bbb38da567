"""How much of the score is there without the medium: language prior, leak, or evidence."""

import numpy as np

from trenza.evaluate import clustered
from trenza.evaluate.cases import FORMS
from trenza.evaluate.measures.base import Measure, chance, correct, gap, log_p_answer, mean
from trenza.evaluate.run import Results


def blind(results: Results) -> tuple[dict[int, float], int]:
    """How right each probed item is without media, in the form of prompt that gets most, and which form that is."""
    by_form = [correct(results, f"blind/{form}", guessing=True) for form in FORMS]
    best = max(FORMS, key=lambda f: float(np.mean(list(by_form[f].values()))) if by_form[f] else -1.0)
    return by_form[best], best


def measures(results: Results) -> list[Measure]:
    full = correct(results, "full")
    guessed, form = blind(results)
    level = {i: chance(results, i) for i in guessed}
    sighted = {i: v for i, v in full.items() if i in guessed}
    return [
        Measure("accuracy/probed", mean(results, full), "right among the items that were probed"),
        Measure("blind", mean(results, guessed), "right without any medium, told to guess", note=f"best form: {form}"),
        Measure(
            "prior_gap", gap(results, full, guessed), "how much more is right with the medium than blind",
            least=0.05, nothing=0.0,
        ),
        Measure("multimodal_gain", gap(results, sighted, guessed), "MMStar: score with media minus without"),
        leakage(results, guessed, level),
        Measure(
            "neutral_gap", gap(results, full, correct(results, "neutral", guessing=True)),
            "how much more is right than with a grey picture or silence", nothing=0.0,
        ),
        Measure(
            "shuffled_gap", gap(results, full, correct(results, "shuffled")),
            "how much more is right than with another item's medium", nothing=0.0,
        ),
        Measure(
            "evidence_gain",
            gap(results, log_p_answer(results, "full"), log_p_answer(results, "neutral"), clustered.ANY),
            "nats by which the medium raises the true answer over a grey picture or silence", nothing=0.0,
        ),
        *crossing(results, full),
    ]  # fmt: skip


def leakage(results: Results, guessed: dict[int, float], level: dict[int, float]) -> Measure:
    """MMStar's leakage is blind score minus the base language model's, not under 0; the base stands for by chance."""
    estimate = gap(results, guessed, level)
    value, low, high = (max(0.0, v) for v in (estimate.value, estimate.low, estimate.high))
    floored = clustered.Estimate(
        value, low, high, estimate.n, estimate.clusters, estimate.error, estimate.warning
    )  # fmt: skip
    note = "against chance, as the base language model isn't at hand: an upper bound of MMStar's figure"
    return Measure(
        "multimodal_leakage", floored, "right blind beyond chance: known before, or given away by the question",
        most=0.2, sure=True, note=note,
    )  # fmt: skip


def crossing(results: Results, full: dict[int, float]) -> list[Measure]:
    """Items that need several media: with all of them, minus with the one that helps most alone."""
    labels = sorted(label for label in results.outcomes if label.startswith("medium/") and ":" not in label)
    alone = [correct(results, label, guessing=True) for label in labels]
    if not alone:
        return []
    best = max(alone, key=lambda right: float(np.mean(list(right.values()))) if right else -1.0)
    return [
        Measure(
            "crossing_gap", gap(results, full, best), "how much more is right with all media than with the best one",
            nothing=0.0,
        )
    ]  # fmt: skip

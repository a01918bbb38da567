"""How much of a score is the instrument: order of options, wording, form of prompt, way of reading."""

from collections.abc import Mapping, Sequence

import numpy as np

from trenza.evaluate import clustered
from trenza.evaluate.cases import FORMS
from trenza.evaluate.measures.base import Measure, clusters, correct, likely, mean
from trenza.evaluate.reading import exact, normalised
from trenza.evaluate.run import Results


def measures(results: Results) -> list[Measure]:
    return [*order(results), *wording(results), *spread(results)]


def taken(results: Results, label: str) -> dict[int, object]:
    """What the model chose: number of the likeliest choice, or the text as read."""
    return {
        i: int(np.argmax(o.log_p)) if len(o.log_p) > 1 else normalised(o.text, results.task.items.heads[i].choices)
        for i, o in results.of(label).items()
    }


def order(results: Results) -> list[Measure]:
    """The same choice wherever it stands (CircularEval: MMBench, Liu et al. 2023, section 4.3)."""
    labels = sorted(label for label in results.outcomes if label.startswith("permuted/") and ":" not in label)
    first, right = taken(results, "full"), correct(results, "full")
    turned = [(taken(results, label), correct(results, label)) for label in labels]
    same, always = {}, {}
    for i in first:
        seen = [(choice[i], hit[i]) for choice, hit in turned if i in choice]
        if seen:
            same[i] = float(all(choice == first[i] for choice, _ in seen))
            always[i] = float(right[i] == 1 and all(hit == 1 for _, hit in seen))
    if not same:
        return []
    return [
        Measure(
            "option_order", mean(results, same), "the same choice in whatever order the options stand", least=0.7
        ),
        Measure("circular_accuracy", mean(results, always), "right in every order of the options (CircularEval)"),
    ]  # fmt: skip


def wording(results: Results) -> list[Measure]:
    first, other = taken(results, "full"), taken(results, "paraphrased")
    same = {i: float(first[i] == other[i]) for i in first if i in other and results.task.items.heads[i].choices}
    if not same:
        return []
    return [Measure("paraphrase", mean(results, same), "the same choice when the question is worded anew", least=0.7)]


def readings(results: Results) -> dict[str, dict[int, float]]:
    """The same answers read three ways, over the items that have all of them."""
    plain = results.of("plain")
    found = {
        "exact": {i: float(exact(o.text, results.task.items.heads[i].answer)) for i, o in plain.items()},
        "normalised": correct(results, "plain"),
    }
    full = {i: o for i, o in results.of("full").items() if len(o.log_p) > 1}
    if full:
        heads = results.task.items.heads
        found["likelihood"] = {i: likely(o, heads[i].choices.index(heads[i].answer)) for i, o in full.items()}
    shared = set.intersection(*(set(values) for values in found.values()))
    probed = {i for i in shared if i in results.plan.probed}
    return {name: {i: values[i] for i in sorted(probed)} for name, values in found.items()}


def forms(results: Results) -> dict[str, dict[int, float]]:
    """The same items asked in three forms of prompt, read normalised."""
    found = {f"form {f}": correct(results, f"plain/{f}" if f else "plain") for f in FORMS}
    shared = set.intersection(*(set(values) for values in found.values()))
    return {name: {i: values[i] for i in sorted(shared)} for name, values in found.items()}


def spread(results: Results) -> list[Measure]:
    """Largest minus smallest accuracy over the ways of reading, and over the forms of prompt."""
    return [
        _range(results, "spread_reading", readings(results), "accuracy moved by how the same answers are read"),
        _range(results, "spread_form", forms(results), "accuracy moved by how the same items are asked"),
    ]


def _range(results: Results, name: str, ways: Mapping[str, Mapping[int, float]], meaning: str) -> Measure:
    indices = list(next(iter(ways.values())))
    table = np.array([[ways[way][i] for i in indices] for way in ways])  # [ways, items]
    means = table.mean(1) if indices else np.full(len(ways), np.nan)
    note = ", ".join(f"{way} {value:.3f}" for way, value in zip(ways, means, strict=True))
    estimate = clustered.statistic(lambda i: extent(table[:, i]), clusters(results, indices))
    return Measure(name, estimate, meaning, most=0.1, note=note)


def extent(table: np.ndarray) -> float:
    """Range of the means of the rows [ways, items]."""
    means: Sequence[float] = table.mean(1)
    return float(max(means) - min(means))

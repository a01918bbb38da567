"""The card as JSON, and as one line a measure for the terminal."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trenza.data.files import whole
from trenza.evaluate.card import Card, Difference
from trenza.evaluate.clustered import Estimate
from trenza.evaluate.measures import leaks
from trenza.evaluate.measures.leaks import Leaks
from trenza.evaluate.run import Results

PROBLEMS_SHOWN = 200


@dataclass(frozen=True)
class Report:
    """A run with its card; `against` holds the same of a second model, and the differences."""

    card: Card
    results: Results
    seed: int
    against: Card | None = None
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()  # of the responder: how it scores, what went wrong and was mended
    leaks: Leaks = leaks.NOT_LOOKED_FOR


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def estimate(of: Estimate) -> dict[str, Any]:
    made = {"value": _number(of.value), "low": _number(of.low), "high": _number(of.high), "n": of.n}
    made |= {"clusters": of.clusters, "detectable": _number(of.detectable)}
    return made | ({"warning": of.warning} if of.warning else {})


def measures(card: Card) -> dict[str, Any]:
    return {
        name: estimate(m.estimate) | {"meaning": m.meaning} | ({"note": m.note} if m.note else {})
        for name, m in card.measures.items()
    }


def flags(card: Card) -> list[dict[str, str]]:
    return [{"name": name, "why": why} for name, why in card.flags]


def to_json(report: Report) -> dict[str, Any]:
    """The report as JSON values: for each measure value, low, high, n; and what fails, with why."""
    results = report.results
    problems = [*results.task.problems, *results.problems]
    document: dict[str, Any] = {
        "model": report.card.model, "task": results.task.name, "seed": report.seed,
        "items": {
            "asked": len(results.plan.plain), "probed": len(results.plan.probed), "faulty": len(problems),
            "unanswered": len(results.outcomes.get("plain", {})) - len(results.of("plain")),
        },
        "questions": {
            "asked": results.asked, "known already": results.kept, "failed": sum(results.failures.values()),
        },
        "measures": measures(report.card),
        "flags": flags(report.card),
        "notes": notes(report),
        "problems": [{"key": p.key, "reason": p.reason} for p in problems[:PROBLEMS_SHOWN]],
    }  # fmt: skip
    if report.leaks.looked:
        document["contamination"] = leaks.to_json(report.leaks)
    if report.against is not None:
        document["against"] = {
            "model": report.against.model, "measures": measures(report.against), "flags": flags(report.against),
            "differences": [
                {"name": d.name, **estimate(d.estimate), "p": _number(d.p), "p_holm": _number(d.p_holm),
                 "spread": _number(d.spread), "verdict": d.verdict}
                for d in report.differences
            ],
        }  # fmt: skip
    return document


def notes(report: Report) -> list[str]:
    """What a reader has to know beside the figures: how it was scored, what was left out or went wrong."""
    results = report.results
    made = list(report.notes) + results.task.notes + results.notes
    if not results.scores:
        made.insert(0, "the model gives no log-likelihoods: probes were judged by what it said, not by likelihood")
    problems = [*results.task.problems, *results.problems]
    if problems:
        made.append(f"{len(problems)} items were faulty and not asked; they count in no measure (see problems)")
    made += [
        f"{count} questions got no answer and count in no measure: {why}" for why, count in results.failures.items()
    ]
    return made


def write_json(report: Report, path: Path) -> None:
    with whole(path) as partial:
        partial.write_text(json.dumps(to_json(report), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def lines(card: Card) -> list[str]:
    """A line a measure: name, value, interval, n; and an exclamation mark where it fails."""
    failing = dict(card.flags)
    made = []
    for name, m in card.measures.items():
        e = m.estimate
        mark = "!" if name in failing else " "
        if math.isnan(e.value):
            made.append(f"  {name:26} not measured{': ' + m.note if m.note else ''}")
        else:
            made.append(f"{mark} {name:26} {e.value:7.3f}  {e.low:7.3f} to {e.high:6.3f}  n {e.n:<6} {m.meaning}")
    return made

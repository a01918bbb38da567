"""Plots of a report as inline SVG: no script, no font, no file beside the page."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from trenza.evaluate.card import Card
from trenza.evaluate.measures.base import Measure

WIDTH, ROW, LABEL = 640, 20, 210


def forest(card: Card, names: Sequence[str]) -> str:
    """Value and interval of measures between -1 and 1, one row each; what fails in another colour."""
    rows = [(card.measures[n], any(n == f for f, _ in card.flags)) for n in names if n in card.measures]
    rows = [(m, failing) for m, failing in rows if not math.isnan(m.value)]
    if not rows:
        return ""
    least = -0.5 if any(m.estimate.low < 0 for m, _ in rows) else 0.0
    height = ROW * (len(rows) + 1) + 8
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="measures with their 95% intervals">']
    for tick in np.arange(least, 1.01, 0.25):
        x = _x(tick, least)
        parts.append(f'<line class=grid x1="{x}" x2="{x}" y1="4" y2="{height - ROW}"/>')
        parts.append(f'<text x="{x}" y="{height - 4}" text-anchor=middle>{tick:g}</text>')
    for number, (m, failing) in enumerate(rows):
        parts.append(_row(m, failing, number, least))
    return "".join(parts) + "</svg>"


def _x(value: float, least: float) -> float:
    return round(LABEL + (min(max(value, least), 1) - least) / (1 - least) * (WIDTH - LABEL - 20), 1)


def _row(m: Measure, failing: bool, number: int, least: float) -> str:
    y, kind = number * ROW + 14, "bad" if failing else "good"
    low, high, at = (_x(v, least) for v in (m.estimate.low, m.estimate.high, m.value))
    return (
        f'<text x="{LABEL - 8}" y="{y + 4}" text-anchor=end>{escape(m.name)}</text>'
        f'<line class={kind} x1="{low}" x2="{high}" y1="{y}" y2="{y}"/><circle class={kind} cx="{at}" cy="{y}" r="4">'
        f"<title>{m.value:.3f} ({m.estimate.low:.3f} to {m.estimate.high:.3f})</title></circle>"
    )


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> str:
    """How often right against how sure, by tenths of confidence; a calibrated model lies on the diagonal."""
    if not len(confidence):
        return ""
    side, pad = 200, 28
    number = np.minimum((confidence * bins).astype(int), bins - 1)
    parts = [
        f'<svg viewBox="0 0 {side + 2 * pad} {side + 2 * pad}" role="img" aria-label="reliability" class=small>'
        f'<line class=grid x1="{pad}" y1="{side + pad}" x2="{side + pad}" y2="{pad}"/>'
        f'<text x="{pad + side / 2}" y="{side + 2 * pad - 6}" text-anchor=middle>how sure</text>'
        f'<text x="4" y="{pad - 10}">how often right</text>'
    ]
    for b in range(bins):
        inside = number == b
        if inside.any():
            x, y = pad + confidence[inside].mean() * side, pad + side - right[inside].mean() * side
            parts.append(
                f'<circle class=good cx="{x:.1f}" cy="{y:.1f}" r="{3 + 9 * math.sqrt(inside.mean()):.1f}">'
                f"<title>{int(inside.sum())} answers</title></circle>"
            )
    return "".join(parts) + f'<path class=grid d="M{pad} {pad}V{pad + side}H{pad + side}" fill="none"/></svg>'


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> str:
    """Share of errors among the surest answers, against how many are given."""
    if not len(confidence):
        return ""
    side, pad = 200, 28
    wrong = 1 - right[np.argsort(-confidence, kind="stable")]
    risk = np.cumsum(wrong) / np.arange(1, len(wrong) + 1)
    coverage = np.arange(1, len(wrong) + 1) / len(wrong)
    points = " ".join(f"{pad + c * side:.1f},{pad + side - r * side:.1f}" for c, r in zip(coverage, risk, strict=True))
    return (
        f'<svg viewBox="0 0 {side + 2 * pad} {side + 2 * pad}" role="img" aria-label="risk and coverage" class=small>'
        f'<path class=grid d="M{pad} {pad}V{pad + side}H{pad + side}" fill="none"/>'
        f'<polyline class=good fill="none" points="{points}"/>'
        f'<text x="{pad + side / 2}" y="{side + 2 * pad - 6}" text-anchor=middle>share answered</text>'
        f'<text x="4" y="{pad - 10}">share wrong</text></svg>'
    )

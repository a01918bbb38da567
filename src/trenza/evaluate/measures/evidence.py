"""Where the answer comes from: the evidence a model states, and whether its answer hangs on the evidence."""

import math
from collections.abc import Callable

import numpy as np

from trenza.conversation import Box, Evidence, Span
from trenza.evaluate import clustered
from trenza.evaluate.measures.base import Measure, correct, gap, mean, normal
from trenza.evaluate.reading import overlap
from trenza.evaluate.run import Results

MATCH = 0.5  # intersection over union from which a box counts as found
TOUCHING = (
    0.095  # seconds between spans that are one stretch: worlds leave 0.08 within a spoken question, 0.1 between sounds
)


def measures(results: Results) -> list[Measure]:
    return [*grounding(results), *faithfulness(results)]


def grounding(results: Results) -> list[Measure]:
    """Stated evidence against the true one; an item whose model states none is missed, if it ever states any."""
    stated = {i: o.evidence for i, o in results.of("plain").items()}
    if not any(stated.values()):
        nothing = "the model states no evidence"
        return [Measure("grounding_iou", clustered.NOTHING, "true regions found by a stated box", note=nothing)]
    score: dict[str, Callable[[tuple[Evidence, ...], tuple[Evidence, ...]], float]] = {
        "grounding_iou": iou_at_half, "grounding_pointing": pointing, "grounding_time": time_iou,
    }  # fmt: skip
    meaning = {
        "grounding_iou": "true regions that a stated box covers (intersection over union of 0.5)",
        "grounding_pointing": "stated boxes whose middle lies in a true region",
        "grounding_time": "intersection over union of stated and true times",
    }
    made = []
    for name, of in score.items():
        values = {i: of(stated[i], results.task.items.heads[i].evidence) for i in stated}
        kept = {i: v for i, v in values.items() if not math.isnan(v)}
        if kept:
            made.append(Measure(name, mean(results, kept), meaning[name], least=0.5))
    return made


def _boxes(evidence: tuple[Evidence, ...]) -> list[Evidence]:
    return [e for e in evidence if isinstance(e.where, Box)]


def iou_at_half(stated: tuple[Evidence, ...], true: tuple[Evidence, ...]) -> float:
    """Share of the true boxes that some stated box matches."""
    wanted, said = _boxes(true), _boxes(stated)
    if not wanted:
        return math.nan
    return float(np.mean([any(_shared(s, t) >= MATCH for s in said) for t in wanted]))


def _shared(stated: Evidence, true: Evidence) -> float:
    """Intersection over union of two regions of one kind in one medium."""
    if stated.part != true.part or isinstance(stated.where, str) or isinstance(true.where, str):
        return 0.0
    return overlap(stated.where, true.where)


def pointing(stated: tuple[Evidence, ...], true: tuple[Evidence, ...]) -> float:
    """Share of the stated boxes whose centre is inside a true box (Zhang et al. 2018, the pointing game)."""
    wanted, said = _boxes(true), _boxes(stated)
    if not wanted:
        return math.nan
    if not said:
        return 0.0
    hits = []
    for s in said:
        assert isinstance(s.where, Box)
        x, y = (s.where.x0 + s.where.x1) / 2, (s.where.y0 + s.where.y1) / 2
        hits.append(any(t.part == s.part and t.where.x0 <= x <= t.where.x1 and t.where.y0 <= y <= t.where.y1
                        for t in wanted if isinstance(t.where, Box)))  # fmt: skip
    return float(np.mean(hits))


def time_iou(stated: tuple[Evidence, ...], true: tuple[Evidence, ...]) -> float:
    """Mean over the true stretches of time of the best intersection over union; spans that touch are one stretch, as
    the words of a spoken question are."""
    wanted, said = _stretches(true), _stretches(stated)
    if not wanted:
        return math.nan
    return float(np.mean([max((_shared(s, t) for s in said), default=0.0) for t in wanted]))


def _stretches(evidence: tuple[Evidence, ...]) -> list[Evidence]:
    spans = [(e.part, e.where.start, e.where.end) for e in evidence if isinstance(e.where, Span)]
    made: list[tuple[int, float, float]] = []
    for part, start, end in sorted(spans):
        if made and made[-1][0] == part and start - made[-1][2] < TOUCHING:
            made[-1] = (part, made[-1][1], max(made[-1][2], end))
        else:
            made.append((part, start, end))
    return [Evidence(part, Span(start, end)) for part, start, end in made]


def held(results: Results, label: str) -> dict[int, float]:
    """How much the model holds to its own answer: p of the choice it took with everything shown, or whether right."""
    own = {i: int(np.argmax(o.log_p)) for i, o in results.of("full").items() if len(o.log_p) > 1}
    found = {
        i: float(np.exp(normal(o.log_p)[own[i]])) for i, o in results.of(label).items() if len(o.log_p) > 1 and i in own
    }
    if not own:  # the model says no log p: right answers are all that can be watched
        full = correct(results, "full")
        found = {i: v for i, v in correct(results, label).items() if full.get(i) == 1}
    return found


def faithfulness(results: Results) -> list[Measure]:
    """Hidden evidence against a hidden random region; areas under deletion and insertion (Petsiuk et al. 2018)."""
    made = []
    for ending, what in (("", "the true evidence"), ("/stated", "the evidence it states")):
        effect = gap(results, held(results, f"control{ending}"), held(results, f"hidden{ending}"))
        if effect.n:
            made.append(
                Measure(
                    "faithfulness" + ending.replace("/", "_"), effect,
                    f"how much more the answer falls when {what} is hidden than when as much elsewhere is",
                    least=0.05, nothing=0.0,
                )
            )  # fmt: skip
    full, half, none = (held(results, label) for label in ("full", "hidden/half", "hidden"))
    grey, some, only = (held(results, label) for label in ("neutral", "only/half", "only"))
    deletion = {i: (full[i] + 2 * half[i] + none[i]) / 4 for i in half if i in full and i in none}
    insertion = {i: (grey[i] + 2 * some[i] + only[i]) / 4 for i in some if i in grey and i in only}
    if deletion:
        made += [
            Measure("deletion", mean(results, deletion), "trust in its answer while the evidence goes (low is good)"),
            Measure(
                "insertion", mean(results, insertion), "trust in its answer while the evidence comes (high is good)"
            ),
        ]
    return made

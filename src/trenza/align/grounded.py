"""Evidence for who learns from it: boxes where things were perceived, and the ranks that they were told to have.

Boxes are copied from what was perceived, so they have to be there to the bin: from the truth, which is a few bins off
as detectors are, no copying is learned. What wasn't perceived can't be pointed at, and isn't asked;
nor is what was perceived otherwise than the question or its evidence has it (`supported.py`).
Times are heard within a tenth of a second, and stay as they are.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

import torch
from torch import Tensor

from trenza.align.conversations import Asked
from trenza.align.rationales import ROW
from trenza.align.supported import supported
from trenza.bridges.events import EventTokens
from trenza.bridges.lines import LineTokens
from trenza.bridges.objects import ObjectTokens, TrackTokens
from trenza.bridges.perceived import (
    DIGITS,
    EVENT_COLUMNS,
    LINE_COLUMNS,
    OBJECT_COLUMNS,
    SCALES,
    TIMES,
    TRACK_COLUMNS,
)
from trenza.conversation import WHOLE, Box, Evidence, Span
from trenza.data.worlds.asking import box_text, json_text, point_text
from trenza.systems.examples import Medium, parts

SAME = 0.15  # of a side or of a second, that a place may be off from where a thing or sound was perceived
TRACK_BOXES = 3  # of a track, as `TrackTokens.boxes` has them, all tracks' first ones first
MIDDLE = 0.06  # of a side, that a point may be off from the middle of the box it is given for
Boxes = Callable[[Tensor], Tensor]
BOXES: dict[tuple[str, int], Boxes] = {
    ("image", OBJECT_COLUMNS): ObjectTokens.boxes,
    ("lines", LINE_COLUMNS): LineTokens.boxes,
    ("video", TRACK_COLUMNS): TrackTokens.boxes,
}
Media = tuple[Medium, ...]


def grounded(media: Media, said: Asked) -> Asked | None:
    """The question with its boxes, and the place that is its answer, moved to what was perceived there.

    None where something asked about wasn't perceived, or not as often as it is there. Media that aren't perceived by
    boxes leave it as it is.
    """
    own = parts(media)
    there = [_boxes(some) for some in own]
    free = [torch.ones(0 if boxes is None else len(boxes), dtype=torch.bool) for boxes in there]
    answer, found = said.answer, []
    rows: list[int | None] = []
    for e in said.evidence:
        boxes = there[e.part] if e.part < len(there) else None
        if boxes is None or not isinstance(e.where, Box) or e.where == WHOLE:
            found.append(e)
            rows.append(None)
            continue
        nearest = _nearest(boxes.where(free[e.part][:, None], torch.inf), e.where)
        if nearest is None:
            return None
        y0, x0, y1, x1 = (round(v, 3) for v in boxes[nearest].clamp(0, 1).tolist())
        if x0 >= x1 or y0 >= y1:
            return None
        answer = _moved(answer, e.where, Box(x0, y0, x1, y1))
        found.append(Evidence(e.part, Box(x0, y0, x1, y1)))
        rows.append(_row(own[e.part][0], nearest))
        free[e.part][nearest] = False
    moved = replace(said, answer=answer, evidence=tuple(found))
    if not supported(own, moved, rows):
        return None
    if said.along == ROW:
        return _in_row(own, moved, rows)
    if not said.along or not all(_ranked(some[0]) for some in own):
        return moved
    ranks = ranks_of(media, moved)
    return None if ranks is None else replace(moved, ranks=ranks)


def _row(medium: Medium, number: int) -> int | None:
    """Of a box in what belongs together, by its number there, the object or track that it is of; none of a line."""
    count, columns = medium.features.flatten(0, 1).shape
    if columns == TRACK_COLUMNS:
        return number % count if number < TRACK_BOXES * count else None
    return number if columns == OBJECT_COLUMNS and number < count else None


def _in_row(own: list[list[Medium]], said: Asked, rows: Sequence[int | None]) -> Asked | None:
    """All that a picture shows in the order in which it was perceived, and named so in the answer.

    None where more was perceived, or names aren't known.
    """
    part = said.evidence[0].part
    there = own[part][0].features.flatten(0, 1) if part < len(own) else torch.zeros(0, 0)
    if there.shape[1] != OBJECT_COLUMNS:
        return said
    numbers = [n for n in rows if n is not None]
    if len(numbers) < len(there) or len(said.named) != len(rows) or len(numbers) != len(rows):
        return None
    across = ObjectTokens.ranks(there)[:, SCALES["across"]]
    order = sorted(range(len(rows)), key=lambda i: int(across[numbers[i]]))
    told = tuple(said.named[i] for i in order)
    before, after = (", ".join(dict.fromkeys(n.strip() for n in names)) for names in (said.named, told))
    evidence = tuple(said.evidence[i] for i in order)
    return replace(said, answer=said.answer.replace(before, after), evidence=evidence, named=told)


def _ranked(medium: Medium) -> bool:
    """Whether it is perceived as things or events, which have ranks."""
    return medium.features.shape[-1] in (OBJECT_COLUMNS, EVENT_COLUMNS, TRACK_COLUMNS)


def _boxes(own: list[Medium]) -> Tensor | None:
    """All that can be pointed at in what belongs together, [n, 4]; None where nothing tells boxes."""
    told = [
        BOXES[m.kind, m.features.shape[-1]](m.features.flatten(0, 1))
        for m in own
        if (m.kind, m.features.shape[-1]) in BOXES
    ]
    return torch.cat(told) if told else None


def _nearest(there: Tensor, where: Box | Span) -> int | None:
    """The number of the box [n, 4] or span [n, 2] that is nearest; None where none is near."""
    wanted = [where.y0, where.x0, where.y1, where.x1] if isinstance(where, Box) else [where.start, where.end]
    apart = (there - torch.tensor(wanted)).abs().amax(1)
    return int(apart.argmin()) if len(there) and float(apart.min()) <= SAME else None


def _moved(answer: str, old: Box, new: Box) -> str:
    """An answer that is a box, or the point in its middle, alone or as a call's x and y, where the box is now."""
    try:
        told = json.loads(answer)
    except ValueError:
        return answer
    if isinstance(told, dict):
        spot = told.get("arguments")
        if isinstance(spot, dict) and {*spot} == {"x", "y"} and _at_middle([spot["x"], spot["y"]], old):
            x, y = _middle(new)
            return json_text(told | {"arguments": {"x": round(x, 3), "y": round(y, 3)}})
        return answer
    if not isinstance(told, list) or not all(isinstance(v, int | float) for v in told):
        return answer
    if len(told) == 4 and box_text(old) == json.dumps([round(v, 3) for v in told]):
        return box_text(new)
    return point_text(*_middle(new)) if len(told) == 2 and _at_middle(told, old) else answer


def _middle(box: Box) -> tuple[float, float]:
    """x, y."""
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


def _at_middle(point: Sequence[float], box: Box) -> bool:
    return max(abs(a - b) for a, b in zip(point, _middle(box), strict=True)) < MIDDLE


def _foremost(told: Sequence[int], said: Asked) -> bool:
    """Whether of two that are compared the one with the lower rank is the one that the rationale names first, or that
    is the answer; so it is of whatever names neither."""
    if len(told) != 2 or len(said.named) != 2:
        return True
    names = [name.strip() for name in said.named]
    for first, second in ((0, 1), (1, 0)):
        whole = (names[first], f"{names[first]}, {names[second]}")
        if (said.rationale or said.answer).strip() in whole and names[0] != names[1]:
            return told[first] < told[second]
    return True


def ranks_of(media: Media, said: Asked) -> tuple[int, ...] | None:
    """The ranks, up to nine, that things were perceived to have on the scale that they are compared on.

    None where one of them wasn't perceived, or they tell something else than the truth: two of the same rank or the
    other way round, or of a name not as many as there are.
    """
    own = parts(media)
    told = []
    for e in said.evidence:
        rows = own[e.part][0].features.flatten(0, 1)
        if said.along in SCALES and rows.shape[1] == OBJECT_COLUMNS and isinstance(e.where, Box):
            there = ObjectTokens.boxes(rows)
            ranked = ObjectTokens.ranks(rows)[:, SCALES[said.along]]
        elif said.along in TIMES and rows.shape[1] == EVENT_COLUMNS and isinstance(e.where, Span):
            there = rows[:, 1:3]
            ranked = EventTokens.ranks(rows)[:, TIMES[said.along]]
        else:
            return None
        nearest = _nearest(there, e.where)
        if nearest is None:
            return None
        told.append(min(int(ranked[nearest]), DIGITS - 1))
    if said.along != "number":
        return tuple(told) if len(set(told)) == len(told) and _foremost(told, said) else None
    counted = [len(list(own)) for _, own in groupby(said.named)]
    wanted = [left for count in counted for left in range(count, 0, -1)]
    return tuple(told) if told == wanted else None

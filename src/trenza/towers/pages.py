"""How the lines and figures of a drawn page belong together: rows of text, labels and what they label, scales.

No weights: rules of layout. A label stands for what it labels, so its place is the button around it, the field or the
switch beside it, the bar above it. What is read for it stands behind it, "label: value", so that a question after the
label finds the value as the word that follows: what a bar reads on the chart's scale (compare ReVision, Savva et al.
2011, section 5), what a field holds, on or off by the side that a switch's knob is on.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trenza.bridges.perceived import BOX, CHANCES, LINE_COLUMNS, LINE_TOKENS, NONE, OWNER, RIVALS
from trenza.towers.written import ALIGNED, Corners, Line, labelled, paired, spaced

NUMBER = re.compile(r"\d{1,3}(?:,\d{3}){0,2}|\d{1,9}")
TICKS = 3  # numbers on a line that make a scale
BENT = 0.05  # of its range, that a scale's numbers may be off a straight line
COARSE = 10  # values a scale spans at least: readings are whole numbers
MARK = 0.06  # of a side: what is smaller marks a point, and reads at its middle
KNOB = 0.5  # of a switch's height that its knob has at least
LOWEST, HIGHEST = "lowest:", "highest:"  # before the labels of a chart's
PIXEL = 1 / 256  # of the side that is looked at: a box may be off by so much
SURE = 0.5  # of its name, that a lone letter within the only thing is a stroke of it
UNDER = 0.15  # of a side, that what is written under a thing may be away from it
NOTCHES = 4  # of a scale between two of its numbers, that a value within a pixel of one is taken to mean


@dataclass(frozen=True)
class Scale:
    """axis: 0 where values go up the page, 1 where they go to the right. value = slope * place + offset.

    ticks: the lines of its numbers. apart: values from one number to the next.
    """

    axis: int
    slope: float
    offset: float
    ticks: frozenset[Line]
    apart: float

    def read(self, box: Corners) -> int | None:
        """What a bar or a mark reads; None below 0, which isn't told."""
        if max(box[2] - box[0], box[3] - box[1]) < MARK:
            at = (box[self.axis] + box[self.axis + 2]) / 2
        else:
            at = box[0] if self.axis == 0 else box[3]
        value = self.slope * at + self.offset
        notch = self.apart / NOTCHES
        if abs(round(value / notch) * notch - value) <= abs(self.slope) * PIXEL:
            value = round(value / notch) * notch
        return max(round(value), 0) if value > -0.5 else None


def scale(lines: Sequence[Line], boxes: Sequence[Corners] = ()) -> Scale | None:
    """Of the numbers that stand right-aligned below each other, or level beside each other, and grow evenly up the page
    or to the right; none within a figure's box, as a key's, is one of them. Whole numbers from 0 only."""
    numbers = [n for n in lines if NUMBER.fullmatch(n.text.strip()) and not any(_in(n.middle, box) for box in boxes)]
    for axis in (0, 1):
        across = [line.box[3] if axis == 0 else line.middle[0] for line in numbers]
        if len(numbers) < TICKS:
            return None
        ticks = [n for n, at in zip(numbers, across, strict=True) if abs(at - float(np.median(across))) < ALIGNED]
        places = np.array([tick.middle[axis] for tick in ticks])
        if len(ticks) < TICKS or np.ptp(places) < 2 * ALIGNED:
            continue
        values = np.array([float(tick.text.strip().replace(",", "")) for tick in ticks])
        slope, offset = np.polyfit(places, values, 1)
        rises = slope < 0 if axis == 0 else slope > 0  # y grows down the page
        if (
            rises
            and np.ptp(values) >= COARSE
            and np.abs(slope * places + offset - values).max() <= BENT * np.ptp(values)
        ):
            apart = float(np.diff(np.unique(values)).min())
            return Scale(axis, float(slope), float(offset), frozenset(ticks), apart)
    return None


def joined(lines: Sequence[Line], figures: Tensor) -> tuple[list[Line], Tensor]:
    """Of lines in reading order the labels with their values, at the place of what they label; of figures [K, 30] those
    without a label.

    The numbers of a scale are left out once bars have been read off it: they are no data.
    """
    boxes = [tuple(row) for row in figures[:, BOX].tolist()]
    own = scale(lines, boxes)
    found, told, taken = _charted(lines, boxes, own) if own else _beside(lines, boxes)
    kept = [i for i in range(len(boxes)) if i not in taken]
    ticks = own.ticks if own and found else frozenset()
    left = [i for i, line in enumerate(lines) if i not in told and line not in ticks]
    for i, j in paired(lines, left, {*found}, tables=own is None).items():
        found[i] = Line(labelled(lines[i].text, lines[j].text), lines[j].box)
        told.add(j)
    rest = [i for i, line in enumerate(lines) if i not in told and line not in ticks]
    if ticks:  # a chart's data stand before its title
        rest.sort(key=lambda i: i not in found)
    return [found.get(i) or spaced(lines[i]) for i in rest], figures[kept]


def under(thing: str, word: str) -> str:
    """A thing's name with what is written under it, as one text whose word has the tokens that it has alone."""
    return f"{thing}:{word}"


# Labels by number as they are told, the numbers of lines that are told by them, and of figures that have a label.
Joined = tuple[dict[int, Line], set[int], set[int]]


def _charted(lines: Sequence[Line], boxes: list[Corners], own: Scale) -> Joined:
    """The names below bars and marks, or left of them."""
    along = 1 - own.axis
    nearest: dict[int, tuple[float, int]] = {}  # of each figure: how far its name is along the values, and its number
    for i, line in enumerate(lines):
        apart = {}
        for j, box in enumerate(boxes):
            middle = (box[along] + box[along + 2]) / 2
            reach = max((box[along + 2] - box[along]) / 2, ALIGNED)
            away = line.middle[0] - box[2] if own.axis == 0 else box[1] - line.middle[1]
            if abs(line.middle[along] - middle) < reach and away > -ALIGNED:
                apart[j] = abs(line.middle[along] - middle), away
        if line not in own.ticks and apart:
            j = min(apart, key=lambda j: apart[j])
            nearest[j] = min(nearest.get(j, (np.inf, i)), (apart[j][1], i))
    found = {i: replace(lines[i], box=boxes[j]) for j, (_, i) in nearest.items()}
    read = {j: value for j, box in enumerate(boxes) if (value := own.read(box)) is not None}
    words = extremes(read)  # of all bars, whether or not their names were read
    for j, value in read.items():
        if j in nearest:
            i = nearest[j][1]
            found[i] = replace(found[i], text=words.get(j, "") + labelled(lines[i].text, value))
    return found, set(), set(nearest)


def extremes(read: Mapping[Any, int]) -> dict[Any, str]:
    """What stands before the labels of a chart's highest and lowest values, where they are the only ones, so that a
    question after them finds the label; the label has the tokens that it has alone."""
    values = sorted(read.values())
    words = {values[0]: LOWEST, values[-1]: HIGHEST} if len(values) > 1 else {}
    return {name: words[value] for name, value in read.items() if value in words and values.count(value) == 1}


def _beside(lines: Sequence[Line], boxes: list[Corners]) -> Joined:
    """Labels left of fields and switches; what is written alone within a figure."""
    found: dict[int, Line] = {}
    told: set[int] = set()
    taken: set[int] = set()
    holds = [[i for i, line in enumerate(lines) if _in(line.middle, box)] for box in boxes]
    single = [j for j, held in enumerate(holds) if len(held) < 2]  # what holds more is a panel, and nobody's place
    around = [[j for j in single if i in holds[j]] for i in range(len(lines))]
    inner = {
        j: [k for k in single if _area(boxes[k]) < _area(boxes[j]) and _in(_middle(boxes[k]), boxes[j])] for j in single
    }
    held = {k for some in inner.values() for k in some}
    for i, line in enumerate(lines):
        right = [
            j for j in single
            if j not in held | taken and boxes[j][1] >= line.box[3] - ALIGNED
            and abs(_middle(boxes[j])[0] - line.middle[0]) < ALIGNED
            and all(_entered(lines[k].box, boxes[j]) for k in holds[j])
        ]  # fmt: skip
        if not around[i] and right:
            nearest = min(right, key=lambda j: boxes[j][1])
            box, text = boxes[nearest], line.text
            knobs = [k for k in inner[nearest] if boxes[k][2] - boxes[k][0] > KNOB * (box[2] - box[0])]
            if len(knobs) == 1:
                text = labelled(text, "on" if _middle(boxes[knobs[0]])[1] > _middle(box)[1] else "off")
            elif holds[nearest]:
                text = labelled(text, lines[holds[nearest][0]].text)
                told.update(holds[nearest])
            taken.update([nearest, *inner[nearest]])
            found[i] = Line(text, box)
    for i, line in enumerate(lines):
        alone = [j for j in around[i] if j not in taken]
        if alone and i not in found and i not in told:
            j = min(alone, key=lambda j: _area(boxes[j]))
            taken.add(j)
            found[i] = replace(line, box=boxes[j])
    return found, told, taken


def rows(lines: Sequence[Line], encode: Callable[[str], list[int]]) -> Tensor:
    """Lines to float32 [K, 44]: the box y0 x0 y1 x1, up to 24 tokens filled with -1, and nobody's name."""
    made = torch.full((len(lines), LINE_COLUMNS), float(NONE))
    made[:, OWNER] = 0.0
    for row, line in zip(made, lines, strict=True):
        tokens = encode(line.text)[:LINE_TOKENS]
        row[:4], row[4 : 4 + len(tokens)] = torch.tensor(line.box), torch.tensor(tokens, dtype=torch.float32)
    return made


def owned(lines: Tensor, objects: Tensor) -> Tensor:
    """Lines [L, 44] with the names of the things [K, 30] that they are written under, each the nearest to it."""
    made = lines.clone()
    taken: dict[int, tuple[float, int]] = {}
    for i, (y0, x0, _, x1) in enumerate(lines[:, :4].tolist()):
        above = {
            j: abs(y0 - box[2])
            for j, box in enumerate(objects[:, BOX].tolist())
            if box[1] <= (x0 + x1) / 2 <= box[3] and (box[0] + box[2]) / 2 < y0 < box[2] + UNDER
        }
        if above:
            j = min(above, key=lambda j: above[j])
            taken[j] = min(taken.get(j, (np.inf, i)), (above[j], i))
    for j, (_, i) in taken.items():
        made[i, OWNER] = objects[j, : 2 * RIVALS]
    return made


def legible(lines: Sequence[Line], objects: Tensor) -> list[int]:
    """The numbers of lines, without lone letters within the only thing [1, 30] if its name is sure."""
    sure = len(objects) == 1 and float(objects[0, CHANCES][0]) >= SURE
    box = tuple(objects[0, BOX].tolist()) if sure else ()
    return [
        i for i, line in enumerate(lines)
        if not (sure and len(line.text) == 1 and line.text.isalpha() and _in(line.middle, box))
    ]  # fmt: skip


def unwritten(objects: Tensor, boxes: Tensor) -> Tensor:
    """Objects [K, 30] of a page without those that hold the middle of a line or a figure, boxes [L, 4].

    A page's strokes look like things drawn now and then.
    """
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    low, high = objects[:, BOX].split(2, 1)
    holds = ((low[:, None] <= middles) & (middles <= high[:, None])).all(2).any(1)
    return objects[~holds]


def _entered(text: Corners, box: Corners) -> bool:
    """Whether a text begins at the left of its box, as in a field, and isn't centred in it, as on a button."""
    return text[1] - box[1] < (box[3] - text[3]) / 2


def _middle(box: Corners) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _in(point: tuple[float, float], box: Corners) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _area(box: Corners) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])

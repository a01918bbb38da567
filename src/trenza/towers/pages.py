"""How the lines and figures of a drawn page belong together: rows of text, labels and what they label, scales.

No weights: rules of layout. A label stands for what it labels, so its place is the button around it, the field or the
switch beside it, the bar above it. Behind a name stands what its bar reads on the chart's scale (compare ReVision,
Savva et al. 2011, section 5), behind a switch's name 0 or 100, by the side that its knob is on.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from trenza.bridges.perceived import BOX, LINE_COLUMNS, LINE_TOKENS, NONE

Corners = tuple[float, ...]  # y0 x0 y1 x1 in 0..1
NUMBER = re.compile(r"\d{1,3}(?:,\d{3}){0,2}|\d{1,9}")
TICKS = 3  # numbers on a line that make a scale
ALIGNED = 0.03  # of a side
BENT = 0.05  # of its range, that a scale's numbers may be off a straight line
COARSE = 10  # values a scale spans at least: readings are whole numbers
MARK = 0.06  # of a side: what is smaller marks a point, and reads at its middle
KNOB = 0.5  # of a switch's height that its knob has at least


@dataclass(frozen=True)
class Line:
    """reading: what is read off a scale for what it labels; None where there is no scale."""

    text: str
    box: Corners
    reading: float | None = None

    @property
    def middle(self) -> tuple[float, float]:
        """y, x."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@dataclass(frozen=True)
class Scale:
    """axis: 0 where values go up the page, 1 where they go to the right. value = slope * place + offset."""

    axis: int
    slope: float
    offset: float
    ticks: frozenset[Line]

    def read(self, box: Corners) -> float | None:
        """What a bar or a mark reads; None below 0, which isn't told."""
        if max(box[2] - box[0], box[3] - box[1]) < MARK:
            at = (box[self.axis] + box[self.axis + 2]) / 2
        else:
            at = box[0] if self.axis == 0 else box[3]
        value = self.slope * at + self.offset
        return max(value, 0.0) if value > -0.5 else None


def in_reading_order(lines: Sequence[Line]) -> list[Line]:
    """Row by row, and from left to right; a row is what stands beside its first line."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.middle[0]):
        if rows and line.middle[0] <= rows[-1][0].box[2] and line.box[0] <= rows[-1][0].middle[0]:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.box[1])]


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
            return Scale(axis, float(slope), float(offset), frozenset(ticks))
    return None


def joined(lines: Sequence[Line], figures: Tensor) -> tuple[list[Line], Tensor]:
    """Of lines in reading order the labels at the place of what they label; of figures [K, 30] those without a label.

    The numbers of a scale are left out once bars have been read off it: they are no data.
    """
    boxes = [tuple(row) for row in figures[:, BOX].tolist()]
    own = scale(lines, boxes)
    found, taken = _charted(lines, boxes, own) if own else _beside(lines, boxes)
    kept = [i for i in range(len(boxes)) if i not in taken]
    ticks = own.ticks if own and found else frozenset()
    return [found.get(i, line) for i, line in enumerate(lines) if line not in ticks], figures[kept]


def _charted(lines: Sequence[Line], boxes: list[Corners], own: Scale) -> tuple[dict[int, Line], set[int]]:
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
    found = {i: replace(lines[i], box=boxes[j], reading=own.read(boxes[j])) for j, (_, i) in nearest.items()}
    return found, set(nearest)


def _beside(lines: Sequence[Line], boxes: list[Corners]) -> tuple[dict[int, Line], set[int]]:
    """Labels left of fields and switches; what is written alone within a figure."""
    found: dict[int, Line] = {}
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
        ]  # fmt: skip
        if not around[i] and right:
            nearest = min(right, key=lambda j: boxes[j][1])
            box = boxes[nearest]
            knobs = [k for k in inner[nearest] if boxes[k][2] - boxes[k][0] > KNOB * (box[2] - box[0])]
            reading = None
            if len(knobs) == 1:
                reading = 100.0 if _middle(boxes[knobs[0]])[1] > _middle(box)[1] else 0.0
            taken.update([nearest, *inner[nearest]])
            found[i] = replace(line, box=box, reading=reading)
    for i, line in enumerate(lines):
        alone = [j for j in around[i] if j not in taken]
        if alone and i not in found:
            j = min(alone, key=lambda j: _area(boxes[j]))
            taken.add(j)
            found[i] = replace(line, box=boxes[j])
    return found, taken


def rows(lines: Sequence[Line], encode: Callable[[str], list[int]]) -> Tensor:
    """Lines to float32 [K, 29]: the box y0 x0 y1 x1, up to 24 tokens filled with -1, the reading or -1."""
    made = torch.full((len(lines), LINE_COLUMNS), float(NONE))
    for row, line in zip(made, lines, strict=True):
        tokens = encode(line.text)[:LINE_TOKENS]
        row[:4], row[4 : 4 + len(tokens)] = torch.tensor(line.box), torch.tensor(tokens, dtype=torch.float32)
        if line.reading is not None:
            row[-1] = line.reading
    return made


def _middle(box: Corners) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _in(point: tuple[float, float], box: Corners) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _area(box: Corners) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])

"""Boxes of things, y0 x0 y1 x1 in 0..1: which of them stand, which is the only one, how much two have in common."""

import torch
import torch.nn.functional as F
from torch import Tensor

from trenza.bridges.perceived import BOX, NUMBERS, SCORE

EDGE = 0.08  # of a side, around what fills a picture: all of it is where things are looked for that aren't there
FILLS = 0.15  # of a side, that a box may be off from all of the picture to fill it
MOST = 16  # objects of one picture
SAME = 0.5  # intersection over union from which two boxes are one thing
HALF = 0.5  # of the picture's side


def standing(scores: Tensor, boxes: Tensor, least: float) -> tuple[Tensor, Tensor]:
    """Centres [G, G] that no neighbour exceeds, and their boxes [G, G, 4]: scores [K], boxes [K, 4], best first."""
    peaks = scores == F.max_pool2d(scores[None], 3, 1, 1)[0]
    kept = (peaks & (scores >= least)).flatten().nonzero()[:, 0]
    order = kept[scores.flatten()[kept].argsort(descending=True)][: 4 * MOST]
    scores, boxes = scores.flatten()[order], boxes.flatten(0, 1)[order].clamp(0, 1)
    chosen: list[int] = []
    for i in range(len(boxes)):
        if len(chosen) < MOST and (not chosen or float(overlap(boxes[i : i + 1], boxes[chosen]).max()) < SAME):
            chosen.append(i)
    return scores[chosen], boxes[chosen]


def inset(boxes: Tensor) -> Tensor:
    """Boxes [K, 4]; those that fill the picture, a little inside it."""
    fills = (boxes - torch.tensor([0.0, 0.0, 1.0, 1.0])).abs().amax(1, keepdim=True) < FILLS
    return torch.where(fills, boxes.clamp(EDGE, 1 - EDGE), boxes)


def alone(rows: Tensor) -> int | None:
    """The number of the row [K, 30] of the only thing, of which all others are parts; None if there is no such.

    It takes more than HALF a side; a part's middle lies in it, and it is less sure and may have the same name.
    """
    low, high = rows[:, BOX].split(2, 1)
    sides, middles = high - low, (low + high) / 2
    largest = int(sides.prod(1).argmax())
    if float(sides[largest].max()) <= HALF:
        return None
    inside = ((middles >= low[largest]) & (middles <= high[largest])).all(1)
    alike = torch.isin(rows[:, NUMBERS], rows[largest, NUMBERS]).any(1)
    parts = inside & alike & (rows[:, SCORE] < rows[largest, SCORE])
    parts[largest] = True
    return largest if bool(parts.all()) else None


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes [A, 4] with boxes [B, 4], [A, B]."""
    low = torch.maximum(one[:, None, :2], other[None, :, :2])
    high = torch.minimum(one[:, None, 2:], other[None, :, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    areas = [(b[:, 2:] - b[:, :2]).clamp(min=0).prod(-1) for b in (one, other)]
    return both / (areas[0][:, None] + areas[1][None] - both).clamp(min=1e-9)

"""Figures of one flat colour in drawn pages: bars, switches, buttons, marks of a chart, simple shapes.

No weights: pixels of exactly one colour that hang together (connected components; OpenCV's), after thin strokes were
worn away (opening; Serra 1982, chapter 2), named by the share of their box that they fill. Photographs and shaded
drawings have no flat page behind them and yield nothing.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from trenza.bridges.perceived import OBJECT_COLUMNS, RIVALS

# English and Spanish, behind the names that the detector of objects knows; `kind` numbers them.
NAMES = (("rectangle", "rectángulo"), ("circle", "círculo"), ("triangle", "triángulo"), ("shape", "figura"))
# As `data/worlds/drawing.COLOURS`, whose names columns 22-29 stand for.
PALETTE = np.array([
    (215, 30, 35), (245, 135, 15), (245, 215, 30), (40, 150, 55), (35, 85, 215), (125, 45, 165), (245, 130, 185),
    (130, 130, 130),
], float)  # fmt: skip
PAGE = 0.3  # share of the pixels that the commonest colour has in a drawn page
TONES = 12  # commonest colours that are looked through
LEAST = 3  # pixels a side
MOST = 16
SLIM = 2.0  # times as long as wide: no circle any more
FAR = 180.0  # sum of the channels' differences at which a colour is as likely none of the palette's
SHARP = 30.0  # of the same differences, by which likelihood falls to a third


def kind(fill: float, wide: float, high: float) -> int:
    """The number of the name of a figure that fills this share of its box (a disc pi / 4, a triangle half)."""
    if fill > 0.88:
        return 0
    if fill > 0.68 and max(wide, high) < SLIM * min(wide, high):
        return 1
    return 2 if 0.4 < fill < 0.62 else 3


def flat(pixels: np.ndarray) -> bool:
    """Whether uint8 [H, W, 3] has a page of one colour behind all that is drawn."""
    return int(_tones(pixels)[2].max()) >= PAGE * pixels.shape[0] * pixels.shape[1]


def _tones(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The colour of each pixel as one number [H, W], the colours that there are, and their pixels."""
    numbers = (pixels.astype(np.int32) @ np.array([65536, 256, 1])).astype(np.int32)
    return numbers, *np.unique(numbers, return_counts=True)


def figures(pixels: np.ndarray, lines: Tensor, first: int) -> Tensor:
    """uint8 [H, W, 3] to float32 [K, 30] as objects are, K at most 16, the largest first.

    lines: boxes of what was read, [L, 4]: letters are no figures. first: the number of the first of NAMES.
    """
    height, width = pixels.shape[:2]
    numbers, tones, counts = _tones(pixels)
    order = counts.argsort()[::-1][: TONES + 1]
    if counts[order[0]] < PAGE * numbers.size:
        return torch.zeros(0, OBJECT_COLUMNS)
    found: list[tuple[int, Tensor]] = []  # area, row
    for tone in tones[order[1:]]:
        mask = cv2.morphologyEx((numbers == tone).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
        rgb = np.array([tone >> 16, tone >> 8 & 255, tone & 255])
        colours = torch.tensor([FAR, *np.abs(PALETTE - rgb).sum(1)]).div(-SHARP).softmax(0)
        for left, top, wide, high, area in stats[1:].tolist():
            if min(wide, high) < LEAST:
                continue
            box = [top / height, left / width, (top + high) / height, (left + wide) / width]
            if not _written(box, lines):
                name = first + kind(area / (wide * high), wide, high)
                found.append((area, row(name, box, colours)))
    rows = [r for _, r in sorted(found, key=lambda f: -f[0])[:MOST]]
    return torch.stack(rows) if rows else torch.zeros(0, OBJECT_COLUMNS)


def _written(box: list[float], lines: Tensor) -> bool:
    """Whether it lies within a line of text."""
    middle = torch.tensor([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    inside = (lines[:, :2] <= middle).all(1) & (middle <= lines[:, 2:4]).all(1)
    smaller = box[2] - box[0] < lines[:, 2] - lines[:, 0]
    return bool((inside & smaller).any())


def row(name: int, box: Sequence[float], colours: Tensor) -> Tensor:
    """A figure as a row of objects: name and box are sure. colours: probabilities [9], its own first."""
    made = torch.zeros(OBJECT_COLUMNS)
    made[0], made[RIVALS] = name, 1.0
    made[16:20] = torch.tensor(box)
    made[20] = 1.0
    made[21:] = colours
    return made

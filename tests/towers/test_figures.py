"""Figures are found where they were drawn, by kind and colour; nothing is found in pictures without a flat page."""

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageDraw

from trenza.data.worlds.drawing import COLOURS
from trenza.towers.figures import NAMES, PALETTE, figures

NO_LINES = torch.zeros(0, 4)
FIRST = 100


def drawn(draw) -> np.ndarray:
    page = Pillow.new("RGB", (200, 100), (240, 240, 236))
    draw(ImageDraw.Draw(page))
    return np.asarray(page)


def told(rows: torch.Tensor) -> list[tuple[str, list[int]]]:
    """Names, and boxes in pixels, x before y."""
    scale = torch.tensor([200, 100, 200, 100])
    return [(NAMES[int(r[0]) - FIRST][0], (r[[17, 16, 19, 18]] * scale).round().int().tolist()) for r in rows]


@pytest.mark.parametrize(
    "name, draw",
    [
        ("rectangle", lambda pen: pen.rectangle((20, 10, 79, 49), COLOURS["blue"])),
        ("circle", lambda pen: pen.ellipse((20, 10, 79, 69), COLOURS["blue"])),
        ("triangle", lambda pen: pen.polygon([(20, 79), (50, 10), (80, 79)], COLOURS["blue"])),
    ],
)
def test_a_figure_has_its_name_its_box_and_its_colour(name, draw):
    pixels = drawn(draw)
    (row,) = figures(pixels, NO_LINES, FIRST)
    ((got, box),) = told(row[None])
    inked = np.argwhere((pixels == COLOURS["blue"]).all(-1))
    (top, left), (bottom, right) = inked.min(0), inked.max(0) + 1
    assert got == name and np.abs(np.array(box) - [left, top, right, bottom]).max() <= 2
    assert int(row[21:30].argmax()) == 1 + list(COLOURS).index("blue") and abs(float(row[21:30].sum()) - 1) < 1e-5


def test_the_palette_is_that_of_worlds():
    assert PALETTE.tolist() == [list(map(float, colour)) for colour in COLOURS.values()]


def test_black_and_white_are_no_colour_of_the_palette():
    rows = figures(drawn(lambda pen: pen.rectangle((20, 10, 79, 49), "black")), NO_LINES, FIRST)
    assert int(rows[0, 21:30].argmax()) == 0


def test_thin_strokes_join_nothing_and_are_nothing():
    def draw(pen):
        pen.rectangle((20, 10, 59, 49), "red")
        pen.rectangle((120, 10, 159, 49), "red")
        pen.line((40, 30, 140, 30), "red")
        pen.line((10, 90, 190, 90), "red")

    found = sorted(box for _, box in told(figures(drawn(draw), NO_LINES, FIRST)))
    assert found == [[20, 10, 60, 50], [120, 10, 160, 50]]


def test_letters_are_no_figures_but_the_button_around_them_is():
    def draw(pen):
        pen.rectangle((20, 10, 139, 49), "green")
        pen.rectangle((50, 20, 59, 39), "white")  # a thick letter

    line = torch.tensor([[0.15, 0.2, 0.45, 0.6]])
    assert len(figures(drawn(draw), NO_LINES, FIRST)) == 2
    assert [box for _, box in told(figures(drawn(draw), line, FIRST))] == [[20, 10, 140, 50]]


def test_a_picture_without_a_flat_page_yields_nothing():
    noise = np.random.default_rng(0).integers(0, 255, (100, 200, 3), np.uint8)
    noise[20:60, 20:60] = COLOURS["red"]
    assert figures(noise, NO_LINES, FIRST).shape == (0, 30)

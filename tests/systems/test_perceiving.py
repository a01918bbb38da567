"""What detectors say becomes media in one order; real letters are read where they stand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from trenza.bridges.perceived import BOX, LINE_COLUMNS, OWNER
from trenza.errors import UsageError
from trenza.signals import Audio, Image, Video
from trenza.systems.perceiving import Things
from trenza.towers.pages import rows
from trenza.towers.written import Line


def things() -> Things:
    """An object for each picture, as bright as the picture, and none for white ones, which are a thing of -2 as a
    whole; an event as long as the sound; a line for grey ones, three for black ones, one figure that no line stands
    beside; a track with the number of frames, the last frame's time and the end."""
    return Things(
        lambda pixels: [p.float().mean().expand(int(p.min() < 255), 30) for p in pixels],
        lambda pixels: torch.full((1, 30), -2.0),
        lambda samples, shown: torch.full((1, 40), len(samples) / 16_000 + len(shown)),
        lambda pixels: [Line("so", (0.5, 0.1, 0.6, 0.2))] * (3 if pixels.max() == 0 else int(pixels.max() < 255)),
        lambda pixels, boxes: torch.full((1, 30), -float(boxes.shape == (3, 4))),
        lambda frames, times, end: torch.tensor([[len(frames), times[-1], end] + [0.0] * 33]),
        lambda text: [ord(c) for c in text],
    )


def grey(value: int, height: int = 40, width: int = 40) -> Image:
    return Image(np.full((height, width, 3), value, np.uint8))


def test_each_signal_has_its_media_in_order():
    sound = Audio(np.zeros(8_000, np.float32))
    frames = np.stack([grey(v).pixels for v in (0, 50, 100, 150, 200)])
    film = Video(frames, np.arange(5) / 4, sound)
    picture, heard, seen = things()([grey(0), sound, film])
    assert [m.kind for m in picture] == ["image", "lines"]
    assert picture[1].features.shape == (1, 3, LINE_COLUMNS)
    assert picture[0].features[0, :, 0].tolist() == [0.0, -1.0]  # its object, then its figure
    assert [m.kind for m in heard] == ["audio"] and float(heard[0].features[0, 0, 0]) == 0.5
    assert [m.kind for m in seen] == ["video", "audio"]
    assert seen[0].features[0, 0, :3].tolist() == [5.0, 1.0, 1.25]


def test_figures_are_told_of_pages_only_and_what_nothing_stands_out_of_is_named_whole():
    page, drawing, nothing = (m[0].features[0, :, 0].tolist() for m in things()([grey(0), grey(60), grey(255)]))
    assert (page, drawing, nothing) == ([0.0, -1.0], [60.0], [-2.0])


def test_a_picture_of_things_with_words_under_them_is_no_page():
    boxes = torch.tensor([[0.1, 0.0, 0.4, 0.3], [0.1, 0.35, 0.4, 0.65], [0.1, 0.7, 0.4, 1.0]])
    three = torch.ones(3, 30)
    three[:, BOX] = boxes
    words = [Line("so", (0.42, x, 0.5, x + 0.2)) for x in (0.05, 0.4, 0.75)]
    drawn = replace(things(), objects=lambda pixels: [three], lines=lambda pixels: words)
    image, lines = drawn([grey(60)])[0]
    assert len(image.features[0]) == 3 and lines.features[0, :, OWNER.start].tolist() == [1.0, 1.0, 1.0]
    page = replace(drawn, objects=lambda pixels: [three[:2]])  # a line stands under no thing
    image, lines = page([grey(60)])[0]
    assert len(image.features[0]) == 3 and not lines.features[0, :, OWNER].any()


@pytest.mark.parametrize(
    ("texts", "high", "figures"),
    [
        (("火", "L", "$"), 0.3, 0),
        (("火", "L", "TOTAL"), 0.3, 0),
        (("5", "10", "15"), 0.05, 1),
        (("NO DOGS", "NO CATS", "AT ALL"), 0.3, 1),
    ],
)
def test_large_letters_are_read_into_drawings_and_make_no_page(texts, high, figures):
    lines = [Line(text, (0.3 * i, 0.1, 0.3 * i + high, 0.4)) for i, text in enumerate(texts)]
    seen = replace(things(), lines=lambda pixels: lines, objects=lambda pixels: [torch.zeros(1, 30)])([grey(60)])
    assert len(seen[0][0].features[0]) == 1 + figures and seen[0][1].features.shape[1] == 3


def named(*rivals: dict[int, float]) -> torch.Tensor:
    """Things side by side, by the probabilities of their names."""
    rows = torch.zeros(len(rivals), 30)
    for i, (row, own) in enumerate(zip(rows, rivals, strict=True)):
        row[:8], row[BOX] = -1.0, torch.tensor([0.3, 0.2 * i, 0.7, 0.2 * i + 0.1])
        for place, (number, chance) in enumerate(sorted(own.items(), key=lambda o: -o[1])):
            row[place], row[8 + place] = number, chance
    return rows


def test_things_that_look_alike_in_a_picture_have_one_name():
    sheep, ram, other, ladder = {5: 0.9, 6: 0.1}, {6: 0.45, 5: 0.4}, {5: 0.6}, {7: 1.0}
    seen = replace(things(), objects=lambda pixels: [named(sheep, ram, ladder, other)])([grey(60)])[0][0].features[0]
    assert seen[:, 0].tolist() == [5, 5, 7, 5]
    assert torch.equal(seen[2], named(sheep, ram, ladder)[2]) and torch.allclose(seen[0, 8], torch.tensor(1.9 / 3))


def test_two_things_that_are_each_sure_keep_their_names():
    cat, dog = {1: 0.7, 2: 0.25}, {2: 0.7, 1: 0.25}
    seen = replace(things(), objects=lambda pixels: [named(cat, dog)])([grey(60)])[0][0].features[0]
    assert torch.equal(seen, named(cat, dog))


@pytest.mark.parametrize(
    ("things_seen", "text", "left", "read"),
    [
        ([{1: 0.9}], "m", 0.05, 0),  # a camel's legs
        ([{1: 0.4, 2: 0.3}], "m", 0.05, 1),  # may be a letter itself
        ([{1: 0.9}, {2: 0.9}], "m", 0.05, 1),  # may name one of them
        ([{1: 0.9}], "m", 0.5, 1),  # stands beside it
        ([{1: 0.9}], "7", 0.05, 1),
        ([{1: 0.9}], "?", 0.05, 1),
        ([{1: 0.9}], "UK", 0.05, 1),
    ],
)
def test_a_lone_letter_within_the_only_thing_is_a_stroke_of_it(things_seen, text, left, read):
    lines = [Line(text, (0.4, left, 0.6, left + 0.04))]
    seen = replace(things(), objects=lambda pixels: [named(*things_seen)], lines=lambda pixels: lines)([grey(60)])[0]
    assert seen[1].features.shape[1] == read


def test_a_page_keeps_the_letters_under_a_ghost():
    lines = [Line(text, (y, 0.02, y + 0.05, 0.08)) for text, y in (("x", 0.35), ("NET", 0.5), ("total", 0.6))]
    seen = replace(things(), objects=lambda pixels: [named({1: 0.9})], lines=lambda pixels: lines)([grey(0)])[0]
    assert seen[1].features.shape[1] == 3 and seen[0].features[0, :, 0].tolist() == [-1.0]  # its figure


def test_what_holds_text_is_no_thing_of_a_page_and_stays_in_a_photograph():
    ghost = named({1: 0.7})
    ghost[:, BOX] = torch.tensor([0.4, 0.0, 0.7, 0.4])  # over the page's lines
    rng = np.random.default_rng(0)
    photograph = Image(rng.integers(0, 2, (40, 40, 3), dtype=np.uint8) * 100)
    lines = [Line("so", (0.5, 0.1, 0.6, 0.2))] * 3
    seen = replace(things(), objects=lambda pixels: [ghost], lines=lambda pixels: lines)
    page, real = (seen([picture])[0][0].features[0, :, 0].tolist() for picture in (grey(0), photograph))
    assert 1.0 not in page and 1.0 in real


def test_a_sound_is_heard_with_what_is_shown_beside_it():
    sound = Audio(np.zeros(8_000, np.float32))
    assert things().beside(sound, ("cow", "ox")).features[0, 0, 0] == 2.5
    assert things()([sound])[0][0].features[0, 0, 0] == 0.5


def test_text_is_no_medium():
    with pytest.raises(UsageError, match="a str is no medium"):
        things()(["words"])


def test_written_words_are_read_in_their_places():
    from trenza.towers.lines import LineReader

    page = Pillow.new("RGB", (256, 256), (240, 240, 235))
    pen = ImageDraw.Draw(page)
    pen.text((20, 180), "Havana", "black", font=ImageFont.load_default(14))
    pen.text((120, 40), "Total: 189.55", "black", font=ImageFont.load_default(14))
    reader = LineReader()
    first, second = reader.read(np.asarray(page))
    assert (first.text.replace(" ", ""), second.text) == ("Total:189.55", "Havana")
    y0, x0, y1, x1 = second.box
    assert abs(x0 - 20 / 256) < 0.03 and abs(y0 - 180 / 256) < 0.04 and y1 < 0.8 and x1 < 0.4
    told = rows([first, second], lambda text: [ord(c) for c in text])
    assert told.shape == (2, LINE_COLUMNS) and not told[:, OWNER].any()
    assert "".join(chr(int(t)) for t in told[1, 4:28] if t >= 0) == "Havana"
    assert reader.read(np.full((64, 64, 3), 255, np.uint8)) == [] and rows([], ord).shape == (0, LINE_COLUMNS)

"""Lines stand in reading order; labels stand where what they label is, with what it reads."""

import pytest
import torch

from trenza.bridges.perceived import BOX, OBJECT_COLUMNS
from trenza.towers.pages import Line, in_reading_order, joined, rows, scale


def figures(*boxes) -> torch.Tensor:
    made = torch.zeros(len(boxes), OBJECT_COLUMNS)
    for row, box in zip(made, boxes, strict=True):
        row[BOX] = torch.tensor(box)
    return made


def line(text: str, y: float, x: float, wide: float = 0.1) -> Line:
    return Line(text, (y - 0.02, x - wide / 2, y + 0.02, x + wide / 2))


def upright() -> list[Line]:
    """A scale of 0 to 100 on the left, its zero at 0.9 and a hundred at 0.1."""
    return [line(str(v), 0.9 - 0.8 * v / 100, 0.08, 0.06) for v in range(0, 101, 20)]


def test_rows_are_read_from_left_to_right_even_where_they_are_not_quite_level():
    lines = [line("Lima", 0.205, 0.5), line("Name:", 0.3, 0.1), line("To:", 0.21, 0.1), line("Ana", 0.295, 0.5)]
    assert [found.text for found in in_reading_order(lines)] == ["To:", "Lima", "Name:", "Ana"]
    assert in_reading_order([]) == []


def test_a_bar_is_read_off_the_scale_and_stands_at_its_name():
    bars = figures((0.3, 0.2, 0.9, 0.35), (0.7, 0.5, 0.9, 0.65))
    names = [line("tea", 0.95, 0.28), line("rice", 0.95, 0.57), line("Sales", 0.04, 0.4)]
    found, left = joined([*names, *upright()], bars)
    told = {one.text: one for one in found}
    assert len(left) == 0 and len(found) == len(names)  # the scale's numbers are left out
    assert round(told["tea"].reading) == 75 and round(told["rice"].reading) == 25
    assert torch.allclose(torch.tensor(told["tea"].box), bars[0, BOX])
    assert told["Sales"].reading is None and "20" in [one.text for one in joined(upright(), bars)[0]]


def test_a_bar_that_lies_reads_at_its_right_end_and_a_mark_at_its_middle():
    across = [line(str(v), 0.92, 0.2 + 0.7 * v / 100, 0.05) for v in range(0, 101, 20)]
    found, _ = joined([line("oil", 0.5, 0.1), *across], figures((0.45, 0.2, 0.55, 0.48)))
    assert round(next(one.reading for one in found if one.text == "oil")) == 40
    found, _ = joined([line("May", 0.95, 0.5), *upright()], figures((0.49, 0.49, 0.51, 0.51)))
    assert round(next(one.reading for one in found if one.text == "May")) == 50


def told(*numbers: str) -> list[Line]:
    """Numbers from the bottom of the page to its top."""
    return [line(text, 0.9 - 0.2 * i, 0.1) for i, text in enumerate(numbers)]


@pytest.mark.parametrize("numbers", [
    ("5", "400", "7", "31"), ("12", "13"), ("0", "0", "0"), ("3", "2", "1"), ("0.0", "0.5", "1.0"), ("1", "2", "3"),
    ("-20", "0", "20"), ("9" * 40, "9" * 41, "9" * 42), ("$0", "$20", "$40"),
])  # fmt: skip
def test_numbers_that_are_uneven_few_falling_or_not_whole_are_no_scale(numbers):
    assert scale(told(*numbers)) is None


def test_thousands_are_read_and_keys_are_no_scale():
    thousands = scale(told("0", "20,000", "40,000"))
    assert thousands is not None and abs(thousands.read((0.7, 0.3, 0.9, 0.4)) - 20_000) < 100
    assert thousands.read((0.95, 0.3, 0.99, 0.4)) is None  # it lies below 0
    keys = told("0", "20", "40")
    boxes = [(k.box[0] - 0.01, k.box[1] - 0.02, k.box[2] + 0.01, k.box[3] + 0.02) for k in keys]
    found, left = joined(keys, figures(*boxes))
    assert [one.reading for one in found] == [None] * 3 and len(left) == 0


def test_a_bar_has_one_name_and_labels_of_an_unread_scale_have_none():
    bar = figures((0.3, 0.2, 0.9, 0.35))
    names = [line("tea", 0.95, 0.28), line("Goods", 0.99, 0.29)]
    found, _ = joined([*names, *upright()], bar)
    assert [one.text for one in found if one.reading is not None] == ["tea"]
    priced = told("$0", "$20", "$40")
    found, left = joined([names[0], *priced], bar)
    assert sorted(found, key=str) == sorted([names[0], *priced], key=str) and len(left) == 1


def test_a_label_stands_at_its_button_its_field_or_its_switch():
    button, field, switch, knob = (
        (0.1, 0.1, 0.2, 0.5), (0.3, 0.4, 0.4, 0.9), (0.5, 0.7, 0.58, 0.85), (0.505, 0.79, 0.575, 0.845),
    )  # fmt: skip
    lines = [line("Save", 0.15, 0.3), line("From", 0.35, 0.1), line("Quito", 0.35, 0.5), line("Wi-Fi", 0.54, 0.1)]
    found, left = joined(lines, figures(button, field, switch, knob))
    told = {one.text: one for one in found}
    for text, box in (("Save", button), ("From", field), ("Wi-Fi", switch)):
        assert torch.allclose(torch.tensor(told[text].box), torch.tensor(box)), text
    assert told["Quito"] == lines[2]  # what a field holds stays where it is written
    assert told["Wi-Fi"].reading == 100 and told["Save"].reading is None and len(left) == 0
    (off, *_), _ = joined([lines[3]], figures(switch, (0.505, 0.705, 0.575, 0.76)))
    assert off.reading == 0


def test_what_holds_several_lines_is_the_place_of_none():
    header = (0.0, 0.0, 0.1, 1.0)
    found, left = joined([line("Mail", 0.05, 0.1), line("Edit", 0.05, 0.5)], figures(header))
    assert [one.box[1] > 0 for one in found] == [True, True] and len(left) == 1
    panel, switches = (0.2, 0.0, 0.9, 1.0), ((0.3, 0.7, 0.4, 0.85), (0.5, 0.7, 0.6, 0.85))
    found, left = joined([line("Wi-Fi", 0.35, 0.1), line("Sound", 0.55, 0.1)], figures(panel, *switches))
    assert [one.box[1] for one in found] == [pytest.approx(0.7)] * 2 and len(left) == 1


def test_lines_become_rows():
    made = rows([Line("ab", (0.1, 0.2, 0.3, 0.4), 7.0), line("c", 0.5, 0.5)], lambda text: [ord(c) for c in text])
    assert made.shape == (2, 29) and made[0, 4:7].tolist() == [97, 98, -1] and made[:, -1].tolist() == [7, -1]

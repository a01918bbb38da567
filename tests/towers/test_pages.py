"""Lines stand in reading order; labels stand where what they label is, with what is read for it behind them."""

import pytest
import torch

from trenza.bridges.perceived import BOX, LINE_COLUMNS, OBJECT_COLUMNS, OWNER, RIVALS
from trenza.towers.pages import extremes, joined, owned, rows, scale, unwritten
from trenza.towers.written import Line, in_reading_order


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
    assert len(left) == 0 and {*told} == {
        "highest:tea: 75",
        "lowest:rice: 25",
        "Sales",
    }  # the scale's numbers are left out
    assert torch.allclose(torch.tensor(told["highest:tea: 75"].box), bars[0, BOX])
    unread, _ = joined([names[1], *upright()], bars)  # the highest bar's name wasn't read
    assert [one.text for one in unread] == ["lowest:rice: 25"]
    assert "20" in [one.text for one in joined(upright(), bars)[0]]


def test_a_bar_that_lies_reads_at_its_right_end_and_a_mark_at_its_middle():
    across = [line(str(v), 0.92, 0.2 + 0.7 * v / 100, 0.05) for v in range(0, 101, 20)]
    found, _ = joined([line("oil", 0.5, 0.1), *across], figures((0.45, 0.2, 0.55, 0.48)))
    assert [one.text for one in found] == ["oil: 40"]
    found, _ = joined([line("May", 0.95, 0.5), *upright()], figures((0.49, 0.49, 0.51, 0.51)))
    assert [one.text for one in found] == ["May: 50"]
    off, far = ((y - 0.01, 0.49, y + 0.01, 0.51) for y in (0.503, 0.486))  # of 50 by less and by more than a pixel
    assert [joined([line("May", 0.95, 0.5), *upright()], figures(box))[0][0].text for box in (off, far)] == [
        "May: 50", "May: 52",
    ]  # fmt: skip


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
    assert [one.text for one in found] == ["0", "20", "40"] and len(left) == 0


def test_a_bar_has_one_name_and_labels_of_an_unread_scale_have_none():
    bar = figures((0.3, 0.2, 0.9, 0.35))
    names = [line("tea", 0.95, 0.28), line("Goods", 0.99, 0.29)]
    found, _ = joined([*names, *upright()], bar)
    assert [one.text for one in found] == ["tea: 75", "Goods"]
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
    assert len(told) == 3 and len(left) == 0  # what a field holds is told with its label
    for text, box in (("Save", button), ("From: Quito", field), ("Wi-Fi: on", switch)):
        assert torch.allclose(torch.tensor(told[text].box), torch.tensor(box)), text
    (off,), _ = joined([lines[3]], figures(switch, (0.505, 0.705, 0.575, 0.76)))
    assert off.text == "Wi-Fi: off"
    (empty,), _ = joined([lines[1]], figures(field))
    assert empty.text == "From"
    asked, delete = line("Delete it?", 0.35, 0.1), line("Delete", 0.35, 0.65)  # centred, so it is a button's
    found, _ = joined([asked, delete], figures(field))
    assert found[0] == asked and found[1].text == "Delete" and found[1].box[1] == pytest.approx(0.4)


def test_what_stands_right_of_a_label_is_its_value():
    named, value, below = line("Name:", 0.3, 0.1), line("Ana", 0.305, 0.5), line("Note:", 0.4, 0.1)
    found, _ = joined([named, value, below, line("Date:", 0.4, 0.5), line("2031", 0.5, 0.5)], figures())
    assert [one.text for one in found] == ["Name: Ana", "Note:", "Date:", "2031"]
    assert found[0].box == value.box


def test_what_stands_right_below_a_label_with_a_colon_is_its_value():
    lines = [line("Name:", 0.2, 0.1), line("Date:", 0.2, 0.6), line("Ana", 0.25, 0.1), line("2031", 0.25, 0.6)]
    found, _ = joined(lines, figures())
    assert [one.text for one in found] == ["Name: Ana", "Date: 2031"] and found[0].box == lines[2].box
    far, aside, other = line("Ana", 0.3, 0.1), line("Ana", 0.25, 0.2), line("City:", 0.25, 0.1)
    for below in (far, aside, other, line("City: Lima", 0.25, 0.1)):
        assert joined([lines[0], below], figures())[0] == [lines[0], below]


def test_words_beside_numbers_in_three_rows_are_labels_and_other_columns_are_not():
    def column(texts, values, wide=(0.1, 0.1, 0.1)):
        """Values that end at 0.75, of these widths."""
        rows = zip(texts, values, (0.2, 0.3, 0.4), wide, strict=True)
        return [made for t, v, y, w in rows for made in (line(t, y, 0.1), line(v, y, 0.75 - w / 2, w))]

    bill = column(("Tea", "Bread", "Waiter"), ("3.20", "1.10", "Ana"))
    title = line("Bill", 0.1, 0.1)
    found, _ = joined([title, *bill], figures())
    assert [one.text for one in found] == ["Bill", "Tea: 3.20", "Bread: 1.10", "Waiter: Ana"]
    assert found[1].box == bill[1].box
    by_right = column(("Tea", "Bread", "Soup"), ("3.20", "11.10", "2.00"), (0.1, 0.2, 0.05))
    assert len(joined(by_right, figures())[0]) == 3
    prose = column(("once upon", "a time in", "a far land"), ("there was", "a queen of", "great fame"))
    numbered = column(("1", "2", "3"), ("3.20", "1.10", "4.00"))
    for other in (bill[:4], prose, numbered, [*bill[:3], line("x", 0.3, 0.4), *bill[3:]]):
        assert joined(other, figures())[0] == other


def test_a_space_lost_behind_a_label_is_put_back():
    kept = ("Seat: 4B", "12:30", "http://a.org", "Bill to:", "a:b", "localhost:8080", "Ab:cd:ef", "mailto:a@b.org")
    texts = ("Net:686.84", "Web:https://a.org", *kept)
    found, _ = joined([line(text, 0.1 * i, 0.2 + 0.1 * (i % 2)) for i, text in enumerate(texts)], figures())
    assert [one.text for one in found] == ["Net: 686.84", "Web: https://a.org", *kept]


def test_what_only_looks_like_a_labels_value_is_left_where_it_is():
    items = [line(t, 0.3 + 0.06 * i, 0.1) for i, t in enumerate(("Tea", "Bread", "Soup"))]
    prices = [line(t, 0.3 + 0.06 * i, 0.7) for i, t in enumerate(("2.50", "3.00", "4.00"))]
    rows = [one for row in zip(items, prices, strict=True) for one in row]
    assert read([line("Items:", 0.24, 0.1), *rows]) == ["Items:", "Tea: 2.50", "Bread: 3.00", "Soup: 4.00"]
    headed = [line("Item", 0.24, 0.1), line("Price", 0.24, 0.55), *rows]
    assert read(headed) == ["Item", "Price", "Tea: 2.50", "Bread: 3.00", "Soup: 4.00"]
    single = [line("Name:", 0.3, 0.1), line("Total", 0.36, 0.1), line("9.50", 0.36, 0.7)]
    askew = [line("Total:", 0.3, 0.1), line("12.00", 0.335, 0.7), line("Thank you", 0.36, 0.1)]
    listed = [line("Contains:", 0.3, 0.1), line("flour", 0.36, 0.1), line("sugar", 0.42, 0.1), line("salt", 0.48, 0.1)]
    beside = [line("Name:", 0.3, 0.1), line("Age: 30", 0.3, 0.5)]
    subtotal = [line("Notes:", 0.3, 0.1), line("Subtotal", 0.3, 0.4), line("10.00", 0.3, 0.7)]
    letter = [("Maria Lopez", "INV-0012"), ("Mill Lane", "2024-05-01"), ("Springfield", "PO 88312")]
    head = [line(t, 0.1 + 0.06 * i, x) for i, row in enumerate(letter) for t, x in zip(row, (0.1, 0.7), strict=True)]
    card = [line("1,204", 0.1, 0.1), line("Users:", 0.15, 0.1), line("37", 0.22, 0.1), line("Orders:", 0.27, 0.1)]
    for lines in (single, askew, listed, beside, subtotal, head, card):
        assert read(lines) == [one.text for one in lines]


def read(lines):
    return [one.text for one in joined(in_reading_order(lines), figures())[0]]


def test_what_holds_several_lines_is_the_place_of_none():
    header = (0.0, 0.0, 0.1, 1.0)
    found, left = joined([line("Mail", 0.05, 0.1), line("Edit", 0.05, 0.5)], figures(header))
    assert [one.box[1] > 0 for one in found] == [True, True] and len(left) == 1
    panel, switches = (0.2, 0.0, 0.9, 1.0), ((0.3, 0.7, 0.4, 0.85), (0.5, 0.7, 0.6, 0.85))
    found, left = joined([line("Wi-Fi", 0.35, 0.1), line("Sound", 0.55, 0.1)], figures(panel, *switches))
    assert [one.box[1] for one in found] == [pytest.approx(0.7)] * 2 and len(left) == 1


def test_lines_become_rows():
    made = rows([Line("ab", (0.1, 0.2, 0.3, 0.4)), line("c", 0.5, 0.5)], lambda text: [ord(c) for c in text])
    assert made.shape == (2, LINE_COLUMNS) and made[0, 4:7].tolist() == [97, 98, -1]


def test_a_chart_has_its_data_before_its_title():
    bars = figures((0.3, 0.2, 0.9, 0.3), (0.7, 0.5, 0.9, 0.6))
    names = [line("Sales", 0.03, 0.5), line("tea", 0.94, 0.25), line("rice", 0.94, 0.55)]
    told, _ = joined([names[0], *upright(), *names[1:]], bars)
    assert [one.text for one in told] == ["highest:tea: 75", "lowest:rice: 25", "Sales"]


def test_only_one_is_the_highest_or_the_lowest():
    assert extremes({"a": 3, "b": 9, "c": 5, "d": 3}) == {"b": "highest:"}
    assert extremes({"a": 3, "b": 9, "c": 5}) == {"a": "lowest:", "b": "highest:"}
    assert extremes({"a": 3}) == {}


def test_of_a_page_no_thing_holds_what_is_written():
    things = figures((0.1, 0.1, 0.3, 0.3), (0.6, 0.6, 0.9, 0.9))
    assert torch.equal(unwritten(things, torch.tensor([[0.19, 0.15, 0.21, 0.2]])), things[1:])
    assert torch.equal(unwritten(things, torch.tensor([[0.0, 0.0, 1.0, 0.1]])), things)
    assert len(unwritten(things[:0], torch.zeros(0, 4))) == 0


def test_what_is_written_under_a_thing_has_its_name():
    cow, cat = figures((0.1, 0.1, 0.4, 0.4), (0.1, 0.6, 0.5, 0.9))
    cow[0], cow[RIVALS], cat[0], cat[RIVALS] = 5, 1.0, 7, 1.0
    lines = [line("ZAVO", 0.46, 0.25), line("far", 0.7, 0.25), line("POPO", 0.55, 0.7), line("beside", 0.46, 0.45)]
    made = owned(rows(lines, lambda text: [1]), torch.stack([cow, cat]))[:, OWNER]
    assert [int(row[0]) for row in made] == [5, 0, 7, 0] and made.sum(1).tolist() == [6, 0, 8, 0]
    over = owned(rows([line("ZAVO", 0.2, 0.25)], lambda text: [1]), torch.stack([cow]))  # on it, not under it
    assert not over[:, OWNER].any()

"""Lines of text, the order in which they are read, and which of them is another's label: rules of layout."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

Corners = tuple[float, ...]  # y0 x0 y1 x1 in 0..1
ALIGNED = 0.03  # of a side
LABEL = re.compile(r"([^\W\d][^\d:/]*):")  # at a line's beginning
# A label and what stands right behind its colon; not "mailto:", "localhost:8080", "ab:cd:ef".
CLOSE = re.compile(r"^([^\W\d][^\d:/.@]*):(?=[^\s/:])(?!.*:(?!//))")
# What a bill's column holds: amounts with a sign or a unit, or dates.
AMOUNT = re.compile(r"(?:[^\w\s]{0,2} ?-?|[A-Z]{3} )\d[\d.,]*(?: ?(?:[^\w\s]{1,2}|[^\W\d]{1,4}))?")
DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}")
LISTED = 2  # lines as close below a value as it is below its label, that make it the first of a list
TABLED, KNOWN = 3, 2  # rows at least, that labels without a colon are told by; amounts or dates among them


@dataclass(frozen=True)
class Line:
    """What is written, and where."""

    text: str
    box: Corners

    @property
    def middle(self) -> tuple[float, float]:
        """y, x."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


def in_reading_order(lines: Sequence[Line]) -> list[Line]:
    """Row by row, and from left to right; a row is what stands beside its first line."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.middle[0]):
        if rows and line.middle[0] <= rows[-1][0].box[2] and line.box[0] <= rows[-1][0].middle[0]:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.box[1])]


def labelled(label: str, value: object) -> str:
    """A label with what is read for it, as one text."""
    return f"{label.removesuffix(':')}: {value}"


def spaced(line: Line) -> Line:
    """ "Label:value" read without the space between them gets it back; times, ratios and addresses have none."""
    return replace(line, text=CLOSE.sub(r"\1: ", line.text, count=1)) if line.text[:1].isupper() else line


def paired(lines: Sequence[Line], some: Sequence[int], placed: set[int], tables: bool) -> dict[int, int]:
    """Of lines in reading order, by number, the labels with what they label. some: those that may be either; placed:
    those of them that have a place already, between which and another nothing is read. tables: whether words beside
    numbers are labels without a colon, as on a bill."""
    free = [i for i in some if i not in placed]
    pairs: dict[int, int] = {}
    for i, j in pairwise(some):  # "label:" and what stands right of it
        label, value = lines[i], lines[j]
        if label.text.endswith(":") and _right_of(value, label) and not {i, j} & {*placed, *pairs}:
            beyond = [lines[k] for k in free if k != i and _right_of(lines[k], value)]
            nearest = min(beyond, key=lambda line: line.box[1], default=label)
            names = _digits(nearest) and not LABEL.match(nearest.text) and not _digits(value)
            if not LABEL.match(value.text) and not names:  # no label itself, as "Subtotal" is of what follows it
                pairs[i] = j
    if tables:
        pairs |= _tabled(lines, [i for i in free if i not in {*pairs, *pairs.values()}])
    return pairs | _below(lines, [i for i in free if i not in {*pairs, *pairs.values()}])


def tabular(values: Sequence[str]) -> bool:
    """Whether words beside a column of these can be its labels: half have digits, KNOWN are amounts or dates."""
    known = sum(any(kind.fullmatch(text) for kind in (AMOUNT, DATE)) for text in values)
    return known >= KNOWN and 2 * sum(any(c.isdigit() for c in text) for text in values) >= len(values)


def _digits(line: Line) -> bool:
    return any(c.isdigit() for c in line.text)


def _right_of(one: Line, other: Line) -> bool:
    """Whether it stands on one level with the other and right of it."""
    return abs(one.middle[0] - other.middle[0]) < ALIGNED and one.box[1] >= other.box[3] - ALIGNED


def _aligned(one: Line, other: Line) -> bool:
    """Whether they begin or end below each other."""
    return any(abs(one.box[side] - other.box[side]) < ALIGNED for side in (1, 3))


def _below(lines: Sequence[Line], some: Sequence[int]) -> dict[int, int]:
    """Of "label:" with nothing beside it, what stands right below it, no further than it is high, and has no label of
    its own. Not the first line of a list or of a row, nor what is nearer to what stands below it."""
    labels = [lines[i] for i in some if LABEL.match(lines[i].text)]
    unlabelled = [lines[i] for i in some if lines[i] not in labels]
    pairs: dict[int, int] = {}
    for i in some:
        label = lines[i]
        if not label.text.endswith(":") or any(_beside(other, label) for other in unlabelled):
            continue
        high = label.box[2] - label.box[0]
        near = [
            j for j in some
            if lines[j] in unlabelled and j not in pairs.values() and _aligned(lines[j], label)
            and lines[j].middle[0] > label.middle[0] and lines[j].box[0] - label.box[2] < high
        ]  # fmt: skip
        if not near:
            continue
        found = min(near, key=lambda j: lines[j].middle[0])
        value, gap = lines[found], lines[found].box[0] - label.box[2]
        others = [line for line in unlabelled if line is not value]
        above = [label.box[0] - o.box[2] for o in others if _aligned(o, label) and o.middle[0] < label.middle[0]]
        step = 1.2 * (value.middle[0] - label.middle[0])
        on = [o for o in others if _aligned(o, value) and 0 < o.middle[0] - value.middle[0] < LISTED * step]
        own_above = bool(above) and min(above) < gap / 2  # a figure over its word, as on a card
        row = any(_beside(o, value) for o in others) and not any(_right_of(o, label) for o in labels)
        if len(on) < LISTED and not own_above and not row:
            pairs[i] = found
    return pairs


def _beside(one: Line, other: Line) -> bool:
    """Whether it stands right of the other and at its height, however little, as on a photograph taken askew."""
    return one.box[1] >= other.box[3] - ALIGNED and one.box[0] < other.box[2] and other.box[0] < one.box[2]


def _tabled(lines: Sequence[Line], some: Sequence[int]) -> dict[int, int]:
    """Words and numbers beside each other in two columns, as on a bill: rows of two lines, aligned with each other,
    of which most second ones hold digits, some of them amounts or dates, and no first one does."""
    rows: list[list[Line]] = []
    numbers = {id(lines[i]): i for i in some}
    for i in some:
        if rows and abs(rows[-1][0].middle[0] - lines[i].middle[0]) < ALIGNED / 2:
            rows[-1].append(lines[i])
        else:
            rows.append([lines[i]])
    runs: list[list[list[Line]]] = [[]]
    for row in rows:
        whole = (
            len(row) == 2 and not any(c.isdigit() or c == ":" for c in row[0].text) and row[1].box[1] > row[0].box[3]
        )
        first = runs[-1][0] if runs[-1] else row
        if whole and abs(row[0].box[1] - first[0].box[1]) < ALIGNED and _aligned(row[1], first[1]):
            runs[-1].append(row)
        else:
            runs.append([row] if whole else [])
    found: dict[int, int] = {}
    for run in runs:
        if len(run) >= TABLED and tabular([value.text for _, value in run]):
            found |= {numbers[id(label)]: numbers[id(value)] for label, value in run}
    return found

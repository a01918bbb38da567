"""Lines of text, the order in which they are read, and which of them is another's label: rules of layout."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

Corners = tuple[float, ...]  # y0 x0 y1 x1 in 0..1
ALIGNED = 0.03  # of a side
LABEL = re.compile(r"([^\W\d][^\d:/]*):")  # at a line's beginning
CLOSE = re.compile(rf"^{LABEL.pattern}(?=[^\s/:])")  # a label and what stands right behind its colon
TABLED = 3  # rows of words and numbers at least, that labels without a colon are told by


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
    """ "label:value" read without the space between them gets it back; times, ratios and addresses have none."""
    return replace(line, text=CLOSE.sub(r"\1: ", line.text, count=1))


def paired(lines: Sequence[Line], some: Sequence[int], placed: set[int], tables: bool) -> dict[int, int]:
    """Of lines in reading order, by number, the labels with what they label. some: those that may be either; placed:
    those of them that have a place already, between which and another nothing is read. tables: whether words beside
    numbers are labels without a colon, as on a bill."""
    pairs: dict[int, int] = {}
    for i, j in pairwise(some):  # "label:" and what stands right of it
        label, value = lines[i], lines[j]
        level = abs(label.middle[0] - value.middle[0]) < ALIGNED and value.box[1] >= label.box[3] - ALIGNED
        if level and label.text.endswith(":") and not value.text.endswith(":") and not {i, j} & {*placed, *pairs}:
            pairs[i] = j
    pairs |= _below(lines, [i for i in some if i not in {*placed, *pairs, *pairs.values()}])
    if tables:
        pairs |= _tabled(lines, [i for i in some if i not in {*placed, *pairs, *pairs.values()}])
    return pairs


def _below(lines: Sequence[Line], some: Sequence[int]) -> dict[int, int]:
    """Of "label:" with nothing beside it, what stands right below it, no further than it is high, and has no label of
    its own."""
    pairs: dict[int, int] = {}
    for i in some:
        label = lines[i]
        near = [
            j for j in some
            if label.text.endswith(":") and not LABEL.match(lines[j].text) and j not in pairs.values()
            and abs(lines[j].box[1] - label.box[1]) < ALIGNED
            and lines[j].middle[0] > label.middle[0]
            and lines[j].box[0] - label.box[2] < label.box[2] - label.box[0]
        ]  # fmt: skip
        if near:
            pairs[i] = min(near, key=lambda j: lines[j].middle[0])
    return pairs


def _tabled(lines: Sequence[Line], some: Sequence[int]) -> dict[int, int]:
    """Words and numbers beside each other in two columns, as on a bill: rows of two lines, of which most second ones
    hold digits and no first one does, aligned with each other."""
    rows: list[list[int]] = []
    for i in some:
        if rows and abs(lines[rows[-1][0]].middle[0] - lines[i].middle[0]) < ALIGNED / 2:
            rows[-1].append(i)
        else:
            rows.append([i])
    runs: list[list[list[int]]] = [[]]
    for row in rows:
        whole = len(row) == 2 and not any(c.isdigit() or c == ":" for c in lines[row[0]].text)
        first = [lines[k].box for k in runs[-1][0]] if runs[-1] else [lines[k].box for k in row]
        own = [lines[k].box for k in row]
        fits = whole and abs(own[0][1] - first[0][1]) < ALIGNED and own[1][1] > own[0][3]
        fits = fits and any(abs(own[1][side] - first[1][side]) < ALIGNED for side in (1, 3))
        if fits:
            runs[-1].append(row)
        elif runs[-1]:
            runs.append([])
    found: dict[int, int] = {}
    for run in runs:
        numbers = sum(any(c.isdigit() for c in lines[value].text) for _, value in run)
        if len(run) >= TABLED and 2 * numbers >= len(run):
            found |= {row[0]: row[1] for row in run}
    return found

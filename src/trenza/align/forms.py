"""Papers imagined: labelled fields in the ways that people lay them out, between a title and lines that are no field.

Only lines and their places, as a reader tells them; how a label belongs to its value is left to `pages.joined`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from trenza.align.form_words import COMPANIES, HEADINGS, NOTES, PAPERS, STREETS, value
from trenza.towers.written import tabular

LAYOUTS = ("beside", "beside", "right", "line", "above", "columns", "columns above", "table")
MOST, FEW = 7, 3  # fields; a table has at least so many, so that it is one
HEADED, DISTRACTED = 0.35, 0.2  # tables with a heading over them; other papers with a letterhead or an empty field
Box = list[float]
Written = list[tuple[str, Box]]


class _Sheet:
    """A paper's hand: the size of its letters, its margins and how far its lines are apart. Lines are put on it."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.high = float(rng.uniform(0.03, 0.058))
        self.wide = self.high * float(rng.uniform(0.38, 0.5))  # of a letter
        self.left, self.right = float(rng.uniform(0.03, 0.12)), float(rng.uniform(0.88, 0.97))
        self.pitch = self.high * float(rng.uniform(1.35, 2.3))
        self.y = float(rng.uniform(0.02, 0.1))
        self.written: Written = []

    def put(self, text: str, x: float, y: float | None = None, times: float = 1.0) -> Box:
        """A line that begins at x, in letters so many times as large."""
        top = self.y if y is None else y
        box = [x, top, x + self.wide * times * len(text), top + self.high * times]
        self.written.append((text, box))
        return box

    def put_right(self, text: str) -> Box:
        return self.put(text, self.right - self.wide * len(text))

    def heading(self, text: str) -> None:
        times = float(self.rng.uniform(1.0, 1.9))
        centred = max((1 - self.wide * times * len(text)) / 2, 0.01)
        self.put(text, self.left if self.rng.random() < 0.6 else centred, times=times)
        self.y += self.high * times + self.pitch * float(self.rng.uniform(0.3, 1.0))

    def note(self, text: str) -> None:
        self.put(text, self.left if self.rng.random() < 0.6 else float(self.rng.uniform(0.05, 0.3)))
        self.y += self.pitch * 1.2

    def letterhead(self, language: str) -> None:
        """Whose paper it is, in one or two rows, with numbers beside it that are nobody's value."""
        street, at = STREETS[language][self.rng.integers(len(STREETS[language]))], float(self.rng.uniform(0.5, 0.6))
        company = COMPANIES[self.rng.integers(len(COMPANIES))]
        sorts = ["phone", "postcode"] if self.rng.random() < 0.5 else ["phone"]
        for name, sort in zip((company, street), sorts, strict=False):
            self.put(name, self.left)
            self.put(value(sort, language, self.rng), at)
            self.y += self.high * float(self.rng.uniform(1.2, 1.5))
        self.y += self.pitch * 0.6

    @property
    def fits(self) -> bool:
        return all(b[0] >= 0 and b[2] <= 0.99 and b[3] <= 0.99 for _, b in self.written)


def form(language: str, rng: np.random.Generator) -> dict[str, Any]:
    """A paper's truth, as worlds tell a form's, and all lines that are "written" on it, each with its box.

    "empty": labels of fields that hold nothing. "headings": what is written as a label is, and labels nothing.
    """
    kinds = PAPERS[language]
    while True:
        titles, labels = kinds[rng.integers(len(kinds))]
        layout = LAYOUTS[rng.integers(len(LAYOUTS))]
        count = int(rng.integers(FEW if layout == "table" else 2, MOST + 1))
        chosen = [list(labels)[i] for i in rng.permutation(len(labels))[:count]]
        fields = {label: value(labels[label], language, rng) for label in chosen}
        if layout == "table" and not tabular(list(fields.values())):
            continue
        sheet = _Sheet(rng)
        notes = [NOTES[language][i] for i in rng.permutation(len(NOTES[language]))[: int(rng.integers(0, 3))]]
        title = titles[rng.integers(len(titles))] if rng.random() < 0.8 else ""
        if title:
            sheet.heading(title)
        if notes and rng.random() < 0.4:
            sheet.note(notes.pop())
        distracted = rng.random() < (HEADED if layout == "table" else DISTRACTED)
        empty, headings = [], []
        if distracted and layout == "table":
            own = [heading for heading in HEADINGS[language] if heading not in chosen]
            headings = [own[rng.integers(len(own))]]
            sheet.put(f"{headings[0]}:", sheet.left)
            # Right above the first row it would be its label.
            sheet.y += sheet.high * float(rng.uniform(2.2, 2.8))
        elif distracted and rng.random() < 0.5:
            sheet.letterhead(language)
        elif distracted and len(chosen) < len(labels):
            empty = [next(label for label in labels if label not in chosen)]
        boxes = _laid(sheet, layout, _with_empty(fields, empty, rng), notes)
        for note in notes:
            sheet.note(note)
        # A gap that is too small is read over, and a line that is read with its neighbour is another layout.
        if sheet.fits and boxes is not None:
            told = {"title": title} if title else {}
            more = {"empty": empty, "headings": headings}
            return {"fields": fields, "boxes": boxes, "written": sheet.written, **more, **told}


def _with_empty(fields: dict[str, str], empty: Sequence[str], rng: np.random.Generator) -> dict[str, str]:
    """The fields with empty ones among them; none is so far down that a note below it would be read for its value."""
    pairs = list(fields.items())
    for label in empty:
        pairs.insert(int(rng.integers(len(pairs) - 1)), (label, ""))
    return dict(pairs)


def _laid(sheet: _Sheet, layout: str, fields: dict[str, str], notes: list[str]) -> dict[str, Box] | None:
    """The fields' lines in a layout, of an empty one its label alone; the boxes of the values, or of label and value
    where they are one line. None where they don't fit."""
    rng, boxes = sheet.rng, dict[str, Box]()
    widest = max(map(len, fields)) + 1
    gap = float(rng.uniform(0.03, 0.12))
    columns = (sheet.left, 0.52) if layout.startswith("columns") else (sheet.left,)
    below = sheet.high * float(rng.uniform(1.1, 1.5))
    at = sheet.left + widest * sheet.wide + gap
    to_right = layout == "right" or (layout == "table" and rng.random() < 0.6)
    pairs = list(fields.items())
    for row in range(0, len(pairs), len(columns)):
        for x, (label, told) in zip(columns, pairs[row : row + len(columns)], strict=False):
            if not told:
                sheet.put(f"{label}:", x)
                continue
            if layout == "line":
                boxes[label] = sheet.put(f"{label}: {told}", x)
                continue
            name = sheet.put(label if layout == "table" else f"{label}:", x)
            if layout in ("above", "columns above"):
                boxes[label] = sheet.put(told, x, sheet.y + below)
            elif to_right:
                boxes[label] = sheet.put_right(told)
            else:
                boxes[label] = sheet.put(told, at if layout != "columns" else name[2] + min(gap, 0.05))
            if boxes[label][0] < name[2] + 0.025 and boxes[label][1] == name[1]:
                return None
        left = boxes.get(pairs[row][0])
        if layout.startswith("columns") and left and left[2] > 0.5:  # reaches into the right one
            return None
        sheet.y += sheet.pitch + (below if "above" in layout else 0.0)
        filled = all(told for _, told in pairs[row : row + len(columns)])
        if notes and filled and layout != "table" and rng.random() < 0.1:
            sheet.note(notes.pop())
    return boxes

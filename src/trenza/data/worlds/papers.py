"""Forms: fields with a label and a value each, two of them of one sort. The edit exchanges their values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from trenza.conversation import Box
from trenza.data.samples import Media
from trenza.data.worlds import drawing
from trenza.data.worlds.asking import Side, World, box_text, json_text, seen
from trenza.data.worlds.drawing import SIZE
from trenza.data.worlds.scene import corners

ROW, SMALL = 24, 11  # pixels: height of a row, of letters
SORTS = ("person", "city", "date", "amount", "number")  # kinds of values; the phrases hold two labels of each


@dataclass(frozen=True)
class Page:
    """A drawn form: values and boxes by label."""

    media: Media
    values: dict[str, str]
    boxes: dict[str, Box]

    def truth(self) -> dict[str, Any]:
        return {"fields": self.values, "boxes": {label: corners(box) for label, box in self.boxes.items()}}


def value(world: World, sort: str) -> str:
    """A value of this sort, drawn anew."""
    rng = world.rng
    if sort == "date":
        return f"{rng.integers(2001, 2040)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
    if sort == "amount":
        return f"{rng.integers(2, 980)}.{rng.integers(0, 100):02d}"
    if sort == "number":
        return f"{rng.choice(list('ABCDEFGHKLMNPRSTUVWXYZ'))}{rng.integers(1000, 99999)}"
    words = world.phrases.words("people" if sort == "person" else "cities")
    return str(words[rng.integers(len(words))])


def values(world: World, sort: str, count: int) -> list[str]:
    """`count` different values."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[value(world, sort)] = None
    return list(found)


def forms(world: World) -> None:
    sort = SORTS[world.rng.integers(len(SORTS))]
    x, y = world.shuffled(world.phrases.words(f"{sort}_labels"))
    v, w, absent, missing = values(world, sort, 4)
    others = {}
    for kind in world.shuffled([s for s in SORTS if s != sort])[: int(world.rng.integers(2, 4))]:
        others[world.shuffled(world.phrases.words(f"{kind}_labels"))[0]] = value(world, kind)
    order = world.shuffled([x, y, *others])
    style, title = int(world.rng.integers(1 << 30)), world.shuffled(world.phrases.words("titles"))[0]
    a, b = (drawn(order, {x: p, y: q} | others, title, style) for p, q in ((v, w), (w, v)))
    pages = (a, b)

    def ask(template: str, capability: str, answers: list[str], boxes: list[list[Box]], choices: list[str],
            **words: str) -> None:  # fmt: skip
        sides = [
            Side((p.media,), (p.truth(),), answer, seen(*where))
            for p, answer, where in zip(pages, answers, boxes, strict=True)
        ]
        world.twins(template, capability, sides, choices, **words)

    label, rival = world.shuffled((x, y))
    answers = [p.values[label] for p in pages]
    boxes = [[p.boxes[label]] for p in pages]
    whole = [json_text({name: p.values[name] for name in order}) for p in pages]
    ask("fields", "extract", whole, [list(p.boxes.values()) for p in pages], whole, x=", ".join(order))
    ask("field", "extract", answers, boxes, world.shuffled([v, w, absent, missing]), x=label)
    claimed = v if world.coin() else w
    yes, no = world.yes_no()
    ask("is_field", "verify", [yes if t == claimed else no for t in answers], boxes, [yes, no], x=label, v=claimed)
    holders = [next(name for name in (label, rival) if p.values[name] == claimed) for p in pages]
    spots = [[p.boxes[name]] for p, name in zip(pages, holders, strict=True)]
    points = [box_text(box) for (box,) in spots]
    ask("box_of_value", "locate", points, spots, points, v=claimed)


def drawn(order: list[str], content: dict[str, str], title: str, style: int) -> Page:
    """The form with its rows in this order; `style` fixes paper, ink and rules."""
    rng = np.random.default_rng(style)
    paper = tuple(int(v) for v in rng.integers(225, 256, 3))
    ink = tuple(int(v) for v in rng.integers(0, 80, 3))
    image = Pillow.new("RGB", (SIZE, SIZE), paper)
    draw = ImageDraw.Draw(image)
    column, top = int(rng.integers(104, 120)), int(rng.integers(12, 30))
    draw.text((14, top), title, ink, font=drawing.font(15, bold=True))
    ruled = rng.random() < 0.5
    boxes = {}
    for i, label in enumerate(order):
        y = top + 34 + i * (ROW + 6)
        if ruled:
            draw.line((10, y + ROW - 4, SIZE - 10, y + ROW - 4), (170, 170, 170))
        draw.text((14, y), f"{label}:", ink, font=drawing.font(SMALL))
        face = drawing.font(SMALL, bold=True)
        draw.text((column, y), content[label], ink, font=face)
        x0, y0, x1, y1 = draw.textbbox((column, y), content[label], font=face)
        boxes[label] = Box(x0 / SIZE, y0 / SIZE, min(x1 / SIZE, 1.0), y1 / SIZE)
    return Page(drawing.png(image), {name: content[name] for name in order}, boxes)


FAMILIES = (forms,)

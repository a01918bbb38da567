"""Interfaces: buttons, switches and fields, and what to do with them. Each edit exchanges two of a kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from trenza.conversation import Box
from trenza.data.samples import Media
from trenza.data.worlds import drawing
from trenza.data.worlds.asking import Side, World, box_text, json_text, point_text, seen
from trenza.data.worlds.drawing import SIZE
from trenza.data.worlds.papers import values
from trenza.data.worlds.scene import corners


@dataclass(frozen=True)
class Element:
    """kind: "button", "switch", "field" or "menu". state: "on" or "off", or what a field holds."""

    kind: str
    label: str
    rect: tuple[int, int, int, int]  # pixels: left, top, right, bottom
    state: str = ""

    @property
    def box(self) -> Box:
        left, top, right, bottom = self.rect
        return Box(left / SIZE, top / SIZE, right / SIZE, bottom / SIZE)

    @property
    def centre(self) -> tuple[float, float]:
        return (self.box.x0 + self.box.x1) / 2, (self.box.y0 + self.box.y1) / 2


class Screen:
    """The drawn elements, and their truth by label."""

    def __init__(self, elements: list[Element], title: str, style: int):
        self.elements = {e.label: e for e in elements}
        self.media = drawn(elements, title, style)

    def __getitem__(self, label: str) -> Element:
        return self.elements[label]

    def truth(self) -> dict[str, Any]:
        return {
            "elements": [
                {"kind": e.kind, "label": e.label, "state": e.state, "box": corners(e.box)}
                for e in self.elements.values()
            ]
        }


def drawn(elements: list[Element], title: str, style: int) -> Media:
    """`style` fixes the colours."""
    rng = np.random.default_rng(style)
    dark = rng.random() < 0.4
    back, ink = ((38, 40, 46), (235, 235, 235)) if dark else ((244, 245, 247), (25, 25, 30))
    accent = tuple(int(v) for v in rng.integers(30, 150, 3))
    image = Pillow.new("RGB", (SIZE, SIZE), back)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, SIZE, 24), accent)
    draw.text((8, 5), title, "white", font=drawing.font(12, bold=True))
    face = drawing.font(11)
    for e in elements:
        left, top, right, bottom = e.rect
        middle = (top + bottom) / 2
        if e.kind == "button":
            draw.rounded_rectangle((left, top, right - 1, bottom - 1), 5, accent)
            draw.text(((left + right) / 2, middle), e.label, "white", font=face, anchor="mm")
        elif e.kind == "menu":
            draw.text(((left + right) / 2, middle), e.label, "white", font=face, anchor="mm")
        elif e.kind == "switch":
            draw.text((14, middle), e.label, ink, font=face, anchor="lm")
            draw.rounded_rectangle(
                (left, top, right - 1, bottom - 1), 9, accent if e.state == "on" else (150, 150, 150)
            )
            knob = right - 10 if e.state == "on" else left + 9
            draw.ellipse((knob - 7, middle - 8, knob + 7, middle + 6), "white")
        else:
            draw.text((14, middle), e.label, ink, font=face, anchor="lm")
            draw.rectangle((left, top, right - 1, bottom - 1), "white", (120, 120, 120))
            draw.text((left + 5, middle), e.state, "black", font=face, anchor="lm")
    return drawing.png(image)


class Screens:
    """The two screens of an edit."""

    def __init__(self, world: World, before: list[Element], after: list[Element]):
        title = world.shuffled(world.phrases.words("apps"))[0]
        style = int(world.rng.integers(1 << 30))
        self.world = world
        self.a, self.b = Screen(before, title, style), Screen(after, title, style)

    def ask(self, template: str, capability: str, answers: Sequence[str], named: Sequence[Sequence[str]],
            choices: Sequence[str] = (), **words: str) -> None:  # fmt: skip
        """`named`: labels of the elements that are the evidence, for either side."""
        sides = [
            Side((s.media,), (s.truth(),), answer, seen(*(s[label].box for label in about)))
            for s, answer, about in zip((self.a, self.b), answers, named, strict=True)
        ]
        self.world.twins(template, capability, sides, choices or answers, **words)


def _places(world: World, count: int, width: int) -> list[tuple[int, int, int, int]]:
    """`count` places of one size in two columns, none touching another."""
    cells = [(10 + c * 124, 40 + r * 52) for r in range(4) for c in range(2)]
    places = []
    for x, y in world.shuffled(cells)[:count]:
        left, top = x + int(world.rng.integers(0, 112 - width + 1)), y + int(world.rng.integers(0, 18))
        places.append((left, top, left + width, top + 28))
    return places


def buttons(world: World) -> None:
    """Two buttons exchange their labels."""
    acts = world.shuffled(list(world.phrases.document["buttons"].items()))[: int(world.rng.integers(3, 7))]
    labels = [label for label, _ in acts]
    places = _places(world, len(acts), 104)
    menus = [
        Element("menu", m, (120 + 44 * i, 3, 160 + 44 * i, 22)) for i, m in enumerate(world.phrases.words("menus"))
    ]
    before = [Element("button", label, place) for label, place in zip(labels, places, strict=True)] + menus
    after = [Element("button", label, place) for label, place in zip([labels[1], labels[0], *labels[2:]], places,
             strict=True)] + menus  # fmt: skip
    screens = Screens(world, before, after)
    which = int(world.rng.integers(2))
    label, purpose = acts[which]
    points = [point_text(*s[label].centre) for s in (screens.a, screens.b)]
    screens.ask("click", "act", points, [[label]] * 2, purpose=purpose)
    calls = [json_text({"name": "click", "arguments": dict(zip("xy", (round(v, 3) for v in s[label].centre),
             strict=True))}) for s in (screens.a, screens.b)]  # fmt: skip
    screens.ask("click_call", "act", calls, [[label]] * 2, purpose=purpose)
    boxes = [box_text(s[label].box) for s in (screens.a, screens.b)]
    screens.ask("box_of_button", "locate", boxes, [[label]] * 2, x=label)
    x, y = labels[:2]
    (ax, ay), (bx, by) = screens.a[x].centre, screens.a[y].centre
    across = abs(ax - bx) > abs(ay - by)
    holds = ax < bx if across else ay < by
    one, two = world.shuffled((x, y))
    yes_no = world.yes_no() if (one == x) == holds else world.yes_no()[::-1]
    screens.ask("is_left" if across else "is_above", "verify", yes_no, [[x, y]] * 2, x=one, y=two)


def switches(world: World) -> None:
    """Of two switches, one on and one off, each takes the other's state."""
    labels = world.shuffled(world.phrases.words("settings"))[: int(world.rng.integers(2, 6))]
    x, y = labels[:2]
    states = {label: str(world.rng.choice(["on", "off"])) for label in labels} | {x: "on", y: "off"}
    order = world.shuffled(labels)

    def rows(states: dict[str, str]) -> list[Element]:
        return [Element("switch", n, (196, 44 + 40 * i, 232, 64 + 40 * i), states[n]) for i, n in enumerate(order)]

    screens = Screens(world, rows(states), rows(states | {x: "off", y: "on"}))
    asked = x if world.coin() else y
    goal = "on" if world.coin() else "off"
    done = json_text({"name": "done", "arguments": {}})
    spot = dict(zip("xy", (round(v, 3) for v in screens.a[asked].centre), strict=True))
    click = json_text({"name": "click", "arguments": spot})
    calls = [done if s[asked].state == goal else click for s in (screens.a, screens.b)]
    screens.ask(f"make_{goal}", "act", calls, [[asked]] * 2, x=asked)
    yes, no = world.yes_no()
    answers = [yes if s[asked].state == goal else no for s in (screens.a, screens.b)]
    screens.ask(f"is_{goal}", "verify", answers, [[asked]] * 2, x=asked)
    one, two = world.shuffled((x, y))
    answers = [next(n for n in (x, y) if s[n].state == goal) for s in (screens.a, screens.b)]
    screens.ask(f"which_{goal}", "compare", answers, [[x, y]] * 2, x=one, y=two)
    whole = [json_text({n: s[n].state == "on" for n in order}) for s in (screens.a, screens.b)]
    screens.ask("states", "extract", whole, [order] * 2)


def bookings(world: World) -> None:
    """Where from and where to, exchanged; a tool is to be called with what the screen holds, or another tool."""
    start, goal = world.phrases.word("field_from"), world.phrases.word("field_to")
    a, b, home = values(world, "city", 3)
    (day,) = values(world, "date", 1)
    date = world.phrases.word("field_date")
    order = world.shuffled([start, goal, date])

    def rows(states: dict[str, str]) -> list[Element]:
        fields = [Element("field", n, (96, 44 + 44 * i, 244, 70 + 44 * i), states[n]) for i, n in enumerate(order)]
        return [*fields, Element("button", world.phrases.word("search"), (84, 196, 172, 224))]

    screens = Screens(world, rows({start: a, goal: b, date: day}), rows({start: b, goal: a, date: day}))
    both = (screens.a, screens.b)
    calls = [
        json_text({"name": "book", "arguments": {"from": s[start].state, "to": s[goal].state, "date": day}})
        for s in both
    ]
    screens.ask("book", "act", calls, [[start, goal, date]] * 2)
    # Which of two tools: the right one depends on where the screen says the journey goes.
    town = a if world.coin() else b
    book, ask = (json_text({"name": name, "arguments": {"to": town}}) for name in ("book", "ask"))
    answers = [book if s[goal].state == town else ask for s in both]
    screens.ask("book_or_ask", "act", answers, [[goal]] * 2, (book, ask), town=town)
    asked = start if world.coin() else goal
    screens.ask("field", "extract", [s[asked].state for s in both], [[asked]] * 2, (a, b, home), x=asked)
    yes, no = world.yes_no()
    claimed = a if world.coin() else b
    answers = [yes if s[asked].state == claimed else no for s in both]
    screens.ask("is_field", "verify", answers, [[asked]] * 2, x=asked, v=claimed)


FAMILIES = (buttons, switches, bookings)

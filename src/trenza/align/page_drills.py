"""Forms, charts and screens drawn anew for a training, and more questions about them than worlds ask.

Reading a value off its label, and a label off what is to be done, take more examples than the few pages of a build.
A page's labels are asked one by one, so that the page is paid for once.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from trenza.align import layouts
from trenza.align.conversations import Asked, Talk, talks
from trenza.align.drills import Known
from trenza.align.form_questions import of_fields
from trenza.align.forms import form
from trenza.align.layouts import titled
from trenza.align.rationales import higher
from trenza.align.truths import Thing, place, things
from trenza.conversation import Box, Evidence
from trenza.data.worlds.asking import box_text, json_text, point_text
from trenza.data.worlds.build import OF_SIGNS, world
from trenza.data.worlds.stock import Stock
from trenza.errors import UsageError

IMAGINED = 0.4  # of the pages are papers in other layouts than the worlds'
MOST = 6  # questions more about one page
TITLE = {
    "en": ("What is the title?", "What is written at the top?", "Read the title.", "What is this page called?"),
    "es": ("¿Cuál es el título?", "¿Qué pone arriba?", "Lee el título.", "¿Qué título tiene esta página?"),
}
NOTHING = json_text({"name": "done", "arguments": {}})


def _silent(text: str, language: str, voice: int) -> np.ndarray:
    raise UsageError("pages say nothing")


EMPTY = Stock((), (), _silent)  # what pages are drawn from: fonts and phrases alone


def page(language: str, rng: np.random.Generator) -> tuple[dict[str, Any], list[Asked]]:
    """What a page never drawn before holds, and what is asked of it."""
    if rng.random() < IMAGINED:
        talk = Talk("", (), (), (form(language, rng),), language)
        return talk.truth[0], list({one.question: one for one in (*_titles(talk, rng), *more(talk, rng))}.values())
    families = list(OF_SIGNS)
    family = families[rng.integers(len(families))]
    drawn = world(int(rng.integers(1 << 31)), 0, "train", EMPTY, (language,), family)
    sides = list(talks(drawn.items))
    talk = sides[rng.integers(len(sides))]
    talk = replace(talk, truth=(titled(talk.truth[0], language, rng),))
    asked = {one.question: one for one in (*_titles(talk, rng), *more(talk, rng), *talk.asked)}
    return talk.truth[0], list(asked.values())


def _titles(talk: Talk, rng: np.random.Generator) -> list[Asked]:
    """What a paper or a chart is called; a screen's title is its header's."""
    truth, own = talk.truth[0], TITLE[talk.language]
    if "title" not in truth or "elements" in truth:
        return []
    x0, y0, x1, y1 = next(box for text, box in layouts.page(truth, rng)[0] if text == truth["title"])
    where = Evidence(0, Box(x0, y0, x1, y1))
    return [Asked(own[rng.integers(len(own))], truth["title"], (where,), "", (truth["title"],))]


def more(talk: Talk, rng: np.random.Generator) -> list[Asked]:
    """Up to MOST questions after single labels of a page; of a form also after several."""
    known, truth = Known(talk, rng, []), talk.truth[0]
    labels = things(truth)
    if "elements" in truth:
        kinds = {e["label"]: e["kind"] for e in truth["elements"]}
        made = [one for thing in labels for one in ASKED[kinds[thing["name"]]](known, thing, labels)]
    else:
        made = [one for thing in labels for one in (_field if "fields" in truth else _bar)(known, thing, labels)]
    several = of_fields(known, labels) if "fields" in truth else []
    return [*several, *known.shuffled(made)[:MOST]]


def _field(known: Known, thing: Thing, labels: list[Thing]) -> list[Asked]:
    """What it holds; whether it holds that, or what another one does; where the value stands."""
    held = [other["value"] for other in labels if other["value"]]
    others = [value for value in held if value != thing["value"]]
    claimed = thing["value"] if known.coin() or not others else others[known.rng.integers(len(others))]
    asked = [
        known.asked("field", thing["value"], thing, x=thing["name"]),
        known.asked("is_field", claimed == thing["value"], thing, rationale=thing["value"], x=thing["name"], v=claimed),
    ]
    if held.count(thing["value"]) == 1:
        asked.append(known.asked("box_of_value", box_text(place(thing)), thing, v=thing["value"]))  # type: ignore[arg-type]
    return asked


def _bar(known: Known, thing: Thing, labels: list[Thing]) -> list[Asked]:
    """What it reads; whether it is higher than another."""
    others = [other for other in labels if other["value"] != thing["value"]]
    asked = [known.asked("chart_value", str(thing["value"]), thing, x=thing["name"])]
    if others:
        two = (thing, others[known.rng.integers(len(others))])
        names = {"x": two[0]["name"], "y": two[1]["name"]}
        asked.append(known.asked("is_higher", two[0]["value"] > two[1]["value"], *two, rationale=higher(two), **names))
    return asked


def _button(known: Known, thing: Thing, labels: list[Thing]) -> list[Asked]:
    """Where to click, in numbers or as a call, for what it is for; where it is."""
    purpose = known.words.document["buttons"].get(thing["name"])
    if purpose is None:
        return []
    return [
        known.asked("click", point_text(*_middle(thing)), thing, purpose=purpose),
        known.asked("click_call", _click(thing), thing, purpose=purpose),
        known.asked("box_of_button", box_text(place(thing)), thing, x=thing["name"]),  # type: ignore[arg-type]
    ]


def _switch(known: Known, thing: Thing, labels: list[Thing]) -> list[Asked]:
    """Whether it is on, or off; what has to be done so that it is."""
    goal = "on" if known.coin() else "off"
    holds = thing["value"] == goal
    return [
        known.asked(f"is_{goal}", holds, thing, rationale=thing["value"], x=thing["name"]),
        known.asked(
            f"make_{goal}", NOTHING if holds else _click(thing), thing, rationale=thing["value"], x=thing["name"]
        ),
    ]


def _nothing(known: Known, thing: Thing, labels: list[Thing]) -> list[Asked]:
    return []


ASKED = {"field": _field, "switch": _switch, "button": _button, "menu": _nothing}


def _click(thing: Thing) -> str:
    return json_text({"name": "click", "arguments": dict(zip("xy", _middle(thing), strict=True))})


def _middle(thing: Thing) -> tuple[float, float]:
    """x, y."""
    x0, y0, x1, y1 = thing["box"]
    return round((x0 + x1) / 2, 3), round((y0 + y1) / 2, 3)

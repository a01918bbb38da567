"""What worlds say of their media, thing by thing: where it is, and what is at a place."""

from typing import Any

from trenza.conversation import Box, Span
from trenza.towers.pages import under
from trenza.towers.written import labelled

SAME = 0.01  # of a side, or of a second
Thing = dict[str, Any]  # a thing, sound, field, bar or element, by its "name"


def place(thing: Thing) -> Box | Span | None:
    """Where a world says a thing or sound is; a thing of a film is on all of its way, and on none if it never comes."""
    if "start" in thing:
        return Span(thing["start"], thing["end"])
    boxes = [b for b in thing.get("boxes", [thing.get("box")]) if b]
    if not boxes:
        return None
    return Box(*(min(b[i] for b in boxes) for i in (0, 1)), *(max(b[i] for b in boxes) for i in (2, 3)))


def things(truth: Thing) -> list[Thing]:
    """All that a world says is in a medium; of drawn pages each with its "value", and how it is "told"."""
    if "fields" in truth:
        return [{"name": n, "value": v, "told": v, "box": truth["boxes"][n]} for n, v in truth["fields"].items()]
    if "data" in truth:
        return [{"name": n, "value": v, "told": str(v), "box": truth["boxes"][n]} for n, v in truth["data"].items()]
    if "elements" in truth:
        return [
            {"name": e["label"], "value": e["state"], "told": e["state"], "box": e["box"]} for e in truth["elements"]
        ]
    return [*truth.get("objects", ()), *truth.get("sounds", ())]


def perceived(where: Box | Span | str, truth: Thing, language: str) -> str:
    """What detectors say is at a place, worded as they have it; empty where a world says nothing."""
    thing = thing_at(where, truth)
    if not thing:
        return ""
    if "label_box" in thing and not _near(place(thing), where):
        return under(worded(thing, language), thing["label"])
    return worded(thing, language)


def worded(thing: Thing, language: str) -> str:
    """A thing as detectors word it: words that were said as they are, a label with its value, else the name."""
    if "told" in thing:
        return labelled(thing["name"], thing["told"]) if thing["told"] else thing["name"]
    return thing["name"] if thing.get("said") else named(thing["name"], language)


def named(name: str, language: str) -> str:
    """A name as questions have it: English ones are words among others, Spanish ones stand in quotes."""
    return f" {name}" if language == "en" else name


def _near(one: Any, other: Any) -> bool:
    """The same place, to rounding."""
    if one is None or type(one) is not type(other):
        return False
    return max(abs(a - b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True)) < SAME


def thing_at(where: Box | Span | str, truth: Thing) -> Thing:
    """What a world says is at a place of its medium, or is written there; empty where it says nothing."""
    for thing in things(truth):
        label = thing.get("label_box")
        for own in (place(thing), Box(*label) if label else None):
            if _near(own, where):
                return thing
    return {}

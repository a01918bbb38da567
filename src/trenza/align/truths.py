"""What worlds say of their media, thing by thing: where it is, and what is at a place."""

from typing import Any

from trenza.conversation import Box, Span

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
    """All that a world says is in a medium; of drawn pages each with its "value"."""
    if "fields" in truth or "data" in truth:
        values = truth["fields"] if "fields" in truth else truth["data"]
        return [{"name": name, "value": value, "box": truth["boxes"][name]} for name, value in values.items()]
    if "elements" in truth:
        return [{"name": e["label"], "value": e["state"], "box": e["box"]} for e in truth["elements"]]
    return [*truth.get("objects", ()), *truth.get("sounds", ())]


def thing_at(where: Box | Span | str, truth: Thing) -> Thing:
    """What a world says is at a place of its medium, or is written there; empty where it says nothing."""
    for thing in things(truth):
        label = thing.get("label_box")
        for own in (place(thing), Box(*label) if label else None):
            if own is not None and type(own) is type(where):
                apart = (abs(a - b) for a, b in zip(vars(own).values(), vars(where).values(), strict=True))
                if max(apart) < SAME:
                    return thing
    return {}

"""Words said without a pause between them, as the detector of events hears them: as one event."""

from dataclasses import replace

from trenza.align.truths import Thing
from trenza.conversation import Evidence, Span
from trenza.data.samples import Item

PAUSE = 0.15  # seconds of silence from which words are two events; worlds leave 0.08 within a spoken question


def together(sounds: list[Thing]) -> list[Thing]:
    """A world's sounds, in order; what is said right behind what was said is one with it, as loud as the louder."""
    joined: list[Thing] = []
    for sound in sounds:
        last = joined[-1] if joined else {}
        if sound["said"] and last.get("said") and sound["start"] - last["end"] < PAUSE:
            name, rms = f"{last['name']} {sound['name']}", max(last["rms"], sound["rms"])
            joined[-1] = last | {"name": name, "end": sound["end"], "rms": rms}
        else:
            joined.append(sound)
    return joined


def heard_together(item: Item) -> Item:
    """The item with the sounds of its truth, and the evidence that lies in them, put together."""
    if not isinstance(item.truth, dict) or not any("sounds" in m for m in item.truth.get("media", ())):
        return item
    media = [m | {"sounds": together(m["sounds"])} if "sounds" in m else m for m in item.truth["media"]]
    evidence: dict[Evidence, None] = {}
    for e in item.evidence:
        sounds = media[e.part].get("sounds", ()) if isinstance(e.where, Span) and e.part < len(media) else ()
        around = [s for s in sounds if isinstance(e.where, Span) and _within(e.where, s)]
        evidence[replace(e, where=Span(around[0]["start"], around[0]["end"])) if around else e] = None
    return replace(item, truth=item.truth | {"media": media}, evidence=tuple(evidence))


def _within(span: Span, sound: Thing) -> bool:
    """To rounding."""
    return span.start >= sound["start"] - 0.01 and span.end <= sound["end"] + 0.01

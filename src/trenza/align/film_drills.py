"""Films that were never made: things that move, come and go, and a sound that starts with one of them."""

from typing import Any

import numpy as np

from trenza.align.conversations import Asked
from trenza.align.drills import Drill, Known
from trenza.align.rationales import spaced
from trenza.align.truths import place, worded
from trenza.conversation import Box, Evidence, Span
from trenza.data.worlds.asking import box_text, span_text
from trenza.data.worlds.film import FPS, FRAMES, SECONDS

Truth = dict[str, Any]
AT_SOUND = {
    "en": {"comes": ("What appears when you hear {x}?", "What comes when {x} starts?"),
           "goes": ("What vanishes when you hear {x}?", "What goes away when {x} starts?")},
    "es": {"comes": ("¿Qué aparece cuando se oye {x}?", "¿Qué llega cuando empieza {x}?"),
           "goes": ("¿Qué desaparece cuando se oye {x}?", "¿Qué se va cuando empieza {x}?")},
}  # fmt: skip
SILENT = 0.6  # of the films in which nothing is heard have no sound track
TIMES = (np.arange(FRAMES) / FPS).tolist()


def moving(names: list[str], rng: np.random.Generator) -> Truth:
    """Two things that go opposite ways."""
    upright, turned = rng.random() < 0.5, int(rng.random() < 0.5)
    objects = []
    for number, (name, lane) in enumerate(zip(names, (0.27, 0.73), strict=False)):
        side, lane = float(rng.uniform(0.2, 0.38)), lane + float(rng.uniform(-0.05, 0.05))
        along = np.linspace(1 - side / 2 - 0.02, side / 2 + 0.02, FRAMES)[:: 1 if number == turned else -1]
        middles = [(lane, float(v)) if upright else (float(v), lane) for v in along]
        objects.append({"name": name, "boxes": [_around(x, y, side) for x, y in middles]})
    return {"times": TIMES, "objects": objects, **nothing_heard(rng)}


def nothing_heard(rng: np.random.Generator) -> Truth:
    """Of a film that has a sound track with nothing on it, or, as many files, has none."""
    return {} if rng.random() < SILENT else {"sounds": []}


def happening(names: list[str], sound: str, said: bool, rng: np.random.Generator) -> Truth:
    """Two things of which both come, or both go, one early and one late; a sound starts with one of them."""
    comes = rng.random() < 0.5
    early = int(rng.integers(2, 5))
    changes = early, int(rng.integers(early + 2, 9))
    objects = []
    for name, x, change in zip(names, rng.permutation([0.26, 0.74]), rng.permutation(changes), strict=False):
        box = _around(float(x), float(rng.uniform(0.25, 0.75)), float(rng.uniform(0.22, 0.4)))
        objects.append({"name": name, "boxes": [box if (i >= change) == comes else None for i in range(FRAMES)]})
    start = changes[int(rng.random() < 0.5)] / FPS
    end = min(start + float(rng.uniform(0.3, 0.7)), SECONDS)
    rms = float(rng.uniform(0.02, 0.2))
    heard = {"name": sound, "said": said, "start": start, "end": end, "rms": rms}
    return {"times": TIMES, "objects": objects, "sounds": [heard]}


def _around(x: float, y: float, side: float) -> list[float]:
    return [max(x - side / 2, 0.0), max(y - side / 2, 0.0), min(x + side / 2, 1.0), min(y + side / 2, 1.0)]


def _goes(thing: Truth) -> str:
    first, last = thing["boxes"][0], thing["boxes"][-1]
    x, y = last[0] - first[0], last[1] - first[1]
    return ("right" if x > 0 else "left") if abs(x) > abs(y) else ("down" if y > 0 else "up")


def way(known: Known) -> Asked | None:
    """Which way one goes."""
    thing = known.shuffled(known.truth[0]["objects"])[0]
    told = known.words.word(_goes(thing))
    return known.asked("way", told, thing, rationale=spaced(told), x=thing["name"])


def is_way(known: Known) -> Asked | None:
    """Whether it goes that way, or the other one's."""
    thing, other = known.shuffled(known.truth[0]["objects"])
    holds, own = known.coin(), known.words.word(_goes(thing))
    claimed = own if holds else known.words.word(_goes(other))
    return known.asked("is_way", holds, thing, rationale=spaced(own), x=thing["name"], way=claimed)


def mover(known: Known) -> Asked | None:
    """Which of two goes that way."""
    thing, _ = known.shuffled(known.truth[0]["objects"])
    told = known.words.word(_goes(thing))
    x, y = known.shuffled([t["name"] for t in known.truth[0]["objects"]])
    return known.asked("mover", thing["name"], thing, key=told, way=told, x=x, y=y)


def box_at_end(known: Known) -> Asked | None:
    """Where it is in the last frame."""
    thing = known.shuffled(known.truth[0]["objects"])[0]
    box = Box(*thing["boxes"][-1])
    question = known.words.question("box_at_end", known.rng, x=thing["name"])
    last = Span(SECONDS - 1 / FPS, SECONDS)
    return Asked(question, box_text(box), (Evidence(0, box), Evidence(0, last)), "", ("", ""))


def _span(thing: Truth) -> Span:
    at = [i for i, box in enumerate(thing["boxes"]) if box]
    return Span(at[0] / FPS, (at[-1] + 1) / FPS)


def at_sound(known: Known) -> Asked | None:
    """What comes, or goes, as the sound starts; in newcomers' words by the sound's name."""
    (sound,) = known.truth[0]["sounds"]
    comes = all(_span(t).start > 0 for t in known.truth[0]["objects"])
    template = "comes_at_sound" if comes else "goes_at_sound"
    (thing,) = (
        t for t in known.truth[0]["objects"]
        if abs((_span(t).start if comes else _span(t).end) - sound["start"]) < 1 / FPS
    )  # fmt: skip
    asked = known.asked(template, thing["name"], sound, thing)
    if known.coin():
        return asked
    own = AT_SOUND[known.words.language]["comes" if comes else "goes"]
    return known.reworded(asked, own, x=known.called(sound))


def sound_when(known: Known) -> Asked | None:
    """From when to when the sound is heard."""
    (sound,) = known.truth[0]["sounds"]
    return known.asked("sound_when", span_text(place(sound)), sound)  # type: ignore[arg-type]


def seen_when(known: Known) -> Asked | None:
    """From when to when one is seen."""
    thing = known.shuffled(known.truth[0]["objects"])[0]
    span, where = _span(thing), place(thing)
    assert where is not None
    question = known.words.question("seen_when", known.rng, x=thing["name"])
    named = worded(thing, known.words.language), ""
    return Asked(question, span_text(span), (Evidence(0, where), Evidence(0, span)), "", named)


OF_MOVES: tuple[Drill, ...] = (way, is_way, is_way, is_way, mover, mover, box_at_end, box_at_end)
OF_CHANGES: tuple[Drill, ...] = (at_sound, at_sound, at_sound, sound_when, seen_when, seen_when)

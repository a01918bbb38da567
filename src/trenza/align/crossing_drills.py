"""A picture and a sound that were never made, and what only both together answer.

What is heard stands first in the evidence, since what is seen is asked for by it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trenza.align.conversations import Asked
from trenza.align.drills import Drill, Known
from trenza.align.rationales import middle, spaced
from trenza.align.sayings import carriers
from trenza.align.together import together
from trenza.align.truths import named
from trenza.data.worlds.asking import point_text

Truth = dict[str, Any]
WHICH_HEARD = {
    "en": (
        "Which of the things in the picture do you hear?", "Which thing that you see is heard?",
        "What in the picture is the recording about?",
    ),
    "es": (
        "¿Cuál de las cosas de la imagen se oye?", "¿Qué cosa de las que ves se oye?",
        "¿De qué cosa de la imagen trata la grabación?",
    ),
}  # fmt: skip
ALSO_SHOWN = {
    "en": ("Is what you hear also shown?", "Do you see what you hear?", "Is the thing that is heard in the picture?"),
    "es": ("¿Se ve también lo que se oye?", "¿Ves lo que oyes?", "¿Está en la imagen la cosa que se oye?"),
}


def heard(name: str, said: bool, rng: np.random.Generator) -> Truth:
    """One event: a word, or a sound."""
    start = float(rng.uniform(0.1, 2.0))
    end = start + float(rng.uniform(0.3, 1.5))
    return {"sounds": [{"name": name, "said": said, "start": start, "end": end, "rms": float(rng.uniform(0.02, 0.2))}]}


def asked_aloud(name: str, language: str, rng: np.random.Generator) -> Truth:
    """What colour something is, or where it is: the question's words and the name, heard as one event or as two."""
    carrier = carriers(language)[int(rng.random() >= 0.5)]
    pause = 0.2 + float(rng.uniform(0.6, 1.2))
    end = pause + 0.08 + float(rng.uniform(0.3, 1.2))
    rms = float(rng.uniform(0.02, 0.2))
    first = {"name": carrier, "said": True, "start": 0.2, "end": pause, "rms": rms}
    second = {"name": name, "said": True, "start": pause + 0.08, "end": end, "rms": rms}
    return {"sounds": together([first, second], language)}


def _asked(known: Known, template: str, answer: str | bool, some: Sequence[Truth], rationale: str = "") -> Asked:
    sounds = [(1, sound) for sound in known.truth[1]["sounds"]]
    return known.asked(template, answer, *sounds, *some, rationale=rationale)


def _newly(known: Known, asked: Asked, wordings: Mapping[str, tuple[str, ...]], share: float) -> Asked:
    return known.reworded(asked, wordings[known.words.language]) if known.rng.random() < share else asked


def is_seen(known: Known) -> Asked | None:
    """Whether the picture shows what is heard; that it doesn't, all that it shows tells."""
    sound = known.truth[1]["sounds"][-1]
    some = [t for t in known.truth[0]["objects"] if t["name"] == sound["name"]]
    every = sorted(some or known.truth[0]["objects"], key=lambda t: middle(t, 0))
    asked = _asked(known, "is_seen", bool(some), every, named(sound["name"], known.words.language))
    return _newly(known, asked, ALSO_SHOWN, 0.4)


def _shown(known: Known, name: str) -> Truth | None:
    """The only thing in the picture that is called so."""
    some = [t for t in known.truth[0]["objects"] if t["name"] == name]
    return some[0] if len(some) == 1 else None


def where_heard(known: Known) -> Asked | None:
    """A point where it is; or, in newcomers' words, which of the things it is."""
    thing = _shown(known, known.truth[1]["sounds"][-1]["name"])
    if thing is None:
        return None
    if known.rng.random() < 0.4:
        return _newly(known, _asked(known, "where_heard", thing["name"], [thing]), WHICH_HEARD, 1.0)
    return _asked(known, "where_heard", point_text(middle(thing, 0), middle(thing, 1)), [thing])


def aloud(known: Known) -> Asked | None:
    """The answer to a spoken question."""
    said = " ".join(sound["name"] for sound in known.truth[1]["sounds"])
    colour, where = (f"{carrier} " for carrier in carriers(known.words.language))
    thing = _shown(known, said.removeprefix(where).removeprefix(colour))
    if thing is None:
        return None
    if said.startswith(where):
        return _asked(known, "aloud", point_text(middle(thing, 0), middle(thing, 1)), [thing])
    if not said.startswith(colour) or not thing["colour"]:
        return None
    told = known.words.colour(thing["colour"])
    return _asked(known, "aloud", told, [thing], spaced(told))


OF_A_NAME: tuple[Drill, ...] = (is_seen, is_seen, where_heard, where_heard)

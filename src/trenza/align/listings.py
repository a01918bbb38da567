"""Questions after all that there is, in the worlds' words and in newcomers': things from left to right, sounds in turn.

Worlds ask "from left to right?" and to describe, and answer with a sentence; who asks what there is gets the names
alone, as in `described.py`. Each name is said once; of sounds as often as they are heard, where their order is asked.
"""

import re
from dataclasses import replace
from typing import Any

from trenza.align.conversations import Asked
from trenza.align.described import ONE_PICTURE, PICTURES
from trenza.align.drills import APART, Known
from trenza.align.rationales import middle
from trenza.align.truths import named
from trenza.systems.places import MOST_EVIDENCE

IN_ORDER = {
    "en": (
        "Name everything in the picture from left to right.", "From left to right, what do you see?",
        "What is there, from left to right?", "Go through the picture from left to right.",
        "List everything from left to right.",
    ),
    "es": (
        "Nombra todo lo que hay en la imagen de izquierda a derecha.", "De izquierda a derecha, ¿qué ves?",
        "¿Qué hay, de izquierda a derecha?", "Recorre la imagen de izquierda a derecha.",
        "Enuméralo todo de izquierda a derecha.",
    ),
}  # fmt: skip
LISTED = {
    "en": (
        "List what you see.", "Name everything you see.", "What is there?", "Which things are in the picture?",
        "List the objects.", "What objects are there?", "Name all the things in the picture.",
        "Tell me everything you can see.", "what things do you see", "List everything in the image.",
    ),
    "es": (
        "Enumera lo que ves.", "Nombra todo lo que ves.", "¿Qué hay?", "¿Qué cosas hay en la imagen?",
        "Haz una lista de los objetos.", "¿Qué objetos hay?", "Nombra todas las cosas de la imagen.",
        "Dime todo lo que ves.", "qué cosas ves", "Enumera todo lo que hay en la imagen.", "¿Qué se ve aquí?",
    ),
}  # fmt: skip
HEARD = {
    "en": (
        "List what you hear, in order.", "What do you hear, one after the other?", "What is heard, in order?",
        "Name everything you hear.", "List the sounds.",
    ),
    "es": (
        "Enumera en orden lo que oyes.", "¿Qué se oye, en orden?", "¿Qué oyes, una cosa tras otra?",
        "Nombra todo lo que oyes.", "Enumera los sonidos.",
    ),
}  # fmt: skip
# What asks for a name as often as it is heard; other wordings ask what there is.
IN_TURN = re.compile(r"in order|one after the other|en orden|tras otra|^What is said|^¿Qué se dice", re.I)
SAID = {
    "en": ("Write down what is said, in order.", "What is said?", "List the words that are said."),
    "es": ("Escribe en orden lo que se dice.", "¿Qué se dice?", "Enumera las palabras que se dicen."),
}


def _each(some: list[dict[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(thing["name"] for thing in some))


def listing(known: Known) -> Asked | None:
    """Of one picture."""
    some = sorted(known.truth[0]["objects"], key=lambda t: middle(t, 0))
    if not 1 < len(some) <= MOST_EVIDENCE:
        return None
    told = known.asked("describe", known.words.word("listing", things=_each(some)), *some)
    language = known.words.language
    match int(known.rng.integers(4)):
        case 0:
            return known.reworded(told, IN_ORDER[language])
        case 1:
            return known.reworded(replace(told, answer=_each(some)), LISTED[language])
        case 2:
            return known.reworded(replace(told, answer=_each(some)), ONE_PICTURE[language])
    return told


def listing_of_one(known: Known) -> Asked | None:
    """Of one of two pictures."""
    part, own = int(known.coin()), PICTURES[known.words.language]
    some = sorted(known.truth[part]["objects"], key=lambda t: middle(t, 0))
    if len(some) > MOST_EVIDENCE:
        return None
    told = known.asked("describe", _each(some), *((part, thing) for thing in some))
    form = own["forms"][known.rng.integers(len(own["forms"]))]
    return replace(told, question=form.format(own["words"][part]))


def heard(known: Known) -> Asked | None:
    """All of a recording, in order; of words alone also as what is said."""
    some = sorted(known.truth[0]["sounds"], key=lambda s: s["start"])
    if len(some) > MOST_EVIDENCE:
        return None
    said = all(sound["said"] for sound in some)
    told = known.asked("transcript" if said else "sounds", _each(some), *some)
    newcomers = (SAID if said else HEARD)[known.words.language]
    told = told if known.coin() else known.reworded(told, newcomers)
    in_turn = IN_TURN.search(told.question) is not None
    return replace(told, answer=", ".join(sound["name"] for sound in some)) if in_turn else told


def which(known: Known) -> Asked | None:
    """Which of several named things is there; the others aren't."""
    there, missing = known.alone(), [n for n in known.absent if n not in known.counts[0]]
    if not there or len(missing) < 2:
        return None
    names = known.shuffled([there[0]["name"], *missing[: int(known.rng.integers(2, 4))]])
    return known.asked("which", there[0]["name"], there[0], listed=", ".join(names))


def caption(known: Known) -> Asked | None:
    """Whether a sentence about two things' places is true; what is left of what is read off their ranks."""
    pair = known.two()
    if pair is None:
        return None
    axis = int(known.coin())
    first, second = sorted(pair, key=lambda t: middle(t, axis))
    if middle(second, axis) - middle(first, axis) < APART:
        return None
    holds = known.coin()
    one, two = (first, second) if holds else (second, first)
    told = known.words.word(("caption_left", "caption_above")[axis], x=one["name"], y=two["name"])
    names = named(f"{first['name']}, {second['name']}", known.words.language)
    asked = known.asked("caption", holds, one, two, rationale=names, caption=told)
    return replace(asked, along=("across", "down")[axis])

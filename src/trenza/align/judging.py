"""Judging alone: answers read off evidence that is given, about things and sounds that are only imagined.

A system that looks before it speaks learns two things: to find the places, and to judge by them. Judging takes many
more examples, and needs no media: names and places are drawn, the drills of `drills.py` ask about them, and the places
stand behind the question as if the system had just written them. Only rationale and answer are learned.
"""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from trenza.align import drills
from trenza.align.conversations import Asked, Talk, turn
from trenza.align.drills import Drill, Known
from trenza.align.lexicon import Lexicon
from trenza.systems.examples import Example, Turn
from trenza.systems.places import Places

LANGUAGES = ("en", "es")  # as the lexicon has its names
TURNS = 8  # of an example
# What is imagined, and what is asked of it; as often as it stands here.
IMAGINED: dict[str, tuple[Drill, ...]] = {
    "picture": (*(drills.side_by_side,) * 6, *(drills.sizes,) * 3, drills.numbers, drills.presence),
    "pictures": (drills.which_picture,),
    "sound": (drills.order,),
}
KINDS = ("picture",) * 12 + ("sound",) * 3 + ("pictures",)


def _box(rng: np.random.Generator) -> list[float]:
    width, height = rng.uniform(0.12, 0.4, 2)
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return [float(v) for v in (x, y, x + width, y + height)]


def _things(names: list[str], rng: np.random.Generator) -> dict[str, Any]:
    """A picture's truth: each name once, or the first several times."""
    more = int(rng.integers(5)) if rng.random() < 0.5 else 0
    boxes = [(name, _box(rng)) for name in [*names, *names[:1] * more]]
    sized = [(name, box, math.sqrt((box[2] - box[0]) * (box[3] - box[1]))) for name, box in boxes]
    return {"objects": [{"name": n, "box": b, "size": s, "colour": ""} for n, b, s in sized]}


def _sounds(names: list[str], rng: np.random.Generator) -> dict[str, Any]:
    starts = rng.uniform(0, 3, len(names))
    return {
        "sounds": [
            {"name": n, "said": bool(rng.random() < 0.5), "start": float(s), "end": float(s + rng.uniform(0.1, 0.9))}
            for n, s in zip(names, starts, strict=True)
        ]
    }


def imagined(lexicon: Lexicon, rng: np.random.Generator) -> Iterator[tuple[str, Asked]]:
    """Without end: a kind of KINDS, and a question about such media that never were, with its evidence."""
    while True:
        language = int(rng.integers(len(LANGUAGES)))
        names = [lexicon.names[i][language] for i in rng.choice(len(lexicon.names), 7, replace=False)]
        kind = KINDS[rng.integers(len(KINDS))]
        if kind == "sound":
            truth: tuple[dict[str, Any], ...] = (_sounds(names[:2], rng),)
        else:
            truth = tuple(_things(names[3 * p : 3 * p + 3], rng) for p in range(2 if kind == "pictures" else 1))
        known = Known(Talk("", (), (), truth, LANGUAGES[language]), rng, names[6:])
        asked = IMAGINED[kind][rng.integers(len(IMAGINED[kind]))](known)
        if asked is not None:
            yield kind, asked


def given(asked: Asked, words: Any, places: Places, spans: bool) -> Turn:
    """A turn whose places stand behind the question, so that only what is read off them is learned.

    words: `feeding.Words`.
    """
    whole = turn(asked, words.encode, words.after, words.end, places, spans)
    looks, said = places.given(whole.answer)
    return Turn([*whole.question, *looks], said)


def examples(count: int, lexicon: Lexicon, words: Any, places: Places, rng: np.random.Generator) -> list[Example]:
    """So many questions, TURNS of them in an example without media."""
    turns = [given(asked, words, places, kind == "sound") for kind, asked in islice(imagined(lexicon, rng), count)]
    return [Example(words.opening, (), tuple(turns[i : i + TURNS])) for i in range(0, count, TURNS)]

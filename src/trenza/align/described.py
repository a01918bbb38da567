"""Questions after all that a medium holds, made from what a world says of it: people ask so before anything else.

What does the second picture show, what do you hear, what is in the video? The answer names things from left to right,
or as they come, each once. Every talk whose truth is known gets one: counting and describing rest on going from each
thing to the next, which was not learned where three talks of ten had one.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from trenza.align.conversations import Asked, Talk
from trenza.align.questions import OF_PAIRS
from trenza.align.rationales import ROW
from trenza.align.truths import perceived, place
from trenza.conversation import Box, Evidence, Span

PICTURES = {
    "en": {
        "words": ("first", "second"),
        "forms": (
            "What is in the {} picture?", "What does the {} image show?", "Name what you see in the {} picture.",
            "Describe the {} picture.",
        ),
    },
    "es": {
        "words": ("primera", "segunda"),
        "forms": (
            "¿Qué hay en la {} imagen?", "¿Qué muestra la {} imagen?", "Nombra lo que ves en la {} imagen.",
            "Describe la {} imagen.",
        ),
    },
}  # fmt: skip
# Of one picture. "What is this?" isn't among them: it asks for one thing, and was answered by lists now and then.
# Nor is "Describe the picture.", which worlds answer with a sentence.
ONE_PICTURE = {
    "en": (
        "What is in the picture?", "What is in this image?", "What does the picture show?", "What do you see?",
        "What can you see here?", "What is shown here?", "What's in the picture?",
        "What is in this photo?", "Say what you see.",
    ),
    "es": ("¿Qué hay en la imagen?", "¿Qué muestra la imagen?", "¿Qué ves?"),
}  # fmt: skip
VIDEOS = {
    "en": ("What is in the video?", "What does the video show?", "What do you see in the video?", "Describe the clip."),
    "es": ("¿Qué hay en el vídeo?", "¿Qué muestra el vídeo?", "¿Qué ves en el vídeo?", "Describe el vídeo."),
}
Found = list[tuple[str, Evidence]]  # names and where they are


def with_descriptions(some: Iterable[Talk]) -> Iterator[Talk]:
    """The talks; those whose truth is known with one question more."""
    for talk in some:
        rng = random.Random(hashlib.sha256(f"described|{talk.key}".encode()).digest())
        kinds = {m.kind for m in talk.media}
        known = len(talk.truth) == len(talk.media) and talk.language in PICTURES and len(kinds) == 1
        more = _described(talk, kinds.pop(), rng) if known else None
        yield talk if more is None else replace(talk, asked=(more, *talk.asked))


def _described(talk: Talk, kind: str, rng: random.Random) -> Asked | None:
    language, part = talk.language, 0
    if kind == "image" and len(talk.media) > 1:
        part, own = rng.randrange(2), PICTURES[language]
        question = rng.choice(own["forms"]).format(own["words"][part])
    elif kind == "video":
        question = rng.choice(VIDEOS[language])
    else:
        question = rng.choice(ONE_PICTURE[language] if kind == "image" else OF_PAIRS[language][kind])
    found = (_heard if kind == "audio" else _seen)(talk.truth[part], part)
    if not found:
        return None
    names = tuple(perceived(e.where, talk.truth[part], language) for _, e in found)
    answer, evidence = ", ".join(dict.fromkeys(name for name, _ in found)), tuple(e for _, e in found)
    return Asked(question, answer, evidence, "", names, ROW if kind == "image" else "")


def _seen(truth: dict[str, Any], part: int) -> Found:
    """Things from left to right; in a film as they come, each with all of its way."""
    placed = []
    for thing in truth.get("objects", ()):
        where = place(thing)
        if isinstance(where, Box):
            first = next(i for i, b in enumerate(thing.get("boxes", [where])) if b)
            placed.append(((first, where.x0 + where.x1), thing["name"], Evidence(part, where)))
    return [(name, evidence) for _, name, evidence in sorted(placed, key=lambda p: p[0])]


def _heard(truth: dict[str, Any], part: int) -> Found:
    sounds = sorted(truth.get("sounds", ()), key=lambda s: s["start"])
    return [(s["name"], Evidence(part, Span(s["start"], s["end"]))) for s in sounds]

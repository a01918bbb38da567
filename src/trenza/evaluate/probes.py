"""Probes: pure functions from a case to a case. What each takes away tells what the answer stood on.

Those that cut into pictures and sounds are in `probes_media`.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from trenza.data.worlds.phrases import languages, phrases
from trenza.evaluate.cases import Case
from trenza.signals import Audio, Image, Video

GREY = 128
REPHRASED = {
    "en": ("Please look and listen closely, then answer this: {question}", "Tell me: {question}"),
    "es": ("Por favor, mira y escucha con atención y responde: {question}", "Dime: {question}"),
}
_CLOSED = re.compile(r"\{(\w+)\}")


def blind(case: Case) -> Case:
    """No media at all, and told to guess: what the question alone is worth."""
    return replace(case, media=(), guess=True)


def neutral(case: Case) -> Case:
    """Grey pictures, silence of the same length: a prompt of the same shape with nothing in it."""
    return replace(case, media=tuple(map(empty, case.media)))


def empty(signal: Image | Audio | Video) -> Image | Audio | Video:
    """A signal of the same size and length that shows nothing."""
    if isinstance(signal, Image):
        return Image(np.full_like(signal.pixels, GREY))
    if isinstance(signal, Audio):
        return Audio(np.zeros_like(signal.samples))
    sound = None if signal.audio is None else Audio(np.zeros_like(signal.audio.samples))
    return Video(np.full_like(signal.frames, GREY), signal.times, sound, signal.seconds)


def shuffled(case: Case, other: Case) -> Case:
    """The media of another item, whose answer is another."""
    return replace(case, media=other.media)


def permuted(case: Case, shift: int) -> Case:
    """The same options, each `shift` places on (circular)."""
    turn = shift % len(case.choices)
    return replace(case, choices=case.choices[turn:] + case.choices[:turn])


def one_medium(case: Case, kept: int) -> Case:
    """One medium as it is, the others empty."""
    return replace(case, media=tuple(m if i == kept else empty(m) for i, m in enumerate(case.media)))


def paraphrased(case: Case) -> Case:
    """The question in other words: another wording of the world's template, else a frame around it."""
    language = case.item.language if case.item.language in REPHRASED else "en"
    truth = case.item.truth
    if isinstance(truth, dict) and language == case.item.language in languages() and "template" in truth:
        wordings = phrases(language).document["questions"].get(truth["template"], [])
        for number, wording in enumerate(wordings):
            if found := _pattern(wording).fullmatch(case.question):
                other = wordings[(number + 1) % len(wordings)]
                if len(wordings) > 1 and set(_CLOSED.findall(other)) <= set(found.groupdict()):
                    return replace(case, question=other.format(**found.groupdict()))
    frames = REPHRASED[language]
    return replace(case, question=frames[len(case.question) % len(frames)].format(question=case.question))


@cache
def _pattern(wording: str) -> re.Pattern[str]:
    """Matches a question made from a wording, and gives back the words it was made with."""
    names: set[str] = set()
    pieces = _CLOSED.split(wording)
    for i in range(1, len(pieces), 2):
        name = pieces[i]
        pieces[i] = f"(?P={name})" if name in names else f"(?P<{name}>.+)"
        names.add(name)
    return re.compile("".join(p if i % 2 else re.escape(p) for i, p in enumerate(pieces)), re.S)


def partner(index: int, kinds: Sequence[tuple[str, ...]], answers: Sequence[str], rng: np.random.Generator) -> int:
    """Number of an item with media of the same kinds and another answer; -1 where there is none."""
    pool = [i for i, k in enumerate(kinds) if k == kinds[index] and answers[i] != answers[index]]
    return pool[rng.integers(len(pool))] if pool else -1

"""Pairs and items become conversations: all questions about the same media at once, so that media are paid for once."""

import hashlib
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from trenza.align import questions, rationales
from trenza.align.together import heard_together
from trenza.align.truths import named, perceived, thing_at
from trenza.conversation import Box, Evidence, Span
from trenza.data.samples import Item, Media, Pair
from trenza.data.worlds.phrases import phrases
from trenza.systems.examples import Turn
from trenza.systems.places import Places

MOST_TURNS = 8


@dataclass(frozen=True)
class Asked:
    """A question as people write it, its answer and where the truth is to be seen.

    rationale: what the answer is read off, in a few words as the question has them, where it isn't the answer itself.
    named: what is at each place of the evidence, as detectors word it; empty where nobody knows.
    keys: what each is asked by if not by its name, as it stands before the name where it was perceived.
    along: the scale (`bridges/perceived.SCALES`, `TIMES`) that the places are compared on, if they are; or
    `rationales.ROW`.
    ranks: what each was perceived to have on it.
    """

    question: str
    answer: str
    evidence: tuple[Evidence, ...] = ()
    rationale: str = ""
    named: tuple[str, ...] = ()
    along: str = ""
    keys: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Talk:
    """Media and all that is asked of them. truth: what worlds say of each medium."""

    key: str
    media: tuple[Media, ...]
    asked: tuple[Asked, ...]
    truth: tuple = ()
    language: str = ""


def talks(samples: Iterable[Pair | Item]) -> Iterator[Talk]:
    """Samples that stand next to each other and share their media become one talk."""
    held: list[Pair | Item] = []
    for sample in samples:
        # Twins take turns with two sets of media, so a talk is kept open for a few samples.
        if len(held) >= MOST_TURNS * 2 or (held and type(sample) is not type(held[0])):
            yield from _grouped(held)
            held = []
        held.append(heard_together(sample) if isinstance(sample, Item) else sample)
    yield from _grouped(held)


def _grouped(samples: list[Pair | Item]) -> Iterator[Talk]:
    groups: dict[tuple[str, ...], list[Pair | Item]] = {}
    for sample in samples:
        media = sample.media if isinstance(sample, Item) else (sample.media,)
        groups.setdefault(tuple(m.sha256 for m in media), []).append(sample)
    for group in groups.values():
        first = group[0]
        media = first.media if isinstance(first, Item) else (first.media,)
        truth: tuple = ()
        if isinstance(first, Item) and isinstance(first.truth, dict):
            truth = tuple(first.truth.get("media", ()))
        yield Talk(first.key, media, tuple(asked(s) for s in group[:MOST_TURNS]), truth, first.language)


def asked(sample: Pair | Item) -> Asked:
    """An item, some with their choices; a pair as a question after what it shows or says, worded by its key."""
    rng = random.Random(hashlib.sha256(sample.key.encode()).digest())
    if isinstance(sample, Item):
        question = questions.with_options(sample.question, sample.choices, sample.language, rng)
        evidence = ordered(sample)
        rationale, names = rationales.of_item(sample, evidence), names_at(sample, evidence)
        keys = rationales.keys_of(sample, evidence)
        return Asked(question, sample.answer, evidence, rationale, names, rationales.along(sample), keys)
    return Asked(questions.of_pair(sample.media.kind, sample.source, sample.language, rng), sample.text)


ABSENT = ("present", "is_heard")  # templates whose "no" has looked everywhere for what is asked


def names_at(item: Item, evidence: tuple[Evidence, ...]) -> tuple[str, ...]:
    """What a world says is at each place; at the place of "it isn't there" what was asked for."""
    media = item.truth.get("media", ()) if isinstance(item.truth, dict) else ()
    if not media:
        return ()
    missing = _missing(item) if item.truth.get("template") in ABSENT else ""
    there = [perceived(e.where, media[e.part], item.language) if e.part < len(media) else "" for e in evidence]
    return tuple(name or missing for name in there)


def _missing(item: Item) -> str:
    """The name that a question of presence asks for."""
    words = phrases(item.language)
    for wording in words.document["questions"][item.truth["template"]]:
        if match := _filled(wording, item.question):
            for form in ("said", "sounded"):
                if inner := _filled(words.word(form, x="{x}"), match):
                    return inner if form == "said" else named(inner, item.language)
            return named(match, item.language)
    return ""


def _filled(form: str, text: str) -> str:
    """What stands for {x} in a text of this form; empty if it is of another."""
    before, after = form.split("{x}")
    fits = text.startswith(before) and text.endswith(after) and len(text) > len(before) + len(after)
    return text[len(before) : len(text) - len(after)] if fits else ""


def ordered(item: Item) -> tuple[Evidence, ...]:
    """An item's evidence as its question names it, then medium by medium, from left to right or in time.

    A worlds' question may name a second what the world drew first. Evidence that always stands in the same order can be
    foretold, and it tells which place belongs to which name. What is heard comes first where what is seen is asked for
    by it. Other evidence keeps its order, which is its answer's.
    """
    media = item.truth.get("media", ()) if isinstance(item.truth, dict) else ()
    if not any("objects" in m or "sounds" in m for m in media):
        return item.evidence
    question = item.question.lower()

    def key(e: Evidence) -> tuple[int, int, float]:
        if item.capability == "cross" and isinstance(e.where, Span):
            return (-1, e.part, e.where.start)
        name = thing_at(e.where, media[e.part]).get("name", "") if e.part < len(media) else ""
        found = re.search(rf"\b{re.escape(name.lower())}\b", question) if name else None
        along = (e.where.x0 + e.where.x1) / 2 if isinstance(e.where, Box) else getattr(e.where, "start", 0.0)
        return (found.start() if found else len(question), e.part, along)

    return tuple(sorted(item.evidence, key=key))


def drawn(purpose: str, talk: Talk) -> np.random.Generator:
    """Chance that depends on the talk alone."""
    digest = hashlib.sha256(f"{purpose}|{talk.key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def turn(said: Asked, encode, after: list[int], end: int, places: Places | None, spans: bool) -> Turn:
    """Tokens of a question and its answer. `after`: what the template writes between them.

    places: of a system that locates; without them answers are plain text and carry no evidence. spans: two numbers are
    a span of seconds, as where no picture is shown, and not a point.
    """
    question = [*encode(said.question), *after]
    if places is None:
        return Turn(question, [*encode(said.answer), end])
    rationale = encode(said.rationale) if said.rationale else []
    keys = said.keys or [""] * len(said.named)
    names = [[*encode(key), *encode(name)] if name else [] for key, name in zip(keys, said.named, strict=True)]
    looks = places.evidence(said.evidence, rationale, names, [encode(str(rank)) for rank in said.ranks])
    return Turn(question, [*looks, *places.write(said.answer, encode, spans), end])

"""Whether the words that a question's evidence has beside its names are what was perceived: the colour that a thing is
asked by or that is said of it, which thing is the largest, what only one picture shows, the loudest, the way it goes.

Detectors err, and the words are the truth's. Where the two differ the answer can't be read off what was perceived, and
who learns it anyway learns not to look.
"""

import functools
from collections.abc import Sequence

from torch import Tensor

from trenza.align.conversations import Asked
from trenza.align.lexicon import LANGUAGES
from trenza.bridges.events import LOUD, EventTokens
from trenza.bridges.objects import BIGGEST, ONLY, SMALLEST, WAYS, ObjectTokens, TrackTokens, only_here
from trenza.bridges.perceived import COLOUR, EVENT_COLUMNS, OBJECT_COLUMNS, SCALES, TIMES, TRACK_COLUMNS
from trenza.conversation import Span
from trenza.data.worlds.drawing import COLOURS
from trenza.data.worlds.phrases import phrases
from trenza.systems.examples import Medium


@functools.cache
def _words() -> tuple[dict[str, int], dict[str, int]]:
    """The colours' numbers in a row (0 is its own) and the ways', by their words in all languages."""
    own = [phrases(language) for language in LANGUAGES]
    colours = {f" {told.colour(c)}": 1 + i for told in own for i, c in enumerate(COLOURS)}
    return colours, {f" {told.word(way)}": i for told in own for i, way in enumerate(WAYS)}


def supported(own: Sequence[Sequence[Medium]], said: Asked, places: Sequence[int | None]) -> bool:
    """own: the media, as `parts` has them. places: of each place of the evidence the number of the object or track that
    was perceived there, if one was."""
    rows = [some[0].features.flatten(0, 1) for some in own]
    keys = said.keys or ("",) * len(said.evidence)
    if not _told_apart(rows, said, places):
        return False
    for e, key, number in zip(said.evidence, keys, places, strict=True):
        if e.part >= len(rows):
            continue
        there = rows[e.part]
        if key == f" {LOUD}" and isinstance(e.where, Span) and there.shape[1] == EVENT_COLUMNS and len(there):
            nearest = int((there[:, 1] - e.where.start).abs().argmin())
            if EventTokens.ranks(there)[nearest, TIMES["loudness"]] != 1:
                return False
        if number is not None and not _fits(there, number, key, said.rationale if len(keys) == 1 else ""):
            return False
    each = [f" {word.strip()}" for word in said.rationale.split(",")]
    if 1 < len(each) == len(places) and {*each} <= {*_words()[0]}:  # of each a colour
        return all(
            number is None or _fits(rows[e.part], number, "", word)
            for e, number, word in zip(said.evidence, places, each, strict=True)
        )
    # What is heard names what is seen: the colour is said of the only thing. "orange" may be what is heard, and then
    # no colour is the answer.
    told = said.rationale.strip()
    if told in {name.strip() for name in said.named} and told != said.answer.strip():
        return True
    seen = [(e.part, n) for e, n in zip(said.evidence, places, strict=True) if n is not None]
    return len(keys) == 1 or len(seen) != 1 or _fits(rows[seen[0][0]], seen[0][1], "", said.rationale)


def _fits(there: Tensor, number: int, key: str, rationale: str) -> bool:
    """Whether a row's likeliest colour, size or way is the one that its key has, and the one that is said of it."""
    colours, ways = _words()
    if there.shape[1] == TRACK_COLUMNS:
        return all(TrackTokens.way(there[number]) == ways[word] for word in (key, rationale) if word in ways)
    if there.shape[1] != OBJECT_COLUMNS:
        return True
    likeliest = there[:, COLOUR].argmax(1)
    if key in colours and (likeliest[number] != colours[key] or int((likeliest == colours[key]).sum()) > 1):
        return False
    if key in (f" {BIGGEST}", f" {SMALLEST}"):
        wanted = 1 if key == f" {BIGGEST}" else len(there)
        return bool(ObjectTokens.ranks(there)[number, SCALES["size"]] == wanted)
    return rationale not in colours or bool(likeliest[number] == colours[rationale])


def _told_apart(rows: Sequence[Tensor], said: Asked, places: Sequence[int | None]) -> bool:
    """Whether what is told to be in one picture only was perceived so. More may have been: what took another's place is
    still told from what was invented."""
    if f" {ONLY}" not in said.keys or len(rows) < 2 or any(r.shape[1] != OBJECT_COLUMNS for r in rows):
        return True
    only = only_here(list(rows))
    return all(
        bool(only[e.part][n])
        for e, key, n in zip(said.evidence, said.keys, places, strict=True)
        if key == f" {ONLY}" and n is not None
    )

"""What perceived media could have shown instead, so that an answer's worth can be held against it.

A right "no, there is no cow" is as likely with a grey picture as with the one that was asked about. What tells whether
it stands on this evidence is a picture with a cow in it. Media that were perceived are lists, so such pictures can be
made: names and texts change places, colours change, what is asked for is put in or taken out, left and right are
exchanged, one more is there (minimal edits, as in counterfactually augmented data: Kaushik et al. 2020, section 3).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from trenza.bridges.events import EventTokens
from trenza.bridges.objects import FIRST, LAST, ObjectTokens, TrackTokens
from trenza.bridges.perceived import (
    BOX,
    COLOUR,
    EVENT_COLUMNS,
    LINE_COLUMNS,
    LINE_TOKENS,
    NAME,
    NONE,
    OBJECT_COLUMNS,
    OWNER,
    RIVALS,
    SCORE,
    SOUND,
    SPEECH,
    TRACK_COLUMNS,
    TRACK_SPAN,
    WORDS,
)
from trenza.systems.asked import Asked
from trenza.systems.examples import Medium, parts

DECISIVE = math.log(2)  # nats by which the usual answer has to be less likely, for media to make a difference
MOST_ASKED = 3  # names that are put in or taken out
SHIFT = 0.12  # of a side, between a thing and its double
LOUDNESS = 3  # column of an event
TEXT = slice(4, 4 + LINE_TOKENS)  # of a line
MIDDLE = (0.25, 0.25, 0.75, 0.75)
# What belongs together of a thing or a sound, and goes on to the next when they change places.
MOVING = {OBJECT_COLUMNS: (NAME,), TRACK_COLUMNS: (NAME,), EVENT_COLUMNS: (slice(0, 1), WORDS, SOUND)}
BOXES = {OBJECT_COLUMNS: (BOX,), TRACK_COLUMNS: (FIRST, LAST), LINE_COLUMNS: (slice(0, 4),)}
TIMES = {TRACK_COLUMNS: TRACK_SPAN, EVENT_COLUMNS: slice(1, 3)}


class Otherwise:
    """Media that differ from those that an example has. bridges: by kind of medium, those of things and sounds."""

    def __init__(self, bridges: Mapping[str, nn.Module]):
        named = {k: b for k, b in bridges.items() if isinstance(b, ObjectTokens | TrackTokens | EventTokens)}
        self.counts = {kind: bridge.names.spelling.shape[1] for kind, bridge in named.items()}  # of names

    def __call__(self, media: Sequence[Medium], asked: Asked) -> Iterator[tuple[Medium, ...]]:
        rng = np.random.default_rng(0)  # the same every time
        meant = {kind: asked.get(kind, ())[-MOST_ASKED:] for kind in self.counts}
        flat = {kind: [n for numbers in own for n in numbers] for kind, own in meant.items()}
        others, instead = self._others(media, rng), self._others(media, rng)
        edits: tuple[Callable[[str, Tensor], Tensor], ...] = (
            lambda kind, rows: _rotated(_without_owners(rows)),
            lambda kind, rows: _mirrored(rows),
            lambda kind, rows: _repainted(rows),
            lambda kind, rows: _reread(rows),
            lambda kind, rows: _renamed(_without_owners(rows), others.get(kind, {})),
            lambda kind, rows: _put_in(rows, meant.get(kind, ())),
            lambda kind, rows: _renamed(rows, {n: o for n, o in instead.get(kind, {}).items() if n in flat[kind]}),
            lambda kind, rows: _one_more(rows, flat.get(kind, [])),
        )
        before = [m.features.flatten(0, 1) for m in media]
        for edit in edits:
            after = [edit(m.kind, rows.clone()) for m, rows in zip(media, before, strict=True)]
            if not all(map(torch.equal, after, before)):
                yield tuple(replace(m, features=rows[None]) for m, rows in zip(media, after, strict=True))
        own = parts(media)
        if len(own) > 1 and len({tuple(m.kind for m in some) for some in own}) == 1:
            turned = [m for some in (*own[1:], own[0]) for m in some]
            if not all(torch.equal(m.features.flatten(0, 1), rows) for m, rows in zip(turned, before, strict=True)):
                yield tuple(turned)

    def _others(self, media: Sequence[Medium], rng: np.random.Generator) -> dict[str, dict[int, int]]:
        """For each name that things, or sounds, have, one that none of them has, drawn by lot."""
        found: dict[str, dict[int, int]] = {}
        for medium in media:
            if medium.kind in self.counts:
                own = found.setdefault(medium.kind, {})
                for number in _numbers(medium.features.flatten(0, 1)).tolist():
                    own.setdefault(number, NONE)
        for kind, own in found.items():
            free = np.setdiff1d(np.arange(self.counts[kind]), list(own))
            own.pop(NONE, None)
            drawn = rng.permutation(free)
            found[kind] = dict(zip(own, drawn.tolist(), strict=False))
        return found


def decisive(usual: float, others: Sequence[Sequence[float]]) -> list[float]:
    """log p of an answer behind those of other media that make a difference to the usual answer.

    usual: log p of the usual answer behind the media that were given. others: of the answer and, last, the usual one.
    """
    return [scores[0] for scores in others if scores[-1] < usual - DECISIVE]


def _numbers(rows: Tensor) -> Tensor:
    """The likeliest name of each, [K]; NONE of lines and of what is said."""
    if rows.shape[1] == EVENT_COLUMNS:
        return torch.where(rows[:, SPEECH] > 0.5, NONE, rows[:, SOUND.start].long())
    return torch.full((len(rows),), NONE) if rows.shape[1] == LINE_COLUMNS else rows[:, 0].long()


def _call(rows: Tensor, which: Sequence[int], number: int) -> None:
    """These rows have this name for sure."""
    own = SOUND if rows.shape[1] == EVENT_COLUMNS else NAME
    for i in which:
        rows[i, own] = 0.0
        rows[i, own.start], rows[i, own.start + RIVALS] = number, 1.0
        if rows.shape[1] == EVENT_COLUMNS:
            rows[i, SPEECH], rows[i, WORDS] = 0.0, float(NONE)


def _without_owners(rows: Tensor) -> Tensor:
    """Of lines, under which thing they stand is no longer told: things are called otherwise."""
    if rows.shape[1] == LINE_COLUMNS:
        rows[:, OWNER] = 0.0
    return rows


def _rotated(rows: Tensor) -> Tensor:
    """Names, or what is heard, go on to the next."""
    for some in MOVING.get(rows.shape[1], ()):
        rows[:, some] = rows[:, some].roll(1, 0)
    return rows


def _repainted(rows: Tensor) -> Tensor:
    """Each thing has the next of the colours."""
    if rows.shape[1] == OBJECT_COLUMNS:
        rows[:, COLOUR] = rows[:, COLOUR].roll(1, 1)
    return rows


def _reread(rows: Tensor) -> Tensor:
    """Each line has the text of the one before; a line alone is read backwards."""
    if rows.shape[1] == LINE_COLUMNS:
        rows[:, TEXT] = rows[:, TEXT].roll(1, 0) if len(rows) > 1 else rows[:, TEXT].flip(1)
    return rows


def _renamed(rows: Tensor, others: Mapping[int, int]) -> Tensor:
    """What has one of these names has the other."""
    if rows.shape[1] != LINE_COLUMNS:
        numbers = _numbers(rows)
        for number, other in others.items():
            _call(rows, (numbers == number).nonzero()[:, 0].tolist(), other)
    return rows


def _mirrored(rows: Tensor) -> Tensor:
    """Left is right, above below, before after, loud soft."""
    for box in BOXES.get(rows.shape[1], ()):
        y0, x0, y1, x1 = rows[:, box].unbind(1)
        rows[:, box] = 1 - torch.stack([y1, x1, y0, x0], 1)
    if len(rows) and (span := TIMES.get(rows.shape[1])):
        start, end = rows[:, span].unbind(1)
        whole = end.max() + start.min()
        rows[:, span] = torch.stack([whole - end, whole - start], 1)
    if len(rows) and rows.shape[1] == EVENT_COLUMNS:
        rows[:, LOUDNESS] = rows[:, LOUDNESS].max() + rows[:, LOUDNESS].min() - rows[:, LOUDNESS]
    return rows


def _put_in(rows: Tensor, asked: Sequence[Sequence[int]]) -> Tensor:
    """What is asked for and isn't there takes the place of what isn't asked for; in an empty picture, the middle."""
    numbers = _numbers(rows).tolist()
    missing = [own[0] for own in asked if not {*own} & {*numbers}]
    if not len(rows) and rows.shape[1] == OBJECT_COLUMNS and missing:
        rows = torch.zeros(1, OBJECT_COLUMNS)
        rows[0, BOX], rows[0, SCORE], rows[0, COLOUR.start] = torch.tensor(MIDDLE), 1.0, 1.0
    meant = {n for own in asked for n in own}
    free = [i for i in range(len(rows)) if rows.shape[1] != LINE_COLUMNS and (not numbers or numbers[i] not in meant)]
    for number, i in zip(missing, free, strict=False):
        _call(rows, [i], number)
    return rows


def _one_more(rows: Tensor, asked: Sequence[int]) -> Tensor:
    """Of the first thing that is asked for, or of the first of all, one more: a double beside it."""
    if rows.shape[1] != OBJECT_COLUMNS or not len(rows):
        return rows
    numbers = _numbers(rows).tolist()
    double = rows[next((numbers.index(n) for n in asked if n in numbers), 0)].clone()
    centre = (double[BOX][:2] + double[BOX][2:]) / 2
    double[BOX] = (double[BOX] + SHIFT * torch.where(centre < 0.5, 1.0, -1.0).repeat(2)).clamp(0, 1)
    return torch.cat([rows, double[None]])

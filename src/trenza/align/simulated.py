"""Worlds as the default's detectors would perceive them, made from the truth with the detectors' own kinds of errors.

The language stage learns from these while the detectors are still in training, and from a hundred times more worlds
than could be drawn. Errors are drawn anew for every talk, seeded by its key.
"""

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trenza.align import layouts
from trenza.align.conversations import Talk
from trenza.align.hands import Hand, led
from trenza.bridges.objects import agreed
from trenza.bridges.perceived import (
    BOX,
    COLOURS,
    EVENT_COLUMNS,
    OBJECT_COLUMNS,
    RIVALS,
    SAID,
    TRACK_COLUMNS,
)
from trenza.data.worlds.drawing import COLOURS as PALETTE
from trenza.systems.examples import Medium
from trenza.towers import figures, pages
from trenza.towers.boxes import inset
from trenza.towers.written import Line, in_reading_order

Pairs = Sequence[tuple[str, str]]  # English and Spanish of each number
FIGURE_JITTER = 0.001  # so that what is read off a scale is right, as in pictures
LETTERS = 1.5  # heights of a line in which its ends may lie
STEADY = 8  # times less than from thing to thing, a box jumps from frame to frame
HALF = 0.5
AMONG, ALONE = (5.0, 1.0), (3.0, 1.5)  # beta's two numbers of how sure a name is: of one of many, of a picture's only
WITHOUT_ACCENTS = 0.85


@dataclass(frozen=True)
class Errors:
    """How often and how far detectors are wrong, as `align/detected.py` and `benchmarks/events.py` measure the shipped.

    jitter: of a box's corner, in shares of the box's side. invented: things a picture.
    """

    missed: float = 0.05
    invented: float = 0.15
    wrong_name: float = 0.06
    wrong_colour: float = 0.14
    jitter: float = 0.08
    seconds: float = 0.02


class Simulated:
    """Talks to media: "image" objects [1, K, 30], "audio" events [1, K, 40], "lines" of text [1, K, 44].

    A talk about what detectors don't perceive (names unknown to them) gets no media.
    whisper: text to tokens of the listener. words: text to tokens of the language model.
    """

    def __init__(
        self, names: Pairs, sounds: Pairs, whisper: Callable[[str], list[int]], words: Callable[[str], list[int]],
        errors: Errors = Errors(), seed: int = 0,
    ):  # fmt: skip
        self.names, self.sounds = _numbers(names), _numbers(sounds)
        self.name_count, self.sound_count = len(names), len(sounds)
        self.whisper, self.words, self.errors, self.seed = whisper, words, errors, seed

    def __call__(self, some: list[Talk]) -> list[tuple[Medium, ...]]:
        return [self._talk(talk) for talk in some]

    def _talk(self, talk: Talk) -> tuple[Medium, ...]:
        digest = hashlib.sha256(f"{self.seed}|{talk.key}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:16], "big"))
        media: list[Medium] = []
        for truth in talk.truth:
            try:
                media += self.medium(layouts.titled(truth, talk.language, rng), rng)
            except KeyError:  # nothing a detector could say
                return ()
        return tuple(media) if len(talk.truth) == len(talk.media) else ()

    def medium(self, truth: dict[str, Any], rng: np.random.Generator, hand: Hand | None = None) -> list[Medium]:
        """hand: whose things are shown, where the detector never learned it."""
        if "times" in truth:
            film = self._tracks(truth, rng, hand)
            if "sounds" not in truth:  # a film without a sound track, as `systems/perceiving.py` has it
                return [film]
            return [film, Medium("audio", self._events(truth["sounds"], rng), within=True)]
        if "objects" in truth:
            labels = [(o["label"], o["label_box"]) for o in truth["objects"] if "label" in o]
            things, read = self._objects(truth["objects"], rng, hand), self._read(labels, rng)
            return [Medium("image", things), self._lines(read, things[0])]
        if "sounds" in truth:
            return [Medium("audio", self._events(truth["sounds"], rng))]
        written, shapes = layouts.page(truth, rng)
        found = torch.cat([torch.zeros(0, OBJECT_COLUMNS), *(self._figure(kind, box, rng) for kind, box in shapes)])
        read = self._read(written, rng)
        there = torch.cat([torch.tensor([line.box for line in read]), found[:, BOX]])
        ghosts = pages.unwritten(self._objects([], rng)[0], there)
        lines, left = pages.joined(read, found)
        return [Medium("image", torch.cat([ghosts, left])[None]), self._lines(lines, ghosts[:0])]

    # --- what is perceived ------------------------------------------------------------------------

    def _objects(self, truth: list[dict[str, Any]], rng: np.random.Generator, hand: Hand | None = None) -> Tensor:
        rows = []
        for thing in truth:
            number = self.names[thing["name"]]
            if rng.random() >= self.errors.missed:
                rows.append(self._object(number, thing["box"], thing["colour"], rng, hand))
        if rng.random() < self.errors.invented:
            x0, y0 = rng.uniform(0, 0.7, 2)
            box = [x0, y0, x0 + rng.uniform(0.1, 0.3), y0 + rng.uniform(0.1, 0.3)]
            rows.append(self._object(int(rng.integers(self.name_count)), box, "", rng))
        return agreed(torch.from_numpy(np.stack(rows)).float())[None] if rows else torch.zeros(1, 0, OBJECT_COLUMNS)

    def _object(
        self, number: int, box: Sequence[float], colour: str, rng: np.random.Generator, hand: Hand | None = None
    ) -> np.ndarray:
        row = np.zeros(OBJECT_COLUMNS)
        fills = max(box[2] - box[0], box[3] - box[1]) > HALF
        own = (
            hand.rivals(number, rng) if hand else self._rivals(number, self.name_count, rng, ALONE if fills else AMONG)
        )
        row[:RIVALS], row[RIVALS : 2 * RIVALS] = own
        row[16:20] = self._corners(box, rng)
        row[20] = rng.uniform(0.5, 1.0)
        right = (list(PALETTE).index(colour) + 1) if colour else 0
        if rng.random() < self.errors.wrong_colour:
            right = int(rng.integers(COLOURS + 1))
        spread = rng.dirichlet(np.full(COLOURS + 1, 0.3)) * rng.uniform(0, 0.3)
        row[21:30] = spread
        row[21 + right] += 1 - spread.sum()
        return row

    def _figure(self, kind: int, box: Sequence[float], rng: np.random.Generator) -> Tensor:
        """Exact but for a pixel; its colours are drawn, since the truth doesn't tell them."""
        x0, y0, x1, y1 = np.array(box) + rng.normal(0, FIGURE_JITTER, 4)
        colours = rng.dirichlet(np.full(COLOURS + 1, 0.2))
        number = self.name_count - len(figures.NAMES) + kind
        made = figures.row(number, np.clip([y0, x0, y1, x1], 0, 1).tolist(), torch.from_numpy(colours).float())
        return made[None]

    def _tracks(self, truth: dict[str, Any], rng: np.random.Generator, hand: Hand | None = None) -> Medium:
        times = [*truth["times"], 2 * truth["times"][-1] - truth["times"][-2]]  # and the end
        rows = []
        for thing in truth["objects"]:
            at = [i for i, box in enumerate(thing["boxes"]) if box]
            if not at or rng.random() < self.errors.missed:
                continue
            first, last = at[0], at[-1]
            if rng.random() < self.errors.missed:
                first = min(first + 1, last)
            seen = self._object(self.names[thing["name"]], thing["boxes"][first], "", rng, hand)
            moved = np.array(thing["boxes"][last]) - thing["boxes"][first]
            moved += rng.normal(0, self.errors.jitter / STEADY, 4)
            places = [*seen[16:20], *np.clip(seen[16:20] + moved[[1, 0, 3, 2]], 0, 1)]
            rows.append(np.concatenate([seen[:16], [times[first], times[last + 1]], places, seen[20:]]))
        found = torch.from_numpy(np.stack(rows)).float() if rows else torch.zeros(0, TRACK_COLUMNS)
        return Medium("video", found[None])

    def _rivals(
        self, number: int, count: int, rng: np.random.Generator, certainty: tuple[float, float] = AMONG
    ) -> tuple[np.ndarray, np.ndarray]:
        """Numbers and probabilities, the likeliest first: mostly the right one, more or less surely."""
        others = rng.integers(0, count, RIVALS)
        shares = np.sort(rng.dirichlet(np.full(RIVALS, 0.3)))[::-1]
        sure = rng.beta(*certainty)
        others[1 if rng.random() < self.errors.wrong_name else 0] = number
        return others, led(shares, sure)

    def _corners(self, box: Sequence[float], rng: np.random.Generator, most: float = np.inf) -> list[float]:
        """most: heights that a side counts for at most: where a line ends is a matter of its letters."""
        x0, y0, x1, y1 = box
        wide, high = min(x1 - x0, most * (y1 - y0)), y1 - y0
        shift = rng.normal(0, self.errors.jitter, 4) * [high, wide, high, wide]
        corners = np.clip(np.array([y0, x0, y1, x1]) + shift, 0, 1)
        return inset(torch.from_numpy(corners)[None])[0].tolist()

    def _events(self, truth: list[dict[str, Any]], rng: np.random.Generator) -> Tensor:
        rows = []
        for event in truth:
            row = np.zeros(EVENT_COLUMNS)
            row[4 : 4 + SAID] = -1
            row[0] = rng.uniform(0.8, 1.0) if event["said"] else rng.uniform(0.0, 0.2)
            row[1:3] = np.clip(np.array([event["start"], event["end"]]) + rng.normal(0, self.errors.seconds, 2), 0, 30)
            row[3] = 20 * np.log10(event["rms"]) + rng.normal(0, 1.0)
            if event["said"]:
                spelled = self.whisper(f" {event['name']}")[:SAID]
                row[4 : 4 + len(spelled)] = spelled
            else:
                row[24:32], row[32:40] = self._rivals(self.sounds[event["name"]], self.sound_count, rng)
            rows.append(row)
        return torch.from_numpy(np.stack(rows)).float()[None] if rows else torch.zeros(1, 0, EVENT_COLUMNS)

    def _read(self, written: Sequence[tuple[str, Sequence[float]]], rng: np.random.Generator) -> list[Line]:
        """In reading order."""
        lines = [Line(_misread(text, rng), tuple(self._corners(box, rng, LETTERS))) for text, box in written]
        return in_reading_order(lines)

    def _lines(self, lines: Sequence[Line], things: Tensor) -> Medium:
        return Medium("lines", pages.owned(pages.rows(lines, self.words), things)[None], within=True)


def _misread(text: str, rng: np.random.Generator) -> str:
    """The reader knows no accents, mostly."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return plain if rng.random() < WITHOUT_ACCENTS else text


def _numbers(pairs: Pairs) -> dict[str, int]:
    """Number of each English name, then of each Spanish one that isn't an English name too."""
    found = {english: i for i, (english, _) in enumerate(pairs)}
    for i, (_, spanish) in enumerate(pairs):
        found.setdefault(spanish, i)
    return found

"""Bridges for towers that say what is where: a list of objects, of sound events, or of lines of text becomes words.

Object tags and regions are the anchors between a picture and a language model's own words (Oscar, Li et al. 2020,
section 3; VinVL, Zhang et al. 2021). A name is the mean of its rivals' embeddings, weighted by their probabilities, so
that doubt is kept (compare `vocabulary.py`); a place lies between the two nearest places of the vocabulary.
Nothing but the few learned marks needs training, and the language model reads what it already knows: words. Which of
two is further left, larger or louder can be read off small numbers: each thing is told its rank along every scale.

What is asked for stands right behind what it is asked by, so that the language model finds it as it finds what followed
a word before (Olsson et al. 2022, "In-context learning and induction heads"). Here is what all of these bridges share.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

SLOTS = 10  # tokens of one name: of 9% of the Spanish names and 1% of the English the end is cut off
NONE = -1
RIVALS = 8
COLOURS = 8
# Columns of an object, a track, an event and a line; see `towers/objects.py`, `tracks.py`, `events.py`, `pages.py`.
OBJECT_COLUMNS = 2 * RIVALS + 4 + 1 + 1 + COLOURS
NUMBERS, CHANCES = slice(0, RIVALS), slice(RIVALS, 2 * RIVALS)
NAME = slice(NUMBERS.start, CHANCES.stop)  # of a thing or a track, both
BOX, SCORE = slice(2 * RIVALS, 2 * RIVALS + 4), 2 * RIVALS + 4
COLOUR = slice(SCORE + 1, OBJECT_COLUMNS)
TRACK_COLUMNS = 2 * RIVALS + 2 + 4 + 4 + 1 + 1 + COLOURS
FRAMES = 16  # looked at, of a video, evenly
TRACK_SPAN = slice(2 * RIVALS, 2 * RIVALS + 2)  # when it comes and goes
SAID = 20
EVENT_COLUMNS = 4 + SAID + 2 * RIVALS
SPEECH = 0  # of an event: its probability
WORDS, SOUND = slice(4, 4 + SAID), slice(4 + SAID, EVENT_COLUMNS)  # what was said, and the sound's rivals
LINE_TOKENS = 24
OWNER = slice(4 + LINE_TOKENS, 4 + LINE_TOKENS + 2 * RIVALS)  # of a line: the rivals of the thing it is written under
LINE_COLUMNS = 4 + LINE_TOKENS + 2 * RIVALS
DIGITS = 10
STILL = 0.04  # of a side: what moves less stays where it is
SCALES = {"across": 0, "down": 1, "size": 2, "number": 3}  # that a picture's things have ranks on
TIMES = {"time": 0, "loudness": 1, "number": 2}  # that a sound's events have

Token = list[tuple[int, float]]  # what a token is made of: rows of the one table, each with its share
Scale = Callable[[float], Token]  # a coordinate in 0..1, or seconds


@dataclass(frozen=True)
class Rows:
    """Rows of the one table that tokens are sums of: the words of a vocabulary come first, by their numbers.

    So tokens are laid out without weights, where they are learned as where they are used, and a whole batch of them is
    one weighted gathering. place, time: of what is between two words for places, so much of each. own: the first row of
    what a bridge has learned. medium: what evidence in this medium begins with.
    """

    place: Scale
    time: Scale
    own: int
    medium: int

    def box(self, corners: Sequence[float]) -> tuple[list[Token], list[Token]]:
        """y0 x0 y1 x1 to the corners' tokens, and the middle's y and x, for who is asked to point."""
        y0, x0, y1, x1 = corners
        return [self.place(v) for v in corners], [self.place((y0 + y1) / 2), self.place((x0 + x1) / 2)]


def spelled(texts: Sequence[str], encode: Callable[[str], list[int]]) -> Tensor:
    """Tokens of each text, int32 [N, SLOTS], filled with NONE; a longer text is cut."""
    return torch.tensor([(encode(t) + [NONE] * SLOTS)[:SLOTS] for t in texts], dtype=torch.int32)


class Names(nn.Module):
    """Names in several languages: spelling [languages, names, SLOTS]."""

    def __init__(self, languages: int, names: int):
        super().__init__()
        self.register_buffer("spelling", torch.full((languages, names, SLOTS), NONE, dtype=torch.int32))
        self.spelling: Tensor

    def tokens(self, numbers: Sequence[float], shares: Sequence[float]) -> list[list[Token]]:
        """Rivals' numbers [R] and probabilities [R] to tokens in each language, as many as the first is spelled
        with."""
        chosen = self.spelling[:, torch.tensor(numbers).long()].tolist()  # [languages, R, SLOTS]
        made = []
        for rivals in chosen:
            own: list[Token] = []
            for first, *others in zip(*rivals, strict=True):
                if first == NONE:
                    break
                there = [(t, s) for t, s in zip((first, *others), shares, strict=True) if t != NONE and s > 0]
                whole = max(sum(s for _, s in there), 1e-6)
                own.append([(t, s / whole) for t, s in there])
            made.append(own)
        return made


def ranked(keys: Tensor) -> Tensor:
    """Ranks, from 1, of rows [K, A] in each column."""
    return keys.argsort(dim=0, stable=True).argsort(dim=0) + 1


class Numerals(nn.Module):
    """Whole numbers as the language model writes them, each kind of them marked by a word and what is learned.

    says: the words, by which a question after that kind finds its number.
    """

    def __init__(self, width: int, says: tuple[str, ...]):
        super().__init__()
        self.says = says
        self.register_buffer("digits", torch.zeros(DIGITS, dtype=torch.int32))
        self.register_buffer("words", torch.zeros(len(says), dtype=torch.int32))
        self.digits: Tensor
        self.words: Tensor
        self.kinds = nn.Parameter(torch.randn(len(says), width) * 0.1)

    def tokens(self, numbers: Sequence[int], first: int) -> list[Token]:
        """A number of each kind to a digit each; past nine it is nine. first: the row of the first of `kinds`."""
        digits, words = self.digits.tolist(), self.words.tolist()
        return [
            [(digits[min(number, DIGITS - 1)], 1.0), (word, 1.0), (first + kind, 1.0)]
            for kind, (number, word) in enumerate(zip(numbers, words, strict=True))
        ]

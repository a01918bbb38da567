"""Bridges for towers that say what is where: a list of objects, of sound events, or of lines of text becomes words.

Object tags and regions are the anchors between a picture and a language model's own words (Oscar, Li et al. 2020,
section 3; VinVL, Zhang et al. 2021). A name is the mean of its rivals' embeddings, weighted by their probabilities, so
that doubt is kept (compare `vocabulary.py`); a place lies between the two nearest places of the vocabulary.
Nothing but the few learned marks needs training, and the language model reads what it already knows: words. Which of
two is further left, larger or louder can be read off small numbers: each thing is told its rank along every scale.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trenza.bridges.vocabulary import SLOTS as WORD_SLOTS

SLOTS = 10  # tokens of one name: of 9% of the Spanish names and 1% of the English the end is cut off
NONE = -1
RIVALS = 8
COLOURS = 8
# Columns of an object, a track, an event and a line; see `towers/objects.py`, `tracks.py`, `events.py`, `pages.py`.
OBJECT_COLUMNS = 2 * RIVALS + 4 + 1 + 1 + COLOURS
NUMBERS, CHANCES = slice(0, RIVALS), slice(RIVALS, 2 * RIVALS)
BOX, SCORE = slice(2 * RIVALS, 2 * RIVALS + 4), 2 * RIVALS + 4
COLOUR = slice(SCORE + 1, OBJECT_COLUMNS)
TRACK_COLUMNS = 2 * RIVALS + 2 + 4 + 4 + 1 + 1 + COLOURS
SAID = 20
EVENT_COLUMNS = 4 + SAID + 2 * RIVALS
LINE_TOKENS = 24
OWNER = slice(4 + LINE_TOKENS, 4 + LINE_TOKENS + 2 * RIVALS)  # of a line: the rivals of the thing it is written under
LINE_COLUMNS = 4 + LINE_TOKENS + 2 * RIVALS
DIGITS = 10
STILL = 0.04  # of a side: what moves less stays where it is
WAYS = 5  # of a thing in a video: none, left, right, up, down
SCALES = {"across": 0, "down": 1, "size": 2}  # that a picture's things have ranks on, by `ObjectTokens.ranks`' columns
TIMES = {"time": 0, "loudness": 1}  # that a sound's events have

Embed = Callable[[Tensor], Tensor]  # token numbers [...] to embeddings [..., D]
Scale = Callable[[Tensor], Tensor]  # coordinates in 0..1, or seconds, [n] to embeddings [n, D]


@dataclass(frozen=True)
class Scales:
    """How places and times become embeddings."""

    place: Scale
    time: Scale

    def box(self, corners: Tensor) -> tuple[Tensor, Tensor]:
        """y0 x0 y1 x1 to the corners' tokens, and the middle's y and x, for who is asked to point."""
        four, middle = self.place(torch.cat([corners, (corners[:2] + corners[2:]) / 2])).split([4, 2])
        return four, middle


def spelled(texts: Sequence[str], encode: Callable[[str], list[int]]) -> Tensor:
    """Tokens of each text, int32 [N, SLOTS], filled with NONE; a longer text is cut."""
    return torch.tensor([(encode(t) + [NONE] * SLOTS)[:SLOTS] for t in texts], dtype=torch.int32)


class Names(nn.Module):
    """Names in several languages: spelling [languages, names, SLOTS]."""

    def __init__(self, languages: int, names: int):
        super().__init__()
        self.register_buffer("spelling", torch.full((languages, names, SLOTS), NONE, dtype=torch.int32))
        self.spelling: Tensor

    def forward(self, numbers: Tensor, shares: Tensor, embed: Embed) -> list[Tensor]:
        """Rivals' numbers [R] and probabilities [R] to tokens [T, D] in each language, as the first is spelled."""
        rows = self.spelling[:, numbers.long()].long()  # [languages, R, SLOTS]
        there = rows != NONE
        weight = (shares / shares.sum().clamp(min=1e-6))[None, :, None] * there
        tokens = (embed(rows.clamp(min=0)).float() * weight[..., None]).sum(1)  # [languages, SLOTS, D]
        tokens = tokens / weight.sum(1).clamp(min=1e-6)[..., None]
        return [own[kept] for own, kept in zip(tokens, there[:, 0], strict=True)]


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

    def forward(self, numbers: Tensor, embed: Embed) -> Tensor:
        """Numbers of each kind, [K, kinds], to a digit each, [K, kinds, D]; past nine it is nine."""
        digits = embed(self.digits[numbers.clamp(max=DIGITS - 1)].long()).float()
        return digits + embed(self.words.long()).float() + self.kinds


class ObjectTokens(nn.Module):
    """Objects [K, 30] of a picture, left to right: a mark, then in each language colour, name, corners, ranks, colour,
    middle. The colour stands on both sides, since a name is asked for by its colour and a colour by its name.

    What is asked of a name stands right behind it, in either language, so that the language model finds it as it finds
    what followed a word before (Olsson et al. 2022, "In-context learning and induction heads").
    """

    RANKS: tuple[str, ...] = ("left", "above", "bigger")  # what is said of the first on each of SCALES

    def __init__(self, width: int, languages: int, names: int):
        super().__init__()
        self.names = Names(languages, names)
        self.ranking = Numerals(width, self.RANKS)
        self.register_buffer("colours", torch.zeros(COLOURS, dtype=torch.int32))
        self.colours: Tensor
        self.mark = nn.Parameter(torch.randn(2, width) * 0.1)  # a constant, and a slope over the score
        self.own = nn.Parameter(torch.randn(width) * 0.1)  # stands for "in its own colours"

    @staticmethod
    def boxes(objects: Tensor) -> Tensor:
        """What can be pointed at, [K, 4] as y0 x0 y1 x1."""
        return objects[:, BOX]

    @staticmethod
    def ranks(objects: Tensor) -> Tensor:
        """From the left, from the top, and from the largest, [K, 3]; by middles and areas of boxes."""
        low, high = objects[:, BOX].split(2, 1)
        down, across = (low + high).unbind(1)
        return ranked(torch.stack([across, down, -(high - low).prod(1)], 1))

    def forward(self, objects: Tensor, embed: Embed, scales: Scales) -> Tensor:
        """[K, 30] to tokens [T, D], float32."""
        tokens = []
        ranks = self.ranks(objects)
        digits = self.ranking(ranks, embed)
        for number in ranks[:, SCALES["across"]].argsort().tolist():
            row = objects[number]
            corners, middle = scales.box(row[BOX])
            where = torch.cat([corners, digits[number], self.colour(row[COLOUR], embed), middle])
            tokens += self.told(row, row[SCORE], row[COLOUR], where, embed)
        return torch.cat(tokens) if tokens else objects.new_zeros(0, self.own.shape[0])

    def told(self, row: Tensor, score: Tensor, colours: Tensor, where: Tensor, embed: Embed) -> list[Tensor]:
        """A thing whose rivals a row begins with, its colour by probabilities [9], and `where` [n, D] it is."""
        colour = self.colour(colours, embed)
        names = self.names(row[NUMBERS], row[CHANCES], embed)
        mark = (self.mark[0] + score * self.mark[1])[None]
        return [mark, *(part for name in names for part in (colour, name, where))]

    def colour(self, shares: Tensor, embed: Embed) -> Tensor:
        """Probabilities [9] to one token [1, D]."""
        return (shares @ torch.cat([self.own[None], embed(self.colours.long()).float()]))[None]


class TrackTokens(ObjectTokens):
    """Things [K, 36] followed through a video, by when they come: as objects, but start, end, first and last place,
    the way it goes, and its rank in time."""

    RANKS = ("first",)

    def __init__(self, width: int, languages: int, names: int):
        super().__init__(width, languages, names)
        self.ways = nn.Parameter(torch.randn(WAYS, width) * 0.1)

    @staticmethod
    def boxes(objects: Tensor) -> Tensor:
        """Of each thing the whole of its way, its first and its last place, [3 K, 4]."""
        first, last = objects[:, 18:22], objects[:, 22:26]
        way = torch.cat([torch.minimum(first[:, :2], last[:, :2]), torch.maximum(first[:, 2:], last[:, 2:])], 1)
        return torch.cat([way, first, last])

    @staticmethod
    def ranks(objects: Tensor) -> Tensor:
        """In the order in which they come, [K, 1]."""
        return ranked(objects[:, 16:17])

    @staticmethod
    def way(row: Tensor) -> int:
        """0 still, 1 left, 2 right, 3 up, 4 down: the larger of a thing's moves from its first place to its last."""
        down, across = ((row[22:24] + row[24:26] - row[18:20] - row[20:22]) / 2).tolist()
        if max(abs(down), abs(across)) < STILL:
            return 0
        return (2 if across > 0 else 1) if abs(across) > abs(down) else (4 if down > 0 else 3)

    def forward(self, objects: Tensor, embed: Embed, scales: Scales) -> Tensor:
        """[K, 36] to tokens [T, D], float32."""
        tokens = []
        ranks = self.ranks(objects)
        digits = self.ranking(ranks, embed)
        for number in ranks[:, 0].argsort().tolist():
            row = objects[number]
            moves = [self.ways[self.way(row)][None], digits[number]]
            where = torch.cat([scales.time(row[16:18]), scales.place(row[18:26]), *moves])
            tokens += self.told(row, row[26], row[27:36], where, embed)
        return torch.cat(tokens) if tokens else objects.new_zeros(0, self.own.shape[0])


class EventTokens(nn.Module):
    """Events [K, 40] of a sound, in time: a mark, loudness, then what was said, or in each language the sound's name,
    with start, end and its ranks behind it."""

    def __init__(self, width: int, languages: int, names: int, words: int):
        super().__init__()
        self.names = Names(languages, names)
        # Of Whisper's vocabulary, as `vocabulary.spell` makes it: words that begin, and words that follow.
        self.register_buffer("words", torch.full((2, words, WORD_SLOTS), NONE, dtype=torch.int32))
        self.words: Tensor
        self.mark = nn.Parameter(torch.randn(2, width) * 0.1)  # of a sound, and of speech
        self.level = nn.Parameter(torch.randn(2, width) * 0.1)  # a constant, and a slope over 10 dB
        self.ranking = Numerals(width, ("first", "louder"))  # as TIMES

    @staticmethod
    def boxes(events: Tensor) -> Tensor:
        """A sound has none, [0, 4]."""
        return events.new_zeros(0, 4)

    @staticmethod
    def ranks(events: Tensor) -> Tensor:
        """From the first, and from the loudest, [K, 2]."""
        return ranked(torch.stack([events[:, 1], -events[:, 3]], 1))

    def forward(self, events: Tensor, embed: Embed, scales: Scales) -> Tensor:
        """[K, 40] to tokens [T, D], float32."""
        tokens = []
        for row, digits in zip(events, self.ranking(self.ranks(events), embed), strict=True):
            said = row[4 : 4 + SAID].long()
            if row[0] > 0.5:
                said = said[said >= 0]
                spelling = self.words[(torch.arange(len(said)) > 0).long(), said].long()
                names = [embed(spelling[spelling != NONE]).float()]
            else:
                names = self.names(row[24:32], row[32:40], embed)
            when = torch.cat([scales.time(row[1:3]), digits])
            tokens.append((self.mark[0] * (1 - row[0]) + self.mark[1] * row[0])[None])
            tokens.append((self.level[0] + row[3] / 10 * self.level[1])[None])
            tokens += [part for name in names for part in (name, when)]
        return torch.cat(tokens) if tokens else events.new_zeros(0, self.mark.shape[1])


class LineTokens(nn.Module):
    """Lines of text [K, 44] in a picture, in reading order: a mark, the words, and the box.

    Of what is written under a thing in each language: the words, the thing's name, a colon, the words again, and the
    box, so that the one is found by the other.
    """

    def __init__(self, width: int, languages: int, names: int):
        super().__init__()
        self.names = Names(languages, names)
        self.register_buffer("colon", torch.zeros(1, dtype=torch.int32))
        self.colon: Tensor
        self.mark = nn.Parameter(torch.randn(width) * 0.1)

    @staticmethod
    def boxes(lines: Tensor) -> Tensor:
        """[K, 4] as y0 x0 y1 x1."""
        return lines[:, :4]

    def forward(self, lines: Tensor, embed: Embed, scales: Scales) -> Tensor:
        """[K, 44] (corners y0 x0 y1 x1, token numbers filled with -1, the owner's rivals and their probabilities, or
        zeros) to tokens [T, D], float32."""
        tokens = []
        colon = embed(self.colon.long()).float()
        for row in lines:
            numbers = row[4 : 4 + LINE_TOKENS].long()
            words, where = embed(numbers[numbers >= 0]).float(), torch.cat(scales.box(row[:4]))
            owner, chances = row[OWNER].split(RIVALS)
            owners = self.names(owner, chances, embed) if chances.any() else []
            tokens.append(self.mark[None])
            tokens += [part for name in owners for part in (words, name, colon, words, where)] or [words, where]
        return torch.cat(tokens) if tokens else lines.new_zeros(0, self.mark.shape[0])

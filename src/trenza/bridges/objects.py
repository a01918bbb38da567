"""Objects of pictures, and things followed through videos, as words."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trenza.bridges.perceived import (
    BOX,
    CHANCES,
    COLOUR,
    COLOURS,
    NONE,
    NUMBERS,
    RIVALS,
    SCALES,
    SCORE,
    STILL,
    TRACK_SPAN,
    Names,
    Numerals,
    Rows,
    Token,
    ranked,
)

ALIKE = 0.1  # of their names' probabilities that two things share which are called the same
SURE = 0.5  # of a name: two things that are each as sure of another one keep them
CHAIN = 3  # so many times doubled: things that are alike by way of seven others
EXTREMES = BIGGEST, SMALLEST = "biggest", "smallest"  # of a picture's things
RANKS = ("left", "above", "bigger", "more")  # what is said of the first on each of SCALES
ONLY = "only"  # before the name of what no other picture shows
FIRST, LAST = slice(18, 22), slice(22, 26)  # places of a track
TRACK_SCORE = 26
WAYS = ("still", "left", "right", "up", "down")  # of a thing in a video


class ObjectTokens(nn.Module):
    """Objects [K, 30] of a picture, left to right: a mark, then in each language colour, name, corners, colour, ranks,
    middle; of two or more the largest and the smallest once more, behind these words.

    The colour stands on both sides, since a name is asked for by its colour and a colour by its name. The name of what
    none of the other pictures shows has "only" before it in place of the colour.
    """

    def __init__(self, width: int, languages: int, names: int):
        super().__init__()
        self.names = Names(languages, names)
        self.ranking = Numerals(width, RANKS)
        self.colours = Names(languages, COLOURS)
        self.register_buffer("keys", torch.zeros(len(EXTREMES) + 1, dtype=torch.int32))  # EXTREMES and ONLY
        self.keys: Tensor
        self.mark = nn.Parameter(torch.randn(2, width) * 0.1)  # a constant, and a slope over the score
        self.own = nn.Parameter(torch.randn(width) * 0.1)  # stands for "in its own colours"

    @staticmethod
    def boxes(objects: Tensor) -> Tensor:
        """What can be pointed at, [K, 4] as y0 x0 y1 x1."""
        return objects[:, BOX]

    @staticmethod
    def ranks(objects: Tensor) -> Tensor:
        """From the left, from the top, from the largest, and how many of its name there are from it on to the right,
        [K, 4]; by middles and areas of boxes."""
        low, high = objects[:, BOX].split(2, 1)
        down, across = (low + high).unbind(1)
        places = ranked(torch.stack([across, down, -(high - low).prod(1)], 1))
        name, order = objects[:, 0], places[:, SCALES["across"]]
        more = ((name[None] == name[:, None]) & (order[None] >= order[:, None])).sum(1, keepdim=True)
        return torch.cat([places, more], 1)

    def learned(self) -> Tensor:
        """The rows of the table that are its own, [n, D]."""
        return torch.cat([self.mark, self.own[None], self.ranking.kinds])

    def tokens(self, objects: Tensor, rows: Rows, only: Sequence[bool]) -> list[Token]:
        """[K, 30] to tokens. only [K]: which are in no other picture."""
        tokens: list[Token] = []
        ranks, things = self.ranks(objects).tolist(), objects.tolist()
        keys: list[Token] = [[(key, 1.0)] for key in self.keys.tolist()]
        for number in sorted(range(len(things)), key=lambda i: ranks[i][SCALES["across"]]):
            row = things[number]
            corners, middle = rows.box(row[BOX])
            digits = self.ranking.tokens(ranks[number], rows.own + len(self.mark) + 1)
            tokens.append([(rows.own, 1.0), (rows.own + 1, row[SCORE]), (rows.medium, 1.0)])
            coloured = self.coloured(row[COLOUR], rows.own + len(self.mark))
            for name, colour in zip(self.named(row), coloured, strict=True):
                before = [keys[len(EXTREMES)]] if only[number] else colour
                tokens += [*before, *name, *corners, *colour, *digits, *middle]
        if len(things) > 1:
            sizes = [rank[SCALES["size"]] for rank in ranks]
            for key, number in zip(keys, (sizes.index(min(sizes)), sizes.index(max(sizes))), strict=False):
                corners, _ = rows.box(things[number][BOX])
                tokens += [part for name in self.named(things[number]) for part in (key, *name, *corners)]
        return tokens

    def named(self, row: Sequence[float]) -> list[list[Token]]:
        """A thing's name in each language, from the rivals that its row begins with."""
        return self.names.tokens(row[NUMBERS], row[CHANCES])

    def coloured(self, shares: Sequence[float], own: int) -> list[list[Token]]:
        """Probabilities [9] to its colour in each language; one token where its own colours, of row `own`, are
        likeliest."""
        itself, *painted = shares
        likeliest = sorted(range(COLOURS), key=lambda i: -painted[i])
        words = self.colours.tokens(likeliest, [painted[i] for i in likeliest])
        if itself < max(painted):
            return words
        return [[[(own, itself), *((token, (1 - itself) * share) for token, share in word[0])]] for word in words]


class TrackTokens(nn.Module):
    """Things [K, 36] followed through a video, by when they come: a mark, then in each language the way it goes, name,
    corners of all of its way, the way, its rank in time, start, end, corners of its last place."""

    def __init__(self, width: int, languages: int, names: int):
        super().__init__()
        self.names = Names(languages, names)
        self.ranking = Numerals(width, ("first",))
        self.ways = Names(languages, len(WAYS))
        self.mark = nn.Parameter(torch.randn(2, width) * 0.1)  # a constant, and a slope over the score

    @staticmethod
    def boxes(objects: Tensor) -> Tensor:
        """Of each thing the whole of its way, its first and its last place, [3 K, 4]."""
        first, last = objects[:, FIRST], objects[:, LAST]
        way = torch.cat([torch.minimum(first[:, :2], last[:, :2]), torch.maximum(first[:, 2:], last[:, 2:])], 1)
        return torch.cat([way, first, last])

    @staticmethod
    def ranks(objects: Tensor) -> Tensor:
        """In the order in which they come, [K, 1]."""
        return ranked(objects[:, TRACK_SPAN][:, :1])

    @staticmethod
    def way(row: Tensor) -> int:
        """Of WAYS: by the larger of a thing's moves from its first place to its last."""
        moved = row[LAST] - row[FIRST]
        down, across = ((moved[:2] + moved[2:]) / 2).tolist()
        if max(abs(down), abs(across)) < STILL:
            return 0
        return (2 if across > 0 else 1) if abs(across) > abs(down) else (4 if down > 0 else 3)

    def learned(self) -> Tensor:
        """As `ObjectTokens.learned`."""
        return torch.cat([self.mark, self.ranking.kinds])

    def tokens(self, objects: Tensor, rows: Rows) -> list[Token]:
        """[K, 36] to tokens."""
        tokens: list[Token] = []
        ranks = self.ranks(objects).tolist()
        for number in sorted(range(len(objects)), key=lambda i: ranks[i][0]):
            row = objects[number].tolist()
            there = [rows.place(v) for v in self.boxes(objects[number][None])[0].tolist()]
            digits = self.ranking.tokens(ranks[number], rows.own + len(self.mark))
            where = [*digits, *map(rows.time, row[TRACK_SPAN]), *map(rows.place, row[LAST])]
            ways = self.ways.tokens([self.way(objects[number])], [1.0])
            tokens.append([(rows.own, 1.0), (rows.own + 1, row[TRACK_SCORE]), (rows.medium, 1.0)])
            for name, way in zip(self.named(row), ways, strict=True):
                tokens += [*way, *name, *there, *way, *where]
        return tokens

    def named(self, row: Sequence[float]) -> list[list[Token]]:
        """As `ObjectTokens.named`."""
        return self.names.tokens(row[NUMBERS], row[CHANCES])


def only_here(pictures: list[Tensor]) -> list[Tensor]:
    """Of each picture's objects [K, 30] whether no other picture shows their like, bool [K]; none where it is alone."""
    if len(pictures) < 2:
        return [torch.zeros(len(rows), dtype=torch.bool) for rows in pictures]
    found = []
    for number, rows in enumerate(pictures):
        others = torch.cat([other for i, other in enumerate(pictures) if i != number])
        found.append(~alike(rows, others).any(1))
    return found


def agreed(objects: Tensor) -> Tensor:
    """Objects [K, 30] of which those that are alike have one name, from the mean of their rivals.

    Things of one kind are drawn alike, and each by itself may be taken for something else.
    """
    near = alike(objects, objects)
    for _ in range(CHAIN):
        near = near.float() @ near.float() > 0  # so is what is like the same
    made = objects.clone()
    for i, kin in enumerate(near):
        if kin.sum() > 1:
            numbers, place = objects[kin][:, NUMBERS].unique(return_inverse=True)
            chances = torch.zeros(len(numbers)).index_add(0, place.flatten(), objects[kin][:, CHANCES].flatten())
            best = chances.argsort(descending=True)[:RIVALS]
            made[i, NUMBERS], made[i, CHANCES] = float(NONE), 0.0
            made[i, : len(best)] = numbers[best]
            made[i, RIVALS : RIVALS + len(best)] = chances[best] / kin.sum()
    return made


def alike(some: Tensor, others: Tensor) -> Tensor:
    """Of objects [K, 30] and [L, 30] which may be of one kind, bool [K, L]: their names share probability, and they
    aren't sure of different ones."""
    same = some[:, None, NUMBERS, None] == others[None, :, None, NUMBERS]
    both = torch.minimum(some[:, None, CHANCES, None], others[None, :, None, CHANCES])
    shared = (same * both).sum((2, 3))
    surer = torch.minimum(some[:, None, RIVALS], others[None, :, RIVALS])
    return (shared > ALIKE) & ((some[:, None, 0] == others[None, :, 0]) | (surer < SURE))

"""Objects of pictures, and things followed through videos, as words."""

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
    Embed,
    Names,
    Numerals,
    Scales,
    ranked,
)

ALIKE = 0.1  # of their names' probabilities that two things share which are called the same
SURE = 0.5  # of a name: two things that are each as sure of another one keep them
CHAIN = 3  # so many times doubled: things that are alike by way of seven others
EXTREMES = BIGGEST, SMALLEST = "biggest", "smallest"  # of a picture's things
RANKS = ("left", "above", "bigger", "more")  # what is said of the first on each of SCALES
ONLY = "only"  # before the name of what no other picture shows
TRACK_SPAN, FIRST, LAST = slice(16, 18), slice(18, 22), slice(22, 26)
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

    def forward(self, objects: Tensor, embed: Embed, scales: Scales, medium: Tensor, only: Tensor) -> Tensor:
        """[K, 30] to tokens [T, D], float32. medium: what evidence in this picture begins with, [D], which each mark
        is told. only [K]: which are in no other picture."""
        tokens = []
        ranks = self.ranks(objects)
        digits = self.ranking(ranks, embed)
        keys = embed(self.keys.long()).float()[:, None]
        for number in ranks[:, SCALES["across"]].argsort().tolist():
            row = objects[number]
            corners, middle = scales.box(row[BOX])
            tokens.append((self.mark[0] + row[SCORE] * self.mark[1] + medium)[None])
            for name, colour in zip(self.named(row, embed), self.coloured(row[COLOUR], embed), strict=True):
                before = keys[len(EXTREMES)] if only[number] else colour
                tokens += [before, name, corners, colour, digits[number], middle]
        if len(objects) > 1:
            sizes = ranks[:, SCALES["size"]]
            for key, number in zip(keys, (sizes.argmin(), sizes.argmax()), strict=False):
                corners, _ = scales.box(objects[number, BOX])
                tokens += [part for name in self.named(objects[number], embed) for part in (key, name, corners)]
        return torch.cat(tokens) if tokens else objects.new_zeros(0, self.own.shape[0])

    def named(self, row: Tensor, embed: Embed) -> list[Tensor]:
        """A thing's name in each language, from the rivals that its row begins with."""
        return self.names(row[NUMBERS], row[CHANCES], embed)

    def coloured(self, shares: Tensor, embed: Embed) -> list[Tensor]:
        """Probabilities [9] to its colour in each language; one token where its own colours are likeliest."""
        own, painted = shares[0], shares[1:]
        likeliest = painted.argsort(descending=True)
        words = self.colours(likeliest, painted[likeliest], embed)
        return [(own * self.own + (1 - own) * word[0])[None] if shares.argmax() == 0 else word for word in words]


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

    def forward(self, objects: Tensor, embed: Embed, scales: Scales, medium: Tensor, only: Tensor) -> Tensor:
        """[K, 36] to tokens [T, D], float32."""
        tokens = []
        ranks = self.ranks(objects)
        digits = self.ranking(ranks, embed)
        for number in ranks[:, 0].argsort().tolist():
            row = objects[number]
            there = scales.place(self.boxes(row[None])[0])
            where = torch.cat([digits[number], scales.time(row[TRACK_SPAN]), scales.place(row[LAST])])
            ways = self.ways(torch.tensor([self.way(row)]), torch.ones(1), embed)
            tokens.append((self.mark[0] + row[TRACK_SCORE] * self.mark[1] + medium)[None])
            for name, way in zip(self.names(row[NUMBERS], row[CHANCES], embed), ways, strict=True):
                tokens += [way, name, there, way, where]
        return torch.cat(tokens) if tokens else objects.new_zeros(0, self.mark.shape[1])


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

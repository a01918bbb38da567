"""Events of sounds, and what was said, as words."""

from collections.abc import Sequence
from math import inf

import torch
from torch import Tensor, nn

from trenza.bridges.perceived import FRAMES, NONE, SAID, TIMES, TRACK_SPAN, Names, Numerals, Rows, Token, ranked
from trenza.bridges.vocabulary import SLOTS

LOUD = "loud"  # before the name of the loudest of several: one token, as its kin aren't
BESIDE = "with"  # before the name of the thing that comes or goes as a sound of a film starts
AT_ONCE = 0.35  # seconds between the two at most in a short film


class EventTokens(nn.Module):
    """Events [K, 40] of a sound, in time: a mark, loudness, then what was said, or in each language the sound's name,
    with start, end and its ranks behind it; the loudest of several has that word before its name. Of a film, each is
    told what comes or goes as it starts."""

    def __init__(self, width: int, languages: int, names: int, words: int):
        super().__init__()
        self.names = Names(languages, names)
        # Of Whisper's vocabulary, as `vocabulary.spell` makes it: words that begin, and words that follow.
        self.register_buffer("words", torch.full((2, words, SLOTS), NONE, dtype=torch.int32))
        self.words: Tensor
        self.mark = nn.Parameter(torch.randn(2, width) * 0.1)  # of a sound, and of speech
        self.level = nn.Parameter(torch.randn(2, width) * 0.1)  # a constant, and a slope over 10 dB
        self.ranking = Numerals(width, ("first", "louder", "more"))  # as TIMES
        self.register_buffer("loudest", torch.zeros(1, dtype=torch.int32))
        self.loudest: Tensor
        self.register_buffer("beside", torch.zeros(1, dtype=torch.int32))
        self.beside: Tensor

    @staticmethod
    def boxes(events: Tensor) -> Tensor:
        """A sound has none, [0, 4]."""
        return events.new_zeros(0, 4)

    @staticmethod
    def ranks(events: Tensor) -> Tensor:
        """From the first, from the loudest, and how many of its name there are from it on, [K, 3]."""
        spoken = events[:, :1] > 0.5
        name = torch.where(spoken, events[:, 4 : 4 + SAID], events[:, 4 + SAID : 5 + SAID])
        places = ranked(torch.stack([events[:, 1], -events[:, 3]], 1))
        same = (name[None] == name[:, None]).all(2) & (spoken[None] == spoken[:, None])[..., 0]
        more = (same & (places[None, :, 0] >= places[:, None, 0])).sum(1, keepdim=True)
        return torch.cat([places, more], 1)

    def learned(self) -> Tensor:
        """As `ObjectTokens.learned`."""
        return torch.cat([self.mark, self.level, self.ranking.kinds])

    def tokens(self, events: Tensor, rows: Rows, things: Sequence[list[list[Token]]]) -> list[Token]:
        """[K, 40] to tokens. things [K]: of a film the name in each language of what comes or goes with it, or none."""
        tokens: list[Token] = []
        level = rows.own + len(self.mark)
        ranks, heard = self.ranks(events).tolist(), events.tolist()
        loudest: Token = [(int(self.loudest), 1.0)]
        beside: Token = [(int(self.beside), 1.0)]
        for own, row, called in zip(ranks, heard, things, strict=True):
            if row[0] > 0.5:
                said = [int(number) for number in row[4 : 4 + SAID] if number >= 0]
                spelled = [self.words[int(i > 0), number].tolist() for i, number in enumerate(said)]
                names = [[[(token, 1.0)] for word in spelled for token in word if token != NONE]]
            else:
                names = self.names.tokens(row[24:32], row[32:40])
            digits = self.ranking.tokens(own, level + len(self.level))
            when = [*map(rows.time, row[1:3]), *digits]
            tokens.append([(rows.own, 1 - row[0]), (rows.own + 1, row[0]), (rows.medium, 1.0)])
            tokens.append([(level, 1.0), (level + 1, row[3] / 10)])
            key = [loudest] if own[TIMES["loudness"]] == 1 and len(heard) > 1 else []
            for number, name in enumerate(names):
                others = called[number : number + 1] if len(names) > 1 else called  # what was said has one language
                tokens += [*key, *name, *when, *(part for other in others for part in (beside, *other))]
        return tokens


def at_once(events: Tensor, tracks: Tensor) -> list[int | None]:
    """Of a film's events [K, 40], which of its things [L, 36] comes or goes as each starts; None where none does."""
    found: list[int | None] = []
    heard = float(events[:, 2].max()) if len(events) else 0.0
    seconds = max([heard, *tracks[:, TRACK_SPAN][:, 1].tolist()])
    close = max(AT_ONCE, seconds / FRAMES)  # of a long film, what comes is seen that much later
    for start in events[:, 1].tolist():
        near = {}
        for number, (comes, goes) in enumerate(tracks[:, TRACK_SPAN].tolist()):
            # At 0 nothing comes, and what is there when the last sound has ended went with none: mostly it is the end.
            times = [comes] * (comes > 0) + [goes] * (goes < heard)
            near[number] = min((abs(at - start) for at in times), default=inf)
        nearest = min(near, key=lambda number: near[number], default=None)
        found.append(nearest if nearest is not None and near[nearest] <= close else None)
    return found

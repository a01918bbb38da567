"""Events of sounds, and what was said, as words."""

import torch
from torch import Tensor, nn

from trenza.bridges.perceived import NONE, SAID, TIMES, Embed, Names, Numerals, Scales, ranked
from trenza.bridges.vocabulary import SLOTS

LOUD = "loud"  # before the name of the loudest of several: one token, as its kin aren't


class EventTokens(nn.Module):
    """Events [K, 40] of a sound, in time: a mark, loudness, then what was said, or in each language the sound's name,
    with start, end and its ranks behind it; the loudest of several has that word before its name."""

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

    def forward(self, events: Tensor, embed: Embed, scales: Scales, medium: Tensor, only: Tensor) -> Tensor:
        """[K, 40] to tokens [T, D], float32. medium: as for objects, [D]."""
        tokens = []
        ranks = self.ranks(events)
        loudest = embed(self.loudest.long()).float()
        for row, own, digits in zip(events, ranks, self.ranking(ranks, embed), strict=True):
            said = row[4 : 4 + SAID].long()
            if row[0] > 0.5:
                said = said[said >= 0]
                spelling = self.words[(torch.arange(len(said)) > 0).long(), said].long()
                names = [embed(spelling[spelling != NONE]).float()]
            else:
                names = self.names(row[24:32], row[32:40], embed)
            when = torch.cat([scales.time(row[1:3]), digits])
            tokens.append((self.mark[0] * (1 - row[0]) + self.mark[1] * row[0] + medium)[None])
            tokens.append((self.level[0] + row[3] / 10 * self.level[1])[None])
            key = [loudest] if own[TIMES["loudness"]] == 1 and len(events) > 1 else []
            tokens += [part for name in names for part in (*key, name, when)]
        return torch.cat(tokens) if tokens else events.new_zeros(0, self.mark.shape[1])

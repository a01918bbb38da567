"""Lines of text in pictures, as words."""

import torch
from torch import Tensor, nn

from trenza.bridges.perceived import LINE_TOKENS, OWNER, RIVALS, Embed, Names, Scales


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

    def forward(self, lines: Tensor, embed: Embed, scales: Scales, medium: Tensor, only: Tensor) -> Tensor:
        """[K, 44] (corners y0 x0 y1 x1, token numbers filled with -1, the owner's rivals and their probabilities, or
        zeros) to tokens [T, D], float32. medium: as for objects, [D]."""
        tokens = []
        colon = embed(self.colon.long()).float()
        for row in lines:
            numbers = row[4 : 4 + LINE_TOKENS].long()
            words, where = embed(numbers[numbers >= 0]).float(), torch.cat(scales.box(row[:4]))
            owner, chances = row[OWNER].split(RIVALS)
            owners = self.names(owner, chances, embed) if chances.any() else []
            tokens.append((self.mark + medium)[None])
            tokens += [part for name in owners for part in (words, name, colon, words, where)] or [words, where]
        return torch.cat(tokens) if tokens else lines.new_zeros(0, self.mark.shape[0])

"""Lines of text in pictures, as words."""

import torch
from torch import Tensor, nn

from trenza.bridges.perceived import LINE_TOKENS, OWNER, RIVALS, Names, Rows, Token


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

    def learned(self) -> Tensor:
        """As `ObjectTokens.learned`."""
        return self.mark[None]

    def tokens(self, lines: Tensor, rows: Rows) -> list[Token]:
        """[K, 44] (corners y0 x0 y1 x1, token numbers filled with -1, the owner's rivals and their probabilities, or
        zeros) to tokens."""
        tokens: list[Token] = []
        colon: Token = [(int(self.colon), 1.0)]
        for row in lines.tolist():
            words: list[Token] = [[(int(t), 1.0)] for t in row[4 : 4 + LINE_TOKENS] if t >= 0]
            where = [part for both in rows.box(row[:4]) for part in both]
            owner = row[OWNER]
            owners = self.names.tokens(owner[:RIVALS], owner[RIVALS:]) if any(owner[RIVALS:]) else []
            tokens.append([(rows.own, 1.0), (rows.medium, 1.0)])
            tokens += [part for n in owners for part in (*words, *n, colon, *words, *where)] or [*words, *where]
        return tokens

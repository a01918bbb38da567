"""The words of a speech decoder, spelled in a language model's tokens."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

SLOTS = 4  # tokens of the language model for one word; more than 99% of words need no more
NONE = -1


def spell(words: Sequence[str], encode: Callable[[str], list[int]]) -> Tensor:
    """int32 [2, V, SLOTS], the language model's tokens for each word of the decoder, filled with NONE.

    Row 0 spells a word that begins an answer (without the space before it), row 1 one that follows. encode: text to the
    language model's tokens.
    """
    rows = [
        [(encode(text) + [NONE] * SLOTS)[:SLOTS] for text in texts]
        for texts in ([word.lstrip() for word in words], words)
    ]
    return torch.tensor(rows, dtype=torch.int32)

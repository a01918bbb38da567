"""The one place where words and media become one sequence (LLaVA, Liu et al. 2023, figure 1).

A prompt is a list of pieces in reading order: token numbers, or the finished tokens of a medium.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Piece = list[int] | Tensor  # token numbers, or media tokens [T, D]


def splice(embed: Callable[[Tensor], Tensor], pieces: Sequence[Piece]) -> Tensor:
    """Pieces in order to one packed sequence [T, D], in the type of what `embed` makes of token numbers."""
    words = torch.tensor([t for p in pieces if isinstance(p, list) for t in p], dtype=torch.long)
    embedded = embed(words)
    parts = iter(embedded.split([len(p) for p in pieces if isinstance(p, list)]))
    return torch.cat([next(parts) if isinstance(p, list) else p.to(embedded.dtype) for p in pieces])

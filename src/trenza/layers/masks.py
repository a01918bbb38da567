"""Attention masks, boolean, True where a query may look: [B or 1, 1, T, S]."""

import torch
from torch import Tensor


def causal(queries: int, past: int = 0, window: int | None = None) -> Tensor:
    """Each of `queries` tokens sees the `past` ones before them, itself and what stands before it.

    `window` (Mistral 7B, section 2): only the last so many tokens, itself counted.
    """
    query = torch.arange(past, past + queries)[:, None]
    key = torch.arange(past + queries)[None, :]
    mask = key <= query
    if window is not None:
        mask &= key > query - window
    return mask[None, None]


def packed(documents: Tensor, window: int | None = None) -> Tensor:
    """Causal inside each document: `documents` [B, T] holds a number for each token's document."""
    same = documents[:, :, None] == documents[:, None, :]  # [B, T, T]
    return same[:, None] & causal(documents.shape[1], window=window)


def padded(lengths: Tensor, size: int) -> Tensor:
    """Keys below each row's length [B] may be seen by all queries: [B, 1, 1, size]."""
    return (torch.arange(size)[None] < lengths[:, None])[:, None, None]

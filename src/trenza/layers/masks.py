"""Attention masks, boolean, True where a query may look: [B or 1, 1, T, S]."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
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


def tree(trunk: int, branches: Sequence[int]) -> Tensor:
    """Causal, but tokens of one branch don't see those of another: [L, L] for a trunk and branches behind it.

    So several questions of one picture pay for its tokens once, and none is answered from another's answer.
    """
    branch = torch.cat([torch.full((n,), i) for i, n in enumerate((trunk, *branches))])
    sees = (branch[:, None] == branch[None]) | (branch == 0)[None]
    return sees & causal(len(branch))[0, 0]


@dataclass(frozen=True)
class Packed:
    """Documents behind one another in one row without padding, each attending only within itself.

    masks: [L, L] of a document, or None where it is plainly causal.
    """

    lengths: list[int]
    masks: list[Tensor | None]

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Queries, keys and values [1, H, T, E] to [1, H, T, E]; T is the sum of the lengths."""
        attend = _plain if q.requires_grad else _fused
        parts = zip(*(x.split(self.lengths, 2) for x in (q, k, v)), self.masks, strict=True)
        return torch.cat([attend(q, k, v, mask) for q, k, v, mask in parts], 2)


def _fused(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=mask is None)


def _plain(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """The same step by step: on CPU torch's fused backward pass takes longer for documents of hundreds of tokens."""
    sees = causal(q.shape[2])[0, 0] if mask is None else mask
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return scores.masked_fill(~sees, torch.finfo(scores.dtype).min).softmax(-1) @ v


def prefix(lengths: Tensor, size: int) -> Tensor:
    """The first `lengths` [B] tokens of a row see each other both ways, those behind them are causal: [B, 1, T, T].

    The prefix-LM of T5 (Raffel et al. 2020, section 3.2.1).
    """
    return causal(size) | padded(lengths, size)

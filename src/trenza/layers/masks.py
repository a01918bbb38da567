"""Attention masks, boolean, True where a query may look: [B or 1, 1, T, S]."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

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

    trunks: how long each document's trunk is, which all its branches follow. branches: how long those are, see `tree`.
    """

    trunks: list[int]
    branches: list[list[int]]

    @cached_property
    def lengths(self) -> list[int]:
        return [trunk + sum(own) for trunk, own in zip(self.trunks, self.branches, strict=True)]

    @cached_property
    def masks(self) -> list[Tensor | None]:
        """[L, L] of each document, or None where it is plainly causal."""
        both = zip(self.trunks, self.branches, strict=True)
        return [tree(trunk, own) if len(own) > 1 else None for trunk, own in both]

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Queries, keys and values [1, H, T, E] to [1, H, T, E]; T is the sum of the lengths."""
        if q.device.type != "cpu":
            return self._side_by_side(q, k, v)
        attend = _plain if q.requires_grad else _fused
        parts = zip(*(x.split(self.lengths, 2) for x in (q, k, v)), self.masks, strict=True)
        return torch.cat([attend(q, k, v, mask) for q, k, v, mask in parts], 2)

    def _side_by_side(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Documents of about one length at once: an accelerator takes longer to be told of one than to compute it."""
        made = []
        groups, back = self._groups[q.device]
        for place, sees, kept in groups:
            q_, k_, v_ = (x[0][:, place].transpose(0, 1) for x in (q, k, v))  # [N, H, L, E]
            made.append(F.scaled_dot_product_attention(q_, k_, v_, sees).transpose(0, 1).flatten(1, 2)[:, kept])
        return torch.cat(made, 1)[:, back][None]

    @cached_property
    def _groups(self) -> "_Groups":
        return _Groups(self)


Group = tuple[Tensor, Tensor, Tensor]  # places [N, L] in the row, what sees what [N, 1, L, L], which of N x L are true


class _Groups(dict):
    """By device, the groups of a packed row and the way back from their tokens to the row's. Made once a row."""

    def __init__(self, packed: Packed):
        super().__init__()
        self.packed = packed

    def __missing__(self, device: torch.device) -> tuple[list[Group], Tensor]:
        lengths = self.packed.lengths
        begin = [0, *accumulate(lengths)]
        groups: list[Group] = []
        order: list[int] = []
        for some in _alike(lengths):
            size = -(-max(lengths[i] for i in some) // 8) * 8  # what fused kernels take without copying
            place = torch.zeros(len(some), size, dtype=torch.long)
            branch = torch.full((len(some), size), -1)
            for row, i in enumerate(some):
                place[row, : lengths[i]] = torch.arange(begin[i], begin[i + 1])
                sizes = torch.tensor([self.packed.trunks[i], *self.packed.branches[i]])
                branch[row, : lengths[i]] = torch.arange(len(sizes)).repeat_interleave(sizes)
                order += range(begin[i], begin[i + 1])
            kept = (branch >= 0).flatten().nonzero()[:, 0].to(device)
            there = branch.to(device)
            sees = (there[:, :, None] == there[:, None]) | (there[:, None] == 0)
            sees &= causal(size)[0].to(device)
            sees[:, :, 0] = True  # what stands for nothing sees something, so that it is a number
            groups.append((place.to(device), sees[:, None], kept))
        self[device] = groups, torch.tensor(order).argsort().to(device)
        return self[device]


def _alike(lengths: Sequence[int]) -> list[list[int]]:
    """Documents in groups, from the longest, of lengths that differ by a fifth at most."""
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if groups and lengths[i] >= 0.8 * lengths[groups[-1][0]]:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


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

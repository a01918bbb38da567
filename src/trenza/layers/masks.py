"""Attention masks, boolean, True where a query may look: [B or 1, 1, T, S]."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    return _sees(_numbered(trunk, branches)[None])[0, 0]


def tree_positions(trunk: int, branches: Sequence[int]) -> Tensor:
    """Positions [L] of a trunk and of branches that all follow it."""
    return torch.cat([torch.arange(trunk), *(torch.arange(trunk, trunk + size) for size in branches)])


def _numbered(trunk: int, branches: Sequence[int]) -> Tensor:
    """The number of each token's branch [L], 0 in the trunk."""
    sizes = torch.tensor([trunk, *branches])
    return torch.arange(len(sizes)).repeat_interleave(sizes)


@dataclass(frozen=True)
class Packed:
    """Documents behind one another in one row without padding, each attending only within itself.

    trunks: how long each document's trunk is, which all its branches follow. branches: how long those are, see `tree`.
    beside: by device, how the documents stand side by side there; made at the first layer.
    """

    trunks: list[int]
    branches: list[list[int]]
    beside: dict[torch.device, "_SideBySide"] = field(default_factory=dict, init=False, repr=False, compare=False)

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
        if q.device not in self.beside:  # once a row, not once a layer
            self.beside[q.device] = _side_by_side(self, q.device)
        beside = self.beside[q.device]
        packed = torch.stack([q[0], k[0], v[0]])
        padded = _Moved.apply(packed, 2, beside.places, beside.back, None)  # [3, H, all of all groups, E]
        made = []
        for sees, part in zip(
            beside.sees, padded.split([s.shape[0] * s.shape[-1] for s in beside.sees], 2), strict=True
        ):
            q_, k_, v_ = part.unflatten(2, (len(sees), -1)).transpose(1, 2)  # [N, H, L, E]
            made.append(F.scaled_dot_product_attention(q_, k_, v_, sees).transpose(0, 1).flatten(1, 2))
        return _Moved.apply(torch.cat(made, 1), 1, beside.back, beside.places, beside.there)[None]  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class _SideBySide:
    """Documents in groups, each padded to its longest. places: of all tokens of all groups in the row; back: where each
    of the row's tokens stands among those; there: which of them are the row's; sees [N, 1, L, L] of each group."""

    places: Tensor
    back: Tensor
    there: Tensor
    sees: list[Tensor]


class _Moved(torch.autograd.Function):
    """Tokens along a dimension to other places, and gradients back the same way.

    Padding gives none, so both ways are gatherings; torch's own way back adds up, all padding in one place, which takes
    an accelerator longer than the rest of the step. there: of the places that are moved from, those that count.
    """

    @staticmethod
    def forward(ctx, tokens: Tensor, dim: int, places: Tensor, back: Tensor, there: Tensor | None) -> Tensor:
        ctx.dim = dim
        ctx.save_for_backward(back, there)
        return tokens.index_select(dim, places)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        back, there = ctx.saved_tensors
        moved = gradient.index_select(ctx.dim, back)
        if there is not None:
            moved = moved * there[:, None]
        return moved, None, None, None, None


def _side_by_side(packed: Packed, device: torch.device) -> _SideBySide:
    lengths = packed.lengths
    begin = [0, *accumulate(lengths)]
    places: list[Tensor] = []
    branches: list[Tensor] = []
    for some in _alike(lengths):
        size = -(-max(lengths[i] for i in some) // 8) * 8  # what fused kernels take without copying
        place, branch = torch.zeros(len(some), size, dtype=torch.long), torch.full((len(some), size), -1)
        for row, i in enumerate(some):
            place[row, : lengths[i]] = torch.arange(begin[i], begin[i + 1])
            branch[row, : lengths[i]] = _numbered(packed.trunks[i], packed.branches[i])
        places.append(place.flatten())
        branches.append(branch)
    every, there = torch.cat(places), torch.cat([branch.flatten() for branch in branches]) >= 0
    back = there.nonzero()[:, 0][every[there].argsort()]
    sees = [_sees(branch.to(device)) for branch in branches]
    return _SideBySide(every.to(device), back.to(device), there.to(device), sees)


def _sees(branch: Tensor) -> Tensor:
    """As `tree`, of documents [N, L] told by each token's branch, 0 in the trunk, -1 behind the end: [N, 1, L, L]."""
    size = branch.shape[1]
    sees = (branch[:, :, None] == branch[:, None]) | (branch[:, None] == 0)
    sees &= torch.ones(size, size, dtype=torch.bool, device=branch.device).tril()
    sees[:, :, 0] |= branch == -1  # what stands for nothing sees something, so that it is a number
    return sees[:, None]


def _alike(lengths: Sequence[int]) -> list[list[int]]:
    """Documents in groups, from the longest, of lengths that differ by a third at most."""
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if groups and 3 * lengths[i] >= 2 * lengths[groups[-1][0]]:
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

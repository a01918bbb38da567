"""Attention, self and cross, with grouped key/value heads (Ainslie et al. 2023)."""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from trenza.layers.cache import KVCache
from trenza.layers.masks import Packed
from trenza.layers.rope import rotate


class Attention(nn.Module):
    """`bias` names the projections that have one: "qkvo" in CLIP, "qvo" in Whisper, "qkv" in Qwen2.

    `qk_norm` makes the norm of queries or keys [B, heads, T, E], given their number of heads.
    """

    def __init__(
        self, width: int, heads: int, kv_heads: int | None = None, head_width: int | None = None,
        bias: str = "", qk_norm: Callable[[int], nn.Module] | None = None, context: int | None = None,
    ):  # fmt: skip
        """`context` is the width of what keys and values are made from, where it isn't `width`."""
        super().__init__()
        self.heads, self.kv_heads = heads, kv_heads or heads
        self.head_width = head_width or width // heads
        inner, kv_inner = self.heads * self.head_width, self.kv_heads * self.head_width
        self.q = nn.Linear(width, inner, bias="q" in bias)
        self.k = nn.Linear(context or width, kv_inner, bias="k" in bias)
        self.v = nn.Linear(context or width, kv_inner, bias="v" in bias)
        self.out = nn.Linear(inner, width, bias="o" in bias)
        self.q_norm = qk_norm(self.heads) if qk_norm else nn.Identity()
        self.k_norm = qk_norm(self.kv_heads) if qk_norm else nn.Identity()

    def _heads(self, x: Tensor, heads: int) -> Tensor:
        return x.unflatten(-1, (heads, self.head_width)).transpose(1, 2)  # [B, heads, T, E]

    def keys_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [B, K, S, E] of a context [B, S, D], before any rotation."""
        keys = self.k_norm(self._heads(self.k(context), self.kv_heads))
        return keys, self._heads(self.v(context), self.kv_heads)

    def forward(
        self, x: Tensor, mask: Tensor | Packed | None = None, angles: tuple[Tensor, Tensor] | None = None,
        cache: KVCache | None = None, layer: int = 0,
        context: Tensor | tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:  # fmt: skip
        """x [B, T, D] attends to itself (and the cache), or to a context [B, S, D] or its keys and values."""
        q = self.q_norm(self._heads(self.q(x), self.heads))
        if isinstance(context, tuple):
            k, v = context
        else:
            k, v = self.keys_values(x if context is None else context)
        if angles is not None:
            q, k = rotate(q, angles), rotate(k, angles)
        if cache is not None:
            k, v = cache.store(layer, k, v)
        group = self.heads // self.kv_heads
        attend = mask.attend if isinstance(mask, Packed) else partial(F.scaled_dot_product_attention, attn_mask=mask)
        if group > 1 and x.shape[1] == 1 and not isinstance(mask, Packed):
            # The heads of a group ask side by side, as if they were tokens: for one token that is the same, it copies
            # no keys, and PyTorch is slow at a single query in bfloat16 on a CPU.
            y = attend(q.unflatten(1, (self.kv_heads, group)).flatten(2, 3), k, v).view_as(q)
        else:
            y = attend(q, *(t.repeat_interleave(group, 1) for t in (k, v)) if group > 1 else (k, v))  # [B, H, T, E]
        return self.out(y.transpose(1, 2).flatten(2))

"""Gated cross-attention: what lets a frozen language model look, opening from nothing (Flamingo, section 3.1.2).

A block of its own stands before some of the language model's: cross-attention to the media and a feed-forward,
each behind tanh(gate). The gates start at zero, so that at the start the language model answers as it always did.
"""

import torch
from torch import Tensor, nn

from trenza.layers.block import BlockConfig
from trenza.layers.mlp import GatedMLP


class GatedCrossAttention(nn.Module):
    """`media` is the width of what is read. `gate`: 1 for one gate, or the width for one a channel."""

    def __init__(self, config: BlockConfig, media: int, gate: int = 1):
        super().__init__()
        self.attention_norm = config.make_norm()
        self.attention = config.make_attention(media)
        self.attention_gate = nn.Parameter(torch.zeros(gate))
        self.mlp_norm = config.make_norm()
        self.mlp = GatedMLP(config.width, config.inner, config.activation)
        self.mlp_gate = nn.Parameter(torch.zeros(gate))

    def forward(self, x: Tensor, media: tuple[Tensor, Tensor] | None, mask: Tensor) -> Tensor:
        """x [B, T, D] reads keys and values [B, K, S, E] of media where the mask [B, 1, T, S] is True.

        A token that sees no medium reads nothing. `media` is None where there is none at all.
        """
        if media is not None:
            blind = ~mask.any(-1, keepdim=True)  # [B, 1, T, 1]; a softmax over nothing isn't defined
            read = self.attention(self.attention_norm(x), mask | blind, context=media)
            x = x + self.attention_gate.tanh() * read.masked_fill(blind[:, 0], 0)
        return x + self.mlp_gate.tanh() * self.mlp(self.mlp_norm(x))

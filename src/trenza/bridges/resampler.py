"""Perceiver resampler: any number of features in, a fixed number of tokens out.

Alayrac et al. 2022 (Flamingo), section 2.1 and figure 5. As in the paper the latents look at the
features and at themselves; here in two attentions, one after the other, in place of one over both.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trenza.layers.block import Block, BlockConfig


@dataclass(frozen=True)
class ResamplerConfig:
    features: int  # width of what comes in
    width: int  # of the resampler's own blocks
    out: int  # of the language model
    latents: int
    layers: int = 2
    heads: int = 4
    positions: int = 0  # learned positions for up to so many features; 0 where the tower has its own


class Resampler(nn.Module):
    def __init__(self, config: ResamplerConfig):
        super().__init__()
        self.config = config
        self.enter = nn.Sequential(nn.LayerNorm(config.features), nn.Linear(config.features, config.width))
        self.positions = nn.Parameter(torch.randn(config.positions, config.width) * 0.02)
        self.latents = nn.Parameter(torch.randn(config.latents, config.width))
        block = BlockConfig(config.width, config.heads, config.width * 4, cross=True)
        self.blocks = nn.ModuleList(Block(block) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.leave = nn.Linear(config.width, config.out)

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Features [B, S, features] to tokens [B, latents, out]; mask [B, 1, 1, S] is True where real."""
        context = self.enter(features)
        if self.config.positions:
            context = context + self.positions[: features.shape[1]]
        x = self.latents.expand(len(features), -1, -1)
        for block in self.blocks:
            x = block(x, context=context, context_mask=mask)
        return self.leave(self.norm(x))

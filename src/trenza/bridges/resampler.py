"""The Perceiver resampler: any number of features, of one picture or many frames, to a fixed number of latents.

Alayrac et al. 2022 (Flamingo, section 3.1.1 and figure 5): learned latents read the features and themselves, layer
after layer. Each frame's features carry a learned embedding of its time.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trenza.bridges.inputs import Inputs, InputsConfig
from trenza.layers.attention import Attention
from trenza.layers.mlp import MLP


@dataclass(frozen=True)
class ResamplerConfig:
    """`qk_norm`: layer norms over each head's queries and keys."""

    inputs: InputsConfig
    heads: int
    head_width: int
    inner: int
    layers: int
    latents: int = 64
    qk_norm: bool = False

    @property
    def width(self) -> int:
        return self.inputs.width


class ResamplerBlock(nn.Module):
    def __init__(self, config: ResamplerConfig):
        super().__init__()
        width = config.width
        self.features_norm = nn.LayerNorm(width)
        self.latents_norm = nn.LayerNorm(width)
        head_norm = (lambda heads: nn.LayerNorm(config.head_width)) if config.qk_norm else None
        self.attention = Attention(width, config.heads, head_width=config.head_width, qk_norm=head_norm)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = MLP(width, config.inner, "relu", bias=False)

    def forward(self, latents: Tensor, features: Tensor) -> Tensor:
        """Latents [B, L, D] read features [B, S, D] and one another."""
        asking = self.latents_norm(latents)
        read = torch.cat([self.features_norm(features), asking], 1)  # [B, S + L, D]
        latents = latents + self.attention(asking, context=read)
        return latents + self.mlp(self.mlp_norm(latents))


class Resampler(nn.Module):
    def __init__(self, config: ResamplerConfig):
        super().__init__()
        self.config = config
        self.inputs = Inputs(config.inputs)
        self.latents = nn.Parameter(torch.randn(config.latents, config.width))
        self.blocks = nn.ModuleList(ResamplerBlock(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, features: Tensor, kind: str) -> Tensor:
        """Features [B, N, S, W] of B media of one kind, N frames or windows each, to latents [B, L, D]."""
        x = self.inputs(features, kind)
        latents = self.latents.expand(len(x), -1, -1)
        for block in self.blocks:
            latents = block(latents, x)
        return self.norm(latents)

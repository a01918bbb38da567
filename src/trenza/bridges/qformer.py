"""The Q-Former: learned queries read a picture and, in stage 1, talk with its text (Li et al. 2023, figure 2).

A BERT of blocks with the norm after each branch. Queries and words share the self-attention, and who sees whom is a
mask's matter; every second block lets the queries, and only them, read the features. Each has its own feed-forward.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trenza.bridges.inputs import Inputs, InputsConfig
from trenza.layers.attention import Attention
from trenza.layers.mlp import MLP


@dataclass(frozen=True)
class QFormerConfig:
    """cross_every: so many blocks have one that reads the features, the first included. words: 0 has no text half,
    which stage 2 doesn't need; else the most words of a text.
    """

    inputs: InputsConfig
    width: int
    heads: int
    inner: int
    layers: int
    queries: int = 32
    cross_every: int = 2
    words: int = 0
    activation: str = "gelu"
    eps: float = 1e-12


class QFormerBlock(nn.Module):
    def __init__(self, config: QFormerConfig, cross: bool):
        super().__init__()
        width, eps = config.width, config.eps
        self.attention = Attention(width, config.heads, bias="qkvo")
        self.attention_norm = nn.LayerNorm(width, eps)
        if cross:
            self.cross = Attention(width, config.heads, bias="qkvo", context=config.inputs.width)
            self.cross_norm = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, config.inner, config.activation)
        self.mlp_norm = nn.LayerNorm(width, eps)
        if config.words:
            self.words_mlp = MLP(width, config.inner, config.activation)
            self.words_mlp_norm = nn.LayerNorm(width, eps)
        self.reads = cross

    def forward(
        self, x: Tensor, queries: int, mask: Tensor | None, features: Tensor | None, seen: Tensor | None
    ) -> Tensor:
        """x [B, Q + T, D], the first `queries` of it queries, which read features [B, S, W] where `seen` is True."""
        x = self.attention_norm(x + self.attention(x, mask))
        asking, words = x[:, :queries], x[:, queries:]
        if queries:
            if self.reads:
                asking = self.cross_norm(asking + self.cross(asking, seen, context=features))
            asking = self.mlp_norm(asking + self.mlp(asking))
        if words.shape[1]:
            words = self.words_mlp_norm(words + self.words_mlp(words))
        return torch.cat([asking, words], 1)


class QFormer(nn.Module):
    def __init__(self, config: QFormerConfig):
        super().__init__()
        self.config = config
        self.inputs = Inputs(config.inputs)
        self.queries = nn.Parameter(torch.randn(config.queries, config.width) * 0.02)
        if config.words:
            self.positions = nn.Parameter(torch.randn(config.words, config.width) * 0.02)
        self.norm = nn.LayerNorm(config.width, config.eps)
        self.blocks = nn.ModuleList(
            QFormerBlock(config, number % config.cross_every == 0) for number in range(config.layers)
        )

    def forward(
        self, features: Tensor | None, words: Tensor | None = None, mask: Tensor | None = None,
        seen: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Features [B, S, W] that `inputs` made, and words [B, T, D], to states [B, Q + T, D].

        Without features the words stand alone. mask: who sees whom among queries and words, [B or 1, 1, Q + T, Q + T].
        seen: [B, 1, 1, S], False where features are padding.
        """
        x = []
        if features is not None:
            x.append(self.queries.expand(len(features), -1, -1))
        if words is not None:
            x.append(words + self.positions[: words.shape[1]])
        states = self.norm(torch.cat(x, 1))
        queries = self.config.queries if features is not None else 0
        for block in self.blocks:
            states = block(states, queries, mask, features, seen)
        return states

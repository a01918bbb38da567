"""Fuyu: no tower; a picture's raw patches are projected and read like words (Bavishi et al. 2023).

The language model is Persimmon: layer norms, also of queries and keys, half of each head turned by its position, and
a plain MLP with squared ReLU.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trenza.towers.language import LanguageConfig, LanguageModel


@dataclass(frozen=True)
class FuyuConfig:
    """patch_size: of a square patch in pixels. image_token: stands once for each patch."""

    language: LanguageConfig
    patch_size: int
    channels: int
    image_token: int


class Fuyu(nn.Module):
    def __init__(self, config: FuyuConfig):
        super().__init__()
        self.config = config
        self.patch = nn.Linear(config.patch_size**2 * config.channels, config.language.block.width)
        self.language = LanguageModel(config.language)

    def embed(self, tokens: Tensor, patches: Tensor) -> Tensor:
        """Tokens [B, T] and all rows' patches [N, patches, pixels * channels] to embeddings [B, T, D]."""
        x = self.language.embed(tokens)
        is_patch = (tokens == self.config.image_token)[..., None]
        return torch.masked_scatter(x, is_patch, self.patch(patches).to(x.dtype))

    def forward(self, tokens: Tensor, patches: Tensor) -> Tensor:
        """As `embed`, to logits [B, T, V]."""
        return self.language.logits(self.language(self.embed(tokens, patches)))

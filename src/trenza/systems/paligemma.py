"""PaliGemma: SigLIP's tower, a linear projector, Gemma with a prefix-LM mask (Beyer et al. 2024, figure 1).

The decoder-only descendant of PaLI: picture and prompt see each other both ways, as in an encoder, and the answer
behind them is causal.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trenza.layers import masks
from trenza.towers.language import LanguageConfig, LanguageModel
from trenza.towers.vit import ViT, ViTConfig


@dataclass(frozen=True)
class PaliGemmaConfig:
    """image_token: the token that stands once for each of a picture's features."""

    vision: ViTConfig
    language: LanguageConfig
    image_token: int


class PaliGemma(nn.Module):
    def __init__(self, config: PaliGemmaConfig):
        super().__init__()
        self.config = config
        self.vision = ViT(config.vision)
        self.projector = nn.Linear(config.vision.block.width, config.language.block.width)
        self.language = LanguageModel(config.language)

    def embed(self, tokens: Tensor, pixels: Tensor) -> Tensor:
        """Tokens [B, T] and each row's pictures, together [N, 3, H, W], to embeddings [B, T, D]."""
        is_picture = tokens == self.config.image_token
        x = self.language.embed(tokens.masked_fill(is_picture, 0))
        seen = self.projector(self.vision(pixels)).flatten(0, 1)  # [N * cells, D]
        return torch.masked_scatter(x, is_picture[..., None], seen.to(x.dtype))

    def forward(self, tokens: Tensor, pixels: Tensor, prefix: Tensor) -> Tensor:
        """Tokens [B, T], of which the first `prefix` [B] of a row see each other both ways, to logits [B, T, V]."""
        mask = masks.prefix(prefix, tokens.shape[1])
        return self.language.logits(self.language(self.embed(tokens, pixels), mask=mask))

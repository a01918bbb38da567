"""BLIP-2: a Q-Former asks a frozen tower 32 questions for a frozen language model (Li et al. 2023, figure 3).

    features of a medium -> Q-Former, 32 queries -> linear -> 32 tokens among the words

This is stage 2, which learns from what the language model says. Stage 1, where the Q-Former learns with text of its
own, is `blip2_stage1.py`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trenza.bridges.qformer import QFormer, QFormerConfig
from trenza.systems.decoding import DecoderSystem, around, check_kinds
from trenza.systems.examples import Medium
from trenza.towers.language import LanguageConfig, LanguageModel
from trenza.towers.vit import ViT, ViTConfig


@dataclass(frozen=True)
class Blip2Config:
    """`language` and `vision` are set where the model has its own inside; else the language model is given to it, and
    the features come from the towers that all systems share. image_token: holds the place of a query's token in
    prompts for the public format.
    """

    qformer: QFormerConfig
    language: LanguageConfig | None = None
    vision: ViTConfig | None = None
    image_token: int | None = None


class Blip2(DecoderSystem):
    """Trains the Q-Former and the projection; the language model stays as it is."""

    def __init__(self, config: Blip2Config, language: LanguageModel | None = None):
        super().__init__()
        self.config = config
        self.language, self.places = around(config.language, language)
        self.vision = ViT(config.vision) if config.vision else None
        self.qformer = QFormer(config.qformer)
        self.project = nn.Linear(config.qformer.width, self.language.config.block.width)

    def see(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [N, 3, H, W] through the model's own tower, to features [N, T, W]."""
        assert self.vision is not None, "only a model with a tower inside sees pixels"
        return self.vision(pixels)

    def encode(self, media: Sequence[Medium]) -> list[Tensor]:
        """Each medium as tokens [32, D]. Raises UsageError on a kind that it can't take."""
        check_kinds(media, self.config.qformer.inputs.features, "BLIP-2")
        alike = defaultdict(list)
        for number, medium in enumerate(media):
            alike[medium.kind, medium.features.shape].append(number)
        made: dict[int, Tensor] = {}
        for (kind, _), numbers in alike.items():
            features = torch.stack([media[n].features for n in numbers]).to(self.project.weight.dtype)  # [B, N, T, W]
            made |= zip(numbers, self.project(self.qformer(self.qformer.inputs(features, kind))), strict=True)
        return [made[number] for number in range(len(media))]

    def media_tokens(self, media: Sequence[Medium]) -> int:
        """One for each query, whatever the medium."""
        return len(media) * self.config.qformer.queries

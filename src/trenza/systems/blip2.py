"""BLIP-2: a Q-Former asks a frozen tower 32 questions for a frozen language model (Li et al. 2023, figure 3).

    features of a medium -> Q-Former, 32 queries -> linear -> 32 tokens among the words

This is stage 2, which learns from what the language model says. Stage 1, where the Q-Former learns with text of its
own, is `blip2_stage1.py`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from trenza.bridges.qformer import QFormer, QFormerConfig
from trenza.layers.cache import KVCache
from trenza.systems import decoding
from trenza.systems.decoding import Row, around, check_kinds, greedy
from trenza.systems.examples import Example, Medium
from trenza.systems.splice import splice
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


class Blip2(nn.Module):
    """Trains the Q-Former and the projection; the language model stays as it is."""

    def __init__(self, config: Blip2Config, language: LanguageModel | None = None):
        super().__init__()
        self.config = config
        self.language, self.places = around(config.language, language)
        self.vision = ViT(config.vision) if config.vision else None
        self.qformer = QFormer(config.qformer)
        self.project = nn.Linear(config.qformer.width, self.language.config.block.width)

    def trained(self) -> dict[str, nn.Parameter]:
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def pieces(self, example: Example) -> list[list[int] | Medium]:
        return example.prefix

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

    def hidden(
        self, rows: Sequence[Row], cache: KVCache | None = None, mask: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """See `decoding.Decoder`."""
        x = pad_sequence([splice(self.language.embed, row) for row in rows], batch_first=True)
        return self.language(x, cache, mask, positions)

    def length(self, row: Row) -> int:
        return sum(len(piece) for piece in row)

    def carried(self, row: Row) -> Row:
        """Nothing: media stand in the sequence."""
        return []

    def loss(self, examples: Sequence[Example]) -> tuple[Tensor, int]:
        return decoding.loss(self, examples)

    def score(self, example: Example, candidates: Sequence[Sequence[int]]) -> Tensor:
        return decoding.score(self, example, candidates)

    def stream(self, example: Example, end: int, most: int, choose: Callable[[Tensor], int] = greedy) -> Iterator[int]:
        return decoding.stream(self, example, end, most, choose)

    def generate(self, example: Example, end: int, most: int) -> list[int]:
        return list(self.stream(example, end, most))

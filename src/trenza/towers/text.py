"""Text encoders of CLIP (Radford et al. 2021, section 2.4) and SigLIP (Zhai et al. 2023, section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trenza.errors import UsageError, WeightsError
from trenza.layers import masks
from trenza.layers.block import Block, BlockConfig
from trenza.towers.vit import block_config


@dataclass(frozen=True)
class TextConfig:
    """`clip`: causal, read at the first `end` token. SigLIP sees both ways and is read at the last place.

    end: number of the end token; 2 in CLIP's first checkpoints, where it stands for the largest number in the text.
    """

    clip: bool
    vocabulary: int
    tokens: int
    layers: int
    end: int
    block: BlockConfig

    @classmethod
    def from_transformers(cls, config: Mapping[str, Any]) -> "TextConfig":
        kind = config.get("model_type")
        if kind not in ("clip_text_model", "siglip_text_model"):
            raise WeightsError(f"model_type {kind!r} isn't covered; clip_text_model, siglip_text_model are")
        end = config["eos_token_id"]
        return cls(
            kind == "clip_text_model", config["vocab_size"], config["max_position_embeddings"],
            config["num_hidden_layers"], end[0] if isinstance(end, list) else end, block_config(config),
        )  # fmt: skip


class TextEncoder(nn.Module):
    def __init__(self, config: TextConfig):
        super().__init__()
        self.config = config
        width = config.block.width
        self.embedding = nn.Embedding(config.vocabulary, width)
        self.positions = nn.Parameter(torch.randn(config.tokens, width) * 0.01)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(config.block) for _ in range(config.layers))
        self.norm = config.block.make_norm()

    def forward(self, tokens: Tensor) -> Tensor:
        """Token numbers [B, T] to one state a text [B, D]. Raises UsageError over the tower's length."""
        config, count = self.config, tokens.shape[1]
        if count > config.tokens:
            raise UsageError(f"a text of {count} tokens is too long for this tower, which reads {config.tokens}")
        x = self.embedding(tokens) + self.positions[:count]
        mask = masks.causal(count).to(tokens.device) if config.clip else None
        for block in self.blocks:
            x = block(x, mask)
        x = self.norm(x)
        if not config.clip:
            return x[:, -1]
        ends = tokens.argmax(1) if config.end == 2 else (tokens == config.end).int().argmax(1)
        return x[torch.arange(len(x)), ends]

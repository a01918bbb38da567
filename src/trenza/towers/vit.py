"""Vision transformer as in CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trenza.errors import WeightsError
from trenza.layers.attention import Attention
from trenza.layers.block import Block, BlockConfig
from trenza.layers.mlp import MLP

_ACTIVATIONS = {"quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh"}


def block_config(config: Mapping[str, Any]) -> BlockConfig:
    """The block of a CLIP or SigLIP tower, of pictures or of text. Raises WeightsError on what isn't covered."""
    if config["hidden_act"] not in _ACTIVATIONS:
        raise WeightsError(f"hidden_act {config['hidden_act']!r} isn't covered; {', '.join(_ACTIVATIONS)} are")
    return BlockConfig(
        config["hidden_size"], config["num_attention_heads"], config["intermediate_size"],
        eps=config["layer_norm_eps"], activation=_ACTIVATIONS[config["hidden_act"]],
    )  # fmt: skip


@dataclass(frozen=True)
class ViTConfig:
    """`clip`: class token, norm before the blocks, no patch bias. SigLIP has neither, and a bias.

    `eva`: class token and patch bias, no norm before the blocks (BLIP-2's tower, Fang et al. 2022).
    """

    clip: bool
    image_size: int
    patch_size: int
    layers: int
    block: BlockConfig
    eva: bool = False

    @property
    def class_token(self) -> bool:
        return self.clip or self.eva

    @classmethod
    def from_transformers(cls, config: Mapping[str, Any]) -> "ViTConfig":
        kind = config.get("model_type")
        if kind not in ("clip_vision_model", "siglip_vision_model"):
            raise WeightsError(f"model_type {kind!r} isn't covered; clip_vision_model, siglip_vision_model are")
        return cls(
            kind == "clip_vision_model", config["image_size"], config["patch_size"],
            config["num_hidden_layers"], block_config(config),
        )  # fmt: skip


class ViT(nn.Module):
    def __init__(self, config: ViTConfig):
        super().__init__()
        self.config = config
        width, patch = config.block.width, config.patch_size
        self.patch = nn.Conv2d(3, width, patch, patch, bias=not config.clip)
        tokens = (config.image_size // patch) ** 2 + config.class_token
        self.positions = nn.Parameter(torch.zeros(tokens, width))
        if config.class_token:
            self.class_token = nn.Parameter(torch.zeros(width))
        if config.clip:
            self.first_norm = config.block.make_norm()
        self.blocks = nn.ModuleList(Block(config.block) for _ in range(config.layers))
        self.norm = config.block.make_norm()

    def forward(self, pixels: Tensor, skip_last: int = 0) -> Tensor:
        """Pixels [B, 3, H, W], normalised, to tokens [B, tokens, D].

        `skip_last` leaves out so many last blocks and the final norm: LLaVA reads the features of the
        last block but one (Liu et al. 2023, section 4.1), class token included.
        """
        x = self.states(pixels, skip_last)
        return x if skip_last else self.norm(x)

    def states(self, pixels: Tensor, skip_last: int = 0) -> Tensor:
        """As `forward`, without the final norm in any case."""
        x = self.patch(pixels).flatten(2).transpose(1, 2)  # [B, T, D]
        if self.config.class_token:
            x = torch.cat([self.class_token.expand(len(x), 1, -1), x], 1)
        x = x + self.positions
        if self.config.clip:
            x = self.first_norm(x)
        for block in self.blocks[: len(self.blocks) - skip_last]:
            x = block(x)
        return x


class AttentionPool(nn.Module):
    """SigLIP's pooling: a learned probe attends to the tokens, then a feed-forward (Zhai et al. 2022, section 4)."""

    def __init__(self, config: BlockConfig):
        super().__init__()
        self.probe = nn.Parameter(torch.randn(1, 1, config.width) * config.width**-0.5)
        self.attention = Attention(config.width, config.heads, bias="qkvo")
        self.norm = config.make_norm()
        self.mlp = MLP(config.width, config.inner, config.activation)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Tokens [B, T, D] to [B, D]. mask [B, 1, 1, T] is False where a token is padding."""
        x = self.attention(self.probe.expand(len(tokens), -1, -1), mask, context=tokens)
        return (x + self.mlp(self.norm(x)))[:, 0]


_BLOCK_NAMES = {
    "layer_norm1": "attention_norm", "layer_norm2": "mlp_norm", "mlp.fc1": "mlp.up", "mlp.fc2": "mlp.down",
    "self_attn.q_proj": "attention.q", "self_attn.k_proj": "attention.k",
    "self_attn.v_proj": "attention.v", "self_attn.out_proj": "attention.out",
}  # fmt: skip
_OTHER_NAMES = {
    "embeddings.class_embedding": "class_token",
    "embeddings.patch_embedding.weight": "patch.weight",
    "embeddings.patch_embedding.bias": "patch.bias",
    "embeddings.position_embedding.weight": "positions",
    "pre_layrnorm.weight": "first_norm.weight",  # the public format's own spelling
    "pre_layrnorm.bias": "first_norm.bias",
    "post_layernorm.weight": "norm.weight",
    "post_layernorm.bias": "norm.bias",
}


def from_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a public CLIP or SigLIP vision tower; SigLIP's pooling head is left out."""
    converted = {}
    for name, tensor in weights.items():
        path = name.removeprefix("vision_model.")
        if path.startswith("encoder.layers."):
            _, _, number, rest = path.split(".", 3)
            owner, leaf = rest.rsplit(".", 1)
            converted[f"blocks.{number}.{_BLOCK_NAMES[owner]}.{leaf}"] = tensor
        elif path in _OTHER_NAMES:
            converted[_OTHER_NAMES[path]] = tensor
        elif not path.startswith("head."):
            raise WeightsError(f"tensor {name} has no place in a CLIP or SigLIP vision tower")
    return converted

"""CLIPModel of transformers, both ways."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trenza.checkpoints.public.names import Names
from trenza.checkpoints.settings import parse
from trenza.errors import WeightsError
from trenza.layers.block import BlockConfig
from trenza.systems.clip import CLIP, ClipConfig
from trenza.towers.text import TextConfig
from trenza.towers.vit import ViTConfig

SYSTEM = "clip"
BLOCK = {
    "layer_norm1": "attention_norm", "layer_norm2": "mlp_norm", "mlp.fc1": "mlp.up", "mlp.fc2": "mlp.down",
    "self_attn.q_proj": "attention.q", "self_attn.k_proj": "attention.k",
    "self_attn.v_proj": "attention.v", "self_attn.out_proj": "attention.out",
}  # fmt: skip
_VISION, _TEXT = "towers.image.vit", "towers.text.encoder"
TOWERS = {
    **{f"text_model.encoder.layers.{{}}.{a}": f"{_TEXT}.blocks.{{}}.{b}" for a, b in BLOCK.items()},
    **{f"vision_model.encoder.layers.{{}}.{a}": f"{_VISION}.blocks.{{}}.{b}" for a, b in BLOCK.items()},
    "text_model.embeddings.token_embedding": f"{_TEXT}.embedding",
    "text_model.embeddings.position_embedding.weight": f"{_TEXT}.positions",
    "text_model.final_layer_norm": f"{_TEXT}.norm",
    "vision_model.embeddings.patch_embedding": f"{_VISION}.patch",
    "vision_model.embeddings.position_embedding.weight": f"{_VISION}.positions",
    "vision_model.post_layernorm": f"{_VISION}.norm",
    "logit_scale": "scale",
}  # fmt: skip
_NAMES = Names({
    **TOWERS,
    "vision_model.embeddings.class_embedding": f"{_VISION}.class_token",
    "vision_model.pre_layrnorm": f"{_VISION}.first_norm",  # the public format's own spelling
    "text_projection": "towers.text.project",
    "visual_projection": "towers.image.project",
})  # fmt: skip
# A public config.json may leave out what is CLIPConfig's default (ViT-B/32's sizes, Radford et al. 2021, table 20).
_TEXT_DEFAULTS = {
    "model_type": "clip_text_model", "vocab_size": 49408, "hidden_size": 512, "intermediate_size": 2048,
    "num_hidden_layers": 12, "num_attention_heads": 8, "max_position_embeddings": 77, "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5, "eos_token_id": 49407,
}  # fmt: skip
_VISION_DEFAULTS = {
    "model_type": "clip_vision_model", "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
    "num_attention_heads": 12, "image_size": 224, "patch_size": 32, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
}  # fmt: skip
_THEIR_ACTIVATION = {"quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh"}


def build(config: Mapping[str, Any]) -> CLIP:
    return CLIP(parse(ClipConfig, config))


def settings(half: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """One tower's part of a public config with what it leaves out."""
    return {**defaults, **{k: v for k, v in (half or {}).items() if v is not None}}


def read(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> CLIP:
    vision = ViTConfig.from_transformers(settings(config.get("vision_config"), _VISION_DEFAULTS))
    text = TextConfig.from_transformers(settings(config.get("text_config"), _TEXT_DEFAULTS))
    with torch.device("meta"):
        model = CLIP(ClipConfig(vision, text, config.get("projection_dim", 512)))
    return _NAMES.fit(model, weights)


def write(model: CLIP) -> tuple[dict[str, Any], dict[str, Tensor]]:
    refuse_audio(model, "CLIPModel")
    config = model.config
    text, vision = tower_configs(config, "clip")
    return {
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": config.width,
        "logit_scale_init_value": 2.6592,
        "text_config": text | {"projection_dim": config.width},
        "vision_config": vision | {"projection_dim": config.width},
    }, _NAMES.theirs(model.state_dict())  # fmt: skip


def refuse_audio(model: CLIP, name: str) -> None:
    """Raises WeightsError for a model with three towers."""
    if model.config.audio is not None:
        raise WeightsError(f"{name} has no place for the audio tower; only models of pictures and text can be exported")


def tower_configs(config: ClipConfig, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """text_config and vision_config of transformers' `kind`, "clip" or "siglip"."""
    text = {
        "model_type": f"{kind}_text_model", "vocab_size": config.text.vocabulary,
        "max_position_embeddings": config.text.tokens, "num_hidden_layers": config.text.layers,
        "eos_token_id": config.text.end, **block_settings(config.text.block),
    }  # fmt: skip
    vision = {
        "model_type": f"{kind}_vision_model", "image_size": config.vision.image_size,
        "patch_size": config.vision.patch_size, "num_hidden_layers": config.vision.layers, "num_channels": 3,
        **block_settings(config.vision.block),
    }  # fmt: skip
    return text, vision


def block_settings(block: BlockConfig) -> dict[str, Any]:
    return {
        "hidden_size": block.width, "num_attention_heads": block.heads, "intermediate_size": block.inner,
        "layer_norm_eps": block.eps, "hidden_act": _THEIR_ACTIVATION[block.activation],
    }  # fmt: skip

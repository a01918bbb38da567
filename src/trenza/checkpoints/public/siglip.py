"""SiglipModel of transformers, both ways."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trenza.checkpoints.public.clip import TOWERS, build, refuse_audio, settings, tower_configs
from trenza.checkpoints.public.names import Names
from trenza.errors import WeightsError
from trenza.systems.clip import CLIP, ClipConfig
from trenza.towers.text import TextConfig
from trenza.towers.vit import ViTConfig

__all__ = ["SYSTEM", "build", "read", "write"]
SYSTEM = "siglip"
_POOL, _THEIR_POOL = "towers.image.pool", "vision_model.head"
_NAMES = Names({
    **TOWERS,
    "logit_bias": "bias",
    "text_model.head": "towers.text.project",
    f"{_THEIR_POOL}.probe": f"{_POOL}.probe",
    f"{_THEIR_POOL}.attention.out_proj": f"{_POOL}.attention.out",
    **{f"{_THEIR_POOL}.attention.{x}_proj": f"{_POOL}.attention.{x}" for x in "qkv"},
    f"{_THEIR_POOL}.layernorm": f"{_POOL}.norm",
    f"{_THEIR_POOL}.mlp.fc1": f"{_POOL}.mlp.up",
    f"{_THEIR_POOL}.mlp.fc2": f"{_POOL}.mlp.down",
})  # fmt: skip
# SiglipConfig's defaults (base-patch16-224), which public checkpoints leave out.
_SHARED = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6,
}  # fmt: skip
_TEXT_DEFAULTS = {
    "model_type": "siglip_text_model", "vocab_size": 32000, "max_position_embeddings": 64, "eos_token_id": 49407,
    **_SHARED,
}  # fmt: skip
_VISION_DEFAULTS = {"model_type": "siglip_vision_model", "image_size": 224, "patch_size": 16, **_SHARED}


def read(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> CLIP:
    theirs = settings(config.get("vision_config"), _VISION_DEFAULTS)
    if not theirs.get("vision_use_head", True):
        raise WeightsError("vision_use_head false isn't covered; the pooling head is part of SiglipModel here")
    vision = ViTConfig.from_transformers(theirs)
    text_settings = settings(config.get("text_config"), _TEXT_DEFAULTS)
    text = TextConfig.from_transformers(text_settings)
    width = text_settings.get("projection_size", text.block.width)
    if width != vision.block.width:
        raise WeightsError(f"projection_size {width} isn't the vision tower's hidden_size {vision.block.width}")
    with torch.device("meta"):
        model = CLIP(ClipConfig(vision, text, width, sigmoid=True))
    return _NAMES.fit(model, _apart(weights))


def write(model: CLIP) -> tuple[dict[str, Any], dict[str, Tensor]]:
    refuse_audio(model, "SiglipModel")
    config = model.config
    text, vision = tower_configs(config, "siglip")
    written = {
        "architectures": ["SiglipModel"], "model_type": "siglip",
        "text_config": text | {"projection_size": config.width}, "vision_config": vision,
    }  # fmt: skip
    return written, _together(_NAMES.theirs(model.state_dict()))


def _apart(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The pooling head keeps its queries, keys and values in one matrix, and scale and bias as vectors of one."""
    apart = dict(weights)
    for leaf in ("weight", "bias"):
        if (joined := apart.pop(f"{_THEIR_POOL}.attention.in_proj_{leaf}", None)) is not None:
            for name, part in zip("qkv", joined.tensor_split(3), strict=True):
                apart[f"{_THEIR_POOL}.attention.{name}_proj.{leaf}"] = part.clone()
    for name in ("logit_scale", "logit_bias"):
        if name in apart and apart[name].shape == (1,):
            apart[name] = apart[name][0].clone()
    return apart


def _together(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for leaf in ("weight", "bias"):
        parts = [weights.pop(f"{_THEIR_POOL}.attention.{name}_proj.{leaf}") for name in "qkv"]
        weights[f"{_THEIR_POOL}.attention.in_proj_{leaf}"] = torch.cat(parts)
    return weights | {name: weights[name].view(1) for name in ("logit_scale", "logit_bias")}

"""PaliGemmaForConditionalGeneration of transformers, both ways; the first PaliGemma, whose language model is Gemma."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from trenza.checkpoints.public.clip import settings
from trenza.checkpoints.public.halves import (
    built,
    language_config,
    language_names,
    language_settings,
    vision_names,
    vision_settings,
)
from trenza.checkpoints.public.names import Names
from trenza.checkpoints.settings import parse
from trenza.errors import WeightsError
from trenza.systems.paligemma import PaliGemma, PaliGemmaConfig
from trenza.towers.vit import ViTConfig

SYSTEM = "paligemma"
_NAMES = Names({
    "multi_modal_projector.linear": "projector",
    **language_names("language_model.model", "language_model.lm_head"),
    **vision_names("vision_tower"),
    **vision_names("vision_tower.vision_model"),  # as the first checkpoints name it
})  # fmt: skip
# What GemmaConfig and SiglipVisionConfig have by default and public checkpoints leave out.
_LANGUAGE_DEFAULTS = {
    "model_type": "gemma", "num_key_value_heads": 1, "head_dim": 256, "rms_norm_eps": 1e-6,
    "hidden_act": "gelu_pytorch_tanh", "tie_word_embeddings": True,
}  # fmt: skip
_VISION_DEFAULTS = {
    "model_type": "siglip_vision_model", "image_size": 224, "patch_size": 14, "hidden_act": "gelu_pytorch_tanh",
    "layer_norm_eps": 1e-6,
}  # fmt: skip


def build(config: Mapping[str, Any]) -> PaliGemma:
    return PaliGemma(parse(PaliGemmaConfig, config))


def read(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> PaliGemma:
    text = settings(config["text_config"], _LANGUAGE_DEFAULTS)
    if text["model_type"] != "gemma":
        raise WeightsError(f"text_config.model_type {text['model_type']!r} isn't covered; covered: 'gemma'")
    vision = ViTConfig.from_transformers(settings(config["vision_config"], _VISION_DEFAULTS))
    made = PaliGemmaConfig(vision, language_config(text), config["image_token_index"])
    return _NAMES.fit(built(PaliGemma, made), weights)


def write(model: PaliGemma) -> tuple[dict[str, Any], dict[str, Tensor]]:
    config = model.config
    width = config.language.block.width
    return {
        "architectures": ["PaliGemmaForConditionalGeneration"], "model_type": "paligemma",
        "image_token_index": config.image_token, "projection_dim": width, "hidden_size": width,
        "tie_word_embeddings": config.language.tied,
        "text_config": language_settings(config.language) | {"use_bidirectional_attention": True},
        "vision_config": vision_settings(config.vision) | {
            "model_type": "siglip_vision_model", "vision_use_head": False, "projection_dim": width,
        },
    }, _NAMES.theirs(model.state_dict())  # fmt: skip

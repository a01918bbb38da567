"""LlavaForConditionalGeneration of transformers, both ways: CLIP or SigLIP, two linear layers, the Llama family."""

import re
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
)  # fmt: skip
from trenza.checkpoints.public.names import Names
from trenza.checkpoints.settings import parse
from trenza.errors import WeightsError
from trenza.systems.llava_public import PublicLlava, PublicLlavaConfig
from trenza.towers.vit import ViTConfig

SYSTEM = "llava_public"
_NAMES = Names({
    **language_names("language_model.model", "language_model.lm_head"), **vision_names("vision_tower"),
    "multi_modal_projector.linear_1": "projector.linear_1", "multi_modal_projector.linear_2": "projector.linear_2",
})  # fmt: skip
# The tower of LLaVA 1.5, which its config.json leaves out.
_VISION_DEFAULTS = {
    "model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
    "num_attention_heads": 16, "image_size": 336, "patch_size": 14, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
}  # fmt: skip


def build(config: Mapping[str, Any]) -> PublicLlava:
    return PublicLlava(parse(PublicLlavaConfig, config))


def read(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> PublicLlava:
    if config.get("projector_hidden_act", "gelu") != "gelu" or not config.get("multimodal_projector_bias", True):
        raise WeightsError("the projector isn't two linear layers with biases and GELU between, which is covered")
    vision = ViTConfig.from_transformers(settings(config.get("vision_config"), _VISION_DEFAULTS))
    skip_last = _skipped(config.get("vision_feature_layer", -2), vision)
    text = {**(config.get("text_config") or {})}
    if config.get("tie_word_embeddings"):
        text["tie_word_embeddings"] = True
    made = PublicLlavaConfig(
        vision, language_config(text), skip_last,
        vision.class_token and config.get("vision_feature_select_strategy", "default") == "full",
        config.get("image_token_index", 32000),
    )  # fmt: skip
    if not vision.clip and config.get("vision_feature_select_strategy", "default") == "default":
        raise WeightsError(
            "vision_feature_select_strategy 'default' drops the first feature, which in SigLIP is a part of the "
            "picture; 'full' is covered"
        )
    return _NAMES.fit(built(PublicLlava, made), _named_alike(weights))


def _skipped(layer: Any, vision: ViTConfig) -> int:
    """How many of the tower's last blocks are left out. Raises WeightsError on what isn't covered."""
    if not isinstance(layer, int):
        raise WeightsError(f"vision_feature_layer {layer!r} isn't covered; one layer's number is")
    skipped = -layer - 1 if layer < 0 else vision.layers - layer
    if not 0 <= skipped <= vision.layers or (skipped == 0 and not vision.clip):
        raise WeightsError(f"vision_feature_layer {layer} isn't covered; a layer before the last is, CLIP's last too")
    return skipped


def _named_alike(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Checkpoints of all years have the names of the first; SigLIP's pooling head, which nothing reads, is left out."""
    alike = {}
    for name, tensor in weights.items():
        path = re.sub(r"^model\.(language_model)\.(?!model\.)", r"\1.model.", name)
        path = re.sub(r"^lm_head", "language_model.lm_head", path.removeprefix("model."))
        path = path.replace("vision_tower.vision_model.", "vision_tower.")
        if not path.startswith("vision_tower.head."):
            alike[path] = tensor
    return alike


def write(model: PublicLlava) -> tuple[dict[str, Any], dict[str, Tensor]]:
    config = model.config
    vision = config.vision
    kind = {"model_type": "clip_vision_model"} if vision.clip else {
        "model_type": "siglip_vision_model", "vision_use_head": False
    }  # fmt: skip
    tokens = (vision.image_size // vision.patch_size) ** 2 + config.class_token
    return {
        "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava",
        "image_token_index": config.image_token, "image_seq_length": tokens, "projector_hidden_act": "gelu",
        "multimodal_projector_bias": True, "vision_feature_layer": -1 - config.skip_last,
        "vision_feature_select_strategy": "full" if config.class_token or not vision.clip else "default",
        "tie_word_embeddings": config.language.tied, "text_config": language_settings(config.language),
        "vision_config": kind | vision_settings(vision),
    }, _NAMES.theirs(model.state_dict())  # fmt: skip

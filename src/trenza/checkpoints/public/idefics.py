"""IdeficsForVisionText2Text of transformers, Flamingo's public line, both ways.

Idefics keeps the tokens that it added to Llama's vocabulary in tables of their own; here they are rows like others,
and what is written has them in one table.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trenza.bridges.inputs import InputsConfig
from trenza.bridges.resampler import ResamplerConfig
from trenza.checkpoints.public.clip import settings
from trenza.checkpoints.public.halves import (
    built,
    language_config,
    language_names,
    language_settings,
    square,
    vision_names,
    vision_settings,
)  # fmt: skip
from trenza.checkpoints.public.names import Names
from trenza.checkpoints.settings import parse
from trenza.errors import WeightsError
from trenza.systems.flamingo import Flamingo, FlamingoConfig
from trenza.towers.vit import ViTConfig

SYSTEM = "flamingo"
_GATED, _RESAMPLER = "model.gated_cross_attn_layers.{}", "model.perceiver_resampler"
_READS = {**{f"{x}_proj": x for x in "qkv"}, "q_layer_norm": "q_norm", "k_layer_norm": "k_norm"}
_NAMES = Names({
    **language_names("model"), **vision_names("model.vision_model"),
    **{f"{_GATED}.cross_attn.{a}": f"gated.{{}}.attention.{b}" for a, b in (_READS | {"o_proj": "out"}).items()},
    **{f"{_GATED}.mlp.{x}_proj": f"gated.{{}}.mlp.{x}" for x in ("gate", "up", "down")},
    f"{_GATED}.input_layernorm": "gated.{}.attention_norm",
    f"{_GATED}.post_attention_layernorm": "gated.{}.mlp_norm",
    f"{_GATED}.alpha_cross_attn": "gated.{}.attention_gate",
    f"{_GATED}.alpha_dense": "gated.{}.mlp_gate",
    f"{_RESAMPLER}.latents": "resampler.latents",
    f"{_RESAMPLER}.layer_norm": "resampler.norm",
    f"{_RESAMPLER}.blocks.{{}}.0.context_layer_norm": "resampler.blocks.{}.features_norm",
    f"{_RESAMPLER}.blocks.{{}}.0.latents_layer_norm": "resampler.blocks.{}.latents_norm",
    **{
        f"{_RESAMPLER}.blocks.{{}}.0.{a}": f"resampler.blocks.{{}}.attention.{b}"
        for a, b in (_READS | {"output_proj": "out"}).items()
    },
    f"{_RESAMPLER}.blocks.{{}}.1.ln": "resampler.blocks.{}.mlp_norm",
    f"{_RESAMPLER}.blocks.{{}}.1.fc": "resampler.blocks.{}.mlp.up",
    f"{_RESAMPLER}.blocks.{{}}.1.c_proj": "resampler.blocks.{}.mlp.down",
}, ignored=(".position_ids", ".rotary_emb.inv_freq"))  # fmt: skip
# IdeficsVisionConfig's and IdeficsPerceiverConfig's defaults.
_VISION_DEFAULTS = {
    "embed_dim": 768, "image_size": 224, "patch_size": 14,
    "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 16, "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
}  # fmt: skip
_RESAMPLER_DEFAULTS = {
    "resampler_n_latents": 64, "resampler_depth": 6, "resampler_n_heads": 16, "resampler_head_dim": 96,
    "qk_layer_norms_perceiver": False,
}  # fmt: skip
_JOINED = (("model.embed_tokens.weight", "model.embed_tokens.additional_embedding.weight"),
           ("lm_head.weight", "lm_head.additional_fc.weight"))  # fmt: skip


def build(config: Mapping[str, Any]) -> Flamingo:
    return Flamingo(parse(FlamingoConfig, config))


def read(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Flamingo:
    if not config.get("use_resampler"):
        raise WeightsError("use_resampler false isn't covered; Idefics with its Perceiver resampler is")
    words, added = config["vocab_size"], config.get("additional_vocab_size") or 0
    vision, width = _vision(settings(config.get("vision_config"), _VISION_DEFAULTS))
    resampler = settings(config.get("perceiver_config"), _RESAMPLER_DEFAULTS)
    made = FlamingoConfig(
        ResamplerConfig(
            InputsConfig({"image": width}, width), resampler["resampler_n_heads"],
            resampler["resampler_head_dim"], 4 * width,
            resampler["resampler_depth"], resampler["resampler_n_latents"], resampler["qk_layer_norms_perceiver"],
        ),
        config.get("cross_layer_interval", 1),
        # Its two added tokens are <fake_token_around_image> and <image>, in this order.
        {"image": [words + 1, words] if added >= 2 else []}, (words,) if added >= 2 else (),
        config["hidden_size"] if config.get("alpha_type") == "vector" else 1, bool(config.get("qk_layer_norms")),
        language_config({**config, "model_type": "llama", "vocab_size": words + added}), vision,
    )  # fmt: skip
    return _NAMES.fit(built(Flamingo, made), _joined(weights))


def _vision(theirs: dict[str, Any]) -> tuple[ViTConfig, int]:
    width = theirs["embed_dim"]
    sides = {name: square(theirs[name], name) for name in ("image_size", "patch_size")}
    return ViTConfig.from_transformers(
        {**theirs, **sides, "hidden_size": width, "model_type": "clip_vision_model"}
    ), width


def _joined(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Added rows behind the others, and a gate as a vector."""
    joined = {name: t.flatten() if ".alpha_" in name else t for name, t in weights.items()}
    for table, more in _JOINED:
        if more in joined:
            joined[table] = torch.cat([joined[table], joined.pop(more)])
    return joined


def write(model: Flamingo) -> tuple[dict[str, Any], dict[str, Tensor]]:
    config, resampler = model.config, model.config.resampler
    if config.language is None or config.vision is None or not config.vision.clip:
        raise WeightsError("IdeficsForVisionText2Text has a language model and a CLIP tower inside; this model hasn't")
    if resampler.inputs != InputsConfig({"image": resampler.width}, resampler.width):
        raise WeightsError("IdeficsForVisionText2Text takes pictures only, at the resampler's own width, without times")
    weights = _NAMES.theirs(model.state_dict())
    for name in (n for n in weights if ".alpha_" in n and config.gate > 1):
        weights[name] = weights[name].view(1, 1, -1)
    vision = vision_settings(config.vision)
    return {
        **language_settings(config.language), "architectures": ["IdeficsForVisionText2Text"],
        "model_type": "idefics", "additional_vocab_size": 0, "cross_layer_interval": config.interval,
        "alpha_type": "float" if config.gate == 1 else "vector", "qk_layer_norms": config.qk_norm,
        "use_resampler": True, "vision_config": vision | {"embed_dim": vision.pop("hidden_size")},
        "perceiver_config": {
            "use_resampler": True, "resampler_n_latents": resampler.latents, "resampler_depth": resampler.layers,
            "resampler_n_heads": resampler.heads, "resampler_head_dim": resampler.head_width,
            "qk_layer_norms_perceiver": resampler.qk_norm,
        },
    }, weights  # fmt: skip

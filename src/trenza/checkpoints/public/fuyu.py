"""FuyuForCausalLM of transformers, both ways."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trenza.checkpoints.public.clip import settings
from trenza.checkpoints.public.halves import built
from trenza.checkpoints.public.names import Names
from trenza.checkpoints.settings import parse
from trenza.errors import WeightsError
from trenza.layers.block import BlockConfig
from trenza.systems.fuyu import Fuyu, FuyuConfig
from trenza.towers.language import LanguageConfig

SYSTEM = "fuyu"
_LAYER, _OURS = "language_model.model.layers.{}", "language.blocks.{}"
_FUSED = "self_attn.query_key_value"
_NAMES = Names({
    "vision_embed_tokens": "patch",
    "language_model.lm_head": "language.head",
    "language_model.model.embed_tokens": "language.embedding",
    "language_model.model.final_layernorm": "language.norm",
    f"{_LAYER}.input_layernorm": f"{_OURS}.attention_norm",
    f"{_LAYER}.post_attention_layernorm": f"{_OURS}.mlp_norm",
    f"{_LAYER}.mlp.dense_h_to_4h": f"{_OURS}.mlp.up",
    f"{_LAYER}.mlp.dense_4h_to_h": f"{_OURS}.mlp.down",
    f"{_LAYER}.self_attn.dense": f"{_OURS}.attention.out",
    **{f"{_LAYER}.self_attn.{x}_layernorm": f"{_OURS}.attention.{x}_norm" for x in "qk"},
    **{f"{_LAYER}.{_FUSED}.{x}": f"{_OURS}.attention.{x}" for x in "qkv"},  # in their file one matrix
})  # fmt: skip
# PersimmonConfig's and FuyuConfig's defaults.
_LANGUAGE_DEFAULTS = {
    "model_type": "persimmon", "vocab_size": 262144, "hidden_size": 4096, "intermediate_size": 16384,
    "num_hidden_layers": 36, "num_attention_heads": 64, "hidden_act": "relu2", "layer_norm_eps": 1e-5,
    "qk_layernorm": True, "partial_rotary_factor": 0.5, "rope_theta": 25000.0, "tie_word_embeddings": False,
}  # fmt: skip
_ACTIVATIONS = {"relu2": "relu2", "gelu": "gelu", "silu": "silu"}


def build(config: Mapping[str, Any]) -> Fuyu:
    return Fuyu(parse(FuyuConfig, config))


def read(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Fuyu:
    # The first checkpoints have the language model's settings at the top.
    language = _language(settings(config.get("text_config") or config, _LANGUAGE_DEFAULTS))
    made = FuyuConfig(
        language, config.get("patch_size", 30), config.get("num_channels", 3), config.get("image_token_id", 71011)
    )
    return _NAMES.fit(built(Fuyu, made), _apart(weights, language.block.heads))


def _language(theirs: Mapping[str, Any]) -> LanguageConfig:
    rope = theirs.get("rope_parameters") or {}
    if theirs["hidden_act"] not in _ACTIVATIONS or rope.get("rope_type", "default") != "default":
        raise WeightsError(
            f"hidden_act {theirs['hidden_act']!r} with rope_parameters {rope} isn't covered; covered: "
            f"{', '.join(_ACTIVATIONS)}, the default rope"
        )
    width, heads = theirs["hidden_size"], theirs["num_attention_heads"]
    block = BlockConfig(
        width, heads, theirs["intermediate_size"], eps=theirs["layer_norm_eps"],
        activation=_ACTIVATIONS[theirs["hidden_act"]], qk_norm="layer" if theirs["qk_layernorm"] else "",
    )  # fmt: skip
    share = rope.get("partial_rotary_factor", theirs["partial_rotary_factor"])
    return LanguageConfig(
        theirs["vocab_size"], theirs["num_hidden_layers"], block, rope.get("rope_theta", theirs["rope_theta"]),
        theirs["tie_word_embeddings"], rotary_width=int(width // heads * share),
    )  # fmt: skip


def write(model: Fuyu) -> tuple[dict[str, Any], dict[str, Tensor]]:
    config, language = model.config, model.config.language
    block = language.block
    text = {
        "model_type": "persimmon", "vocab_size": language.vocabulary, "hidden_size": block.width,
        "intermediate_size": block.inner, "num_hidden_layers": language.layers, "num_attention_heads": block.heads,
        "hidden_act": block.activation, "layer_norm_eps": block.eps, "qk_layernorm": bool(block.qk_norm),
        "tie_word_embeddings": language.tied,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": language.rope_theta,
            "partial_rotary_factor": (language.rotary_width or block.head_size) / block.head_size,
        },
    }  # fmt: skip
    return {
        "architectures": ["FuyuForCausalLM"], "model_type": "fuyu", "patch_size": config.patch_size,
        "num_channels": config.channels, "image_token_id": config.image_token, "text_config": text,
        "tie_word_embeddings": language.tied,
    }, _together(_NAMES.theirs(model.state_dict()), block.heads)  # fmt: skip


def _apart(weights: Mapping[str, Tensor], heads: int) -> dict[str, Tensor]:
    """Persimmon keeps queries, keys and values in one matrix, head by head."""
    apart: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if _FUSED in name:
            owner, leaf = name.rsplit(".", 1)
            rows = tensor.unflatten(0, (heads, 3, -1))  # [H, 3, E, ...]
            apart |= {f"{owner}.{x}.{leaf}": rows[:, n].flatten(0, 1).contiguous() for n, x in enumerate("qkv")}
        else:
            apart[name] = tensor
    return apart


def _together(weights: dict[str, Tensor], heads: int) -> dict[str, Tensor]:
    together = {name: tensor for name, tensor in weights.items() if _FUSED not in name}
    for name in weights:
        if f"{_FUSED}.q." in name:
            parts = [weights[name.replace(".q.", f".{x}.")].unflatten(0, (heads, -1)) for x in "qkv"]
            together[name.replace(".q.", ".")] = torch.stack(parts, 1).flatten(0, 2)
    return together

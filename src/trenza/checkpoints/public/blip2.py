"""Blip2ForConditionalGeneration of transformers, both ways, with an OPT or a Llama-family language model."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trenza.bridges.inputs import InputsConfig
from trenza.bridges.qformer import QFormerConfig
from trenza.checkpoints.public import opt
from trenza.checkpoints.public.clip import settings
from trenza.checkpoints.public.halves import built, language_config, language_names, language_settings, square
from trenza.checkpoints.public.names import Names
from trenza.checkpoints.settings import parse
from trenza.errors import WeightsError
from trenza.layers.block import BlockConfig
from trenza.systems.blip2 import Blip2, Blip2Config
from trenza.towers.vit import ViTConfig

SYSTEM = "blip2"
_LAYER, _BLOCK = "qformer.encoder.layer.{}", "qformer.blocks.{}"
_READS = {"query": "q", "key": "k", "value": "v"}
_TABLE = {
    "query_tokens": "qformer.queries", "qformer.layernorm": "qformer.norm", "language_projection": "project",
    **{f"{_LAYER}.attention.attention.{a}": f"{_BLOCK}.attention.{b}" for a, b in _READS.items()},
    f"{_LAYER}.attention.output.dense": f"{_BLOCK}.attention.out",
    f"{_LAYER}.attention.output.LayerNorm": f"{_BLOCK}.attention_norm",
    **{f"{_LAYER}.crossattention.attention.{a}": f"{_BLOCK}.cross.{b}" for a, b in _READS.items()},
    f"{_LAYER}.crossattention.output.dense": f"{_BLOCK}.cross.out",
    f"{_LAYER}.crossattention.output.LayerNorm": f"{_BLOCK}.cross_norm",
    f"{_LAYER}.intermediate_query.dense": f"{_BLOCK}.mlp.up",
    f"{_LAYER}.output_query.dense": f"{_BLOCK}.mlp.down",
    f"{_LAYER}.output_query.LayerNorm": f"{_BLOCK}.mlp_norm",
    "vision_model.embeddings.class_embedding": "vision.class_token",
    "vision_model.embeddings.position_embedding": "vision.positions",
    "vision_model.embeddings.patch_embedding": "vision.patch", "vision_model.post_layernorm": "vision.norm",
    **{
        f"vision_model.encoder.layers.{{}}.{a}": f"vision.blocks.{{}}.{b}"
        for a, b in {
            "layer_norm1": "attention_norm", "layer_norm2": "mlp_norm", "mlp.fc1": "mlp.up", "mlp.fc2": "mlp.down",
            **{f"self_attn.{x}": f"attention.{x}" for x in "qkv"}, "self_attn.projection": "attention.out",
        }.items()
    },
}  # fmt: skip
_ACTIVATIONS = {"gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu", "quick_gelu": "quick_gelu"}
_THEIR_ACTIVATIONS = {ours: theirs for theirs, ours in _ACTIVATIONS.items()}
_VISION_DEFAULTS = {
    "hidden_size": 1408, "intermediate_size": 6144, "num_hidden_layers": 39, "num_attention_heads": 16,
    "image_size": 224, "patch_size": 14, "hidden_act": "gelu", "layer_norm_eps": 1e-6, "qkv_bias": True,
}  # fmt: skip
_QFORMER_DEFAULTS = {
    "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
    "hidden_act": "gelu", "layer_norm_eps": 1e-12, "cross_attention_frequency": 2,
}  # fmt: skip
# They keep a leading dimension of one.
_LEADING = {
    "query_tokens": 3, "vision_model.embeddings.class_embedding": 3, "vision_model.embeddings.position_embedding": 3
}  # fmt: skip


def build(config: Mapping[str, Any]) -> Blip2:
    return Blip2(parse(Blip2Config, config))


def read(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Blip2:
    text = config["text_config"]
    language = opt.read(text) if text.get("model_type") == "opt" else language_config(text)
    vision = _vision(settings(config.get("vision_config"), _VISION_DEFAULTS))
    theirs = settings(config.get("qformer_config"), _QFORMER_DEFAULTS)
    if theirs.get("use_qformer_text_input"):
        raise WeightsError("qformer_config.use_qformer_text_input true isn't covered; stage 2 asks without text")
    qformer = QFormerConfig(
        InputsConfig({"image": vision.block.width}, vision.block.width), theirs["hidden_size"],
        theirs["num_attention_heads"], theirs["intermediate_size"], theirs["num_hidden_layers"],
        config.get("num_query_tokens", 32), theirs["cross_attention_frequency"],
        activation=_activation(theirs["hidden_act"]), eps=theirs["layer_norm_eps"],
    )  # fmt: skip
    made = Blip2Config(qformer, language, vision, config.get("image_token_index"))
    return _names(language.positions > 0).fit(built(Blip2, made), _apart(weights, vision.layers))


def _names(is_opt: bool) -> Names:
    halves = ("language_model.model.decoder", opt.names) if is_opt else ("language_model.model", language_names)
    return Names({**_TABLE, **halves[1](halves[0], "language_model.lm_head")})


def _activation(name: str) -> str:
    if name not in _ACTIVATIONS:
        raise WeightsError(f"hidden_act {name!r} isn't covered; {', '.join(_ACTIVATIONS)} are")
    return _ACTIVATIONS[name]


def _vision(theirs: Mapping[str, Any]) -> ViTConfig:
    block = BlockConfig(
        theirs["hidden_size"], theirs["num_attention_heads"], theirs["intermediate_size"],
        bias="qkvo" if theirs["qkv_bias"] else "o", eps=theirs["layer_norm_eps"],
        activation=_activation(theirs["hidden_act"]),
    )  # fmt: skip
    image, patch = square(theirs["image_size"], "image_size"), square(theirs["patch_size"], "patch_size")
    return ViTConfig(False, image, patch, theirs["num_hidden_layers"], block, eva=True)


def _apart(weights: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Queries, keys and values of the tower, which are one matrix there, and what has a leading one."""
    apart = {n: t.flatten(0, -2) if n in _LEADING and t.dim() == _LEADING[n] else t for n, t in weights.items()}
    if (token := apart.get("vision_model.embeddings.class_embedding")) is not None:
        apart["vision_model.embeddings.class_embedding"] = token.flatten()
    for layer in range(layers):
        path = f"vision_model.encoder.layers.{layer}.self_attn"
        for leaf in ("weight", "bias"):
            if (joined := apart.pop(f"{path}.qkv.{leaf}", None)) is not None:
                for name, part in zip("qkv", joined.tensor_split(3), strict=True):
                    apart[f"{path}.{name}.{leaf}"] = part.clone()
    return apart


def write(model: Blip2) -> tuple[dict[str, Any], dict[str, Tensor]]:
    config, qformer = model.config, model.config.qformer
    language, vision = config.language, config.vision
    if language is None or vision is None or not vision.eva:
        raise WeightsError("Blip2ForConditionalGeneration has a language model and its tower inside; this model hasn't")
    if qformer.words or qformer.inputs != InputsConfig({"image": vision.block.width}, vision.block.width):
        raise WeightsError("Blip2ForConditionalGeneration's Q-Former reads pictures at the tower's width and no text")
    weights = _names(language.positions > 0).theirs(model.state_dict())
    for name in _LEADING:
        weights[name] = weights[name].view(1, -1, weights[name].shape[-1])
    for layer in range(vision.layers):
        path = f"vision_model.encoder.layers.{layer}.self_attn"
        for leaf in ("weight", "bias") if vision.block.bias == "qkvo" else ("weight",):
            weights[f"{path}.qkv.{leaf}"] = torch.cat([weights.pop(f"{path}.{name}.{leaf}") for name in "qkv"])
    block = vision.block
    return {
        "architectures": ["Blip2ForConditionalGeneration"], "model_type": "blip-2",
        "num_query_tokens": qformer.queries, "image_token_index": config.image_token,
        "tie_word_embeddings": language.tied,
        "text_config": opt.write(language) if language.positions else language_settings(language),
        "vision_config": {
            "model_type": "blip_2_vision_model", "hidden_size": block.width, "intermediate_size": block.inner,
            "num_hidden_layers": vision.layers, "num_attention_heads": block.heads, "image_size": vision.image_size,
            "patch_size": vision.patch_size, "hidden_act": _THEIR_ACTIVATIONS[block.activation],
            "layer_norm_eps": block.eps, "qkv_bias": block.bias == "qkvo",
        },
        "qformer_config": {
            "model_type": "blip_2_qformer", "hidden_size": qformer.width, "num_hidden_layers": qformer.layers,
            "num_attention_heads": qformer.heads, "intermediate_size": qformer.inner,
            "hidden_act": _THEIR_ACTIVATIONS[qformer.activation], "layer_norm_eps": qformer.eps,
            "cross_attention_frequency": qformer.cross_every, "encoder_hidden_size": block.width,
        },
    }, weights  # fmt: skip

"""What several public classes have inside: a Llama-family language model and a CLIP or SigLIP vision tower."""

from typing import Any

import torch
from torch import nn

from trenza.checkpoints.public.clip import BLOCK, block_settings, settings
from trenza.errors import WeightsError
from trenza.towers.language import LanguageConfig, LanguageModel
from trenza.towers.vit import ViTConfig

_LANGUAGE_BLOCK = {
    "input_layernorm": "attention_norm", "post_attention_layernorm": "mlp_norm",
    **{f"self_attn.{x}_proj": f"attention.{x}" for x in "qkv"}, "self_attn.o_proj": "attention.out",
    "self_attn.q_norm": "attention.q_norm", "self_attn.k_norm": "attention.k_norm",
    "mlp.gate_proj": "mlp.gate", "mlp.up_proj": "mlp.up", "mlp.down_proj": "mlp.down",
}  # fmt: skip
# What LlamaConfig has by default and a public config.json may leave out.
_LANGUAGE_DEFAULTS = {
    "model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "rms_norm_eps": 1e-6,
}  # fmt: skip


def language_names(theirs: str, head: str = "lm_head", ours: str = "language") -> dict[str, str]:
    """The table of a language model's tensors for `Names`; `theirs` is the path of their decoder."""
    return {
        **{f"{theirs}.layers.{{}}.{a}": f"{ours}.blocks.{{}}.{b}" for a, b in _LANGUAGE_BLOCK.items()},
        f"{theirs}.embed_tokens": f"{ours}.embedding", f"{theirs}.norm": f"{ours}.norm", head: f"{ours}.head",
    }  # fmt: skip


def vision_names(theirs: str, ours: str = "vision") -> dict[str, str]:
    """The same of a CLIP or SigLIP vision tower."""
    return {
        **{f"{theirs}.encoder.layers.{{}}.{a}": f"{ours}.blocks.{{}}.{b}" for a, b in BLOCK.items()},
        f"{theirs}.embeddings.class_embedding": f"{ours}.class_token",
        f"{theirs}.embeddings.patch_embedding": f"{ours}.patch",
        f"{theirs}.embeddings.position_embedding.weight": f"{ours}.positions",
        f"{theirs}.pre_layrnorm": f"{ours}.first_norm",
        f"{theirs}.post_layernorm": f"{ours}.norm",
    }


def language_config(theirs: Any) -> LanguageConfig:
    """text_config of a public class to ours. Raises WeightsError on what isn't covered."""
    return LanguageConfig.from_transformers(settings(theirs, _LANGUAGE_DEFAULTS))


def language_settings(config: LanguageConfig) -> dict[str, Any]:
    """Ours to a text_config that makes the same model. Raises WeightsError on what the family has no word for."""
    block = config.block
    kind = "gemma" if block.norm == "offset_rms" else "qwen3" if block.qk_norm else "llama"
    kind = "qwen2" if block.bias == "qkv" else "mistral" if config.window else kind
    if (block.norm, block.gated) == ("layer", False) or config.rotary_width is not None:
        raise WeightsError("the language model is none of the Llama family; only those are written here")
    return {
        "model_type": kind, "vocab_size": config.vocabulary, "num_hidden_layers": config.layers,
        "hidden_size": block.width, "intermediate_size": block.inner, "num_attention_heads": block.heads,
        "num_key_value_heads": block.kv_heads or block.heads, "head_dim": block.head_size,
        "attention_bias": block.bias == "qkvo", "rms_norm_eps": block.eps,
        "hidden_act": {"gelu_tanh": "gelu_pytorch_tanh"}.get(block.activation, block.activation),
        "tie_word_embeddings": config.tied, "sliding_window": config.window,
        "use_sliding_window": config.window is not None,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "max_position_embeddings": 2048,
    }  # fmt: skip


def vision_settings(config: ViTConfig) -> dict[str, Any]:
    """Ours to a vision_config that makes the same tower, but its model_type."""
    return {
        "image_size": config.image_size, "patch_size": config.patch_size, "num_hidden_layers": config.layers,
        "num_channels": 3, **block_settings(config.block),
    }  # fmt: skip


def built(make: type, config: Any) -> Any:
    """An empty model on "meta", for `Names.fit` to fill; what is no weight is made for real."""
    with torch.device("meta"):
        model: nn.Module = make(config)
    for part in model.modules():
        if isinstance(part, LanguageModel):
            part.rope = part.config.make_rope()
    return model


def square(size: Any, name: str) -> int:
    """A picture's or a patch's side in pixels. Raises WeightsError for what isn't square."""
    sides = [size] if isinstance(size, int) else list(size)
    if len(set(sides)) != 1:
        raise WeightsError(f"{name} {size!r} isn't square; only squares are covered")
    return sides[0]

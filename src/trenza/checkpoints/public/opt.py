"""OPT (Zhang et al. 2022), the language model inside the public BLIP-2 checkpoints."""

from collections.abc import Mapping
from typing import Any

from trenza.checkpoints.public.clip import settings
from trenza.errors import WeightsError
from trenza.layers.block import BlockConfig
from trenza.towers.language import OPT_OFFSET, LanguageConfig

_BLOCK = {
    "self_attn_layer_norm": "attention_norm", "final_layer_norm": "mlp_norm", "fc1": "mlp.up", "fc2": "mlp.down",
    **{f"self_attn.{x}_proj": f"attention.{x}" for x in "qkv"}, "self_attn.out_proj": "attention.out",
}  # fmt: skip
_DEFAULTS = {
    "vocab_size": 50272, "hidden_size": 768, "num_hidden_layers": 12, "ffn_dim": 3072, "num_attention_heads": 12,
    "max_position_embeddings": 2048, "tie_word_embeddings": True,
}  # fmt: skip
# What OPT-350M alone, or no public OPT, has otherwise.
_ONLY = {
    "do_layer_norm_before": True, "_remove_final_layer_norm": False, "enable_bias": True,
    "layer_norm_elementwise_affine": True, "activation_function": "relu",
}  # fmt: skip


def names(theirs: str, head: str) -> dict[str, str]:
    """The table of its tensors for `Names`; `theirs` is the path of its decoder."""
    return {
        **{f"{theirs}.layers.{{}}.{a}": f"language.blocks.{{}}.{b}" for a, b in _BLOCK.items()},
        f"{theirs}.embed_tokens": "language.embedding", f"{theirs}.embed_positions.weight": "language.positions",
        f"{theirs}.final_layer_norm": "language.norm", head: "language.head",
    }  # fmt: skip


def read(theirs: Mapping[str, Any]) -> LanguageConfig:
    """An OPT's text_config to ours. Raises WeightsError naming the setting that isn't covered."""
    given = settings(theirs, {**_DEFAULTS, **_ONLY})
    for key, value in [*_ONLY.items(), ("word_embed_proj_dim", given["hidden_size"])]:
        if given.get(key, value) != value:
            raise WeightsError(f"text_config.{key} {given[key]!r} isn't covered; an OPT with {value!r} is")
    block = BlockConfig(given["hidden_size"], given["num_attention_heads"], given["ffn_dim"], activation="relu")
    return LanguageConfig(
        given["vocab_size"], given["num_hidden_layers"], block, 10_000.0, given["tie_word_embeddings"],
        positions=given["max_position_embeddings"] + OPT_OFFSET,
    )  # fmt: skip


def write(config: LanguageConfig) -> dict[str, Any]:
    """The way back."""
    block = config.block
    return {
        **_ONLY, "model_type": "opt", "vocab_size": config.vocabulary, "num_hidden_layers": config.layers,
        "hidden_size": block.width, "word_embed_proj_dim": block.width, "ffn_dim": block.inner,
        "num_attention_heads": block.heads, "max_position_embeddings": config.positions - OPT_OFFSET,
        "tie_word_embeddings": config.tied,
    }  # fmt: skip

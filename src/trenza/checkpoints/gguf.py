"""Reads a Llama-family GGUF file and gives it the names and the order of the public checkpoints."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from torch import Tensor

from trenza.errors import WeightsError

_BLOCK_NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}  # fmt: skip
_OTHER_NAMES = {
    "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
}  # fmt: skip


def _half_split(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp keeps the two numbers of a rotary pair side by side; the public format half a head apart."""
    rows, columns = weight.shape
    paired = weight.reshape(heads, rows // heads // 2, 2, columns)
    return paired.swapaxes(1, 2).reshape(rows, columns)


def read_llama(file: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and float32 weights of a `config.json` and safetensors pair.

    Raises WeightsError for a damaged file, another architecture, or a tensor or setting that isn't covered.
    """
    try:
        reader = GGUFReader(file)
        # The vocabulary itself is left to the tokenizer's conversion: it takes seconds to read.
        wanted = {n: f for n, f in reader.fields.items() if not n.startswith("tokenizer.") or n.endswith("_token_id")}
        fields = {name: field.contents() for name, field in wanted.items()}
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise WeightsError(f"{file} can't be read as GGUF: {error}") from error
    kind = fields.get("general.architecture")
    if kind != "llama":
        raise WeightsError(f"{file} holds architecture {kind!r}; covered: 'llama'")
    if (scaling := fields.get("llama.rope.scaling.type", "none")) != "none":
        raise WeightsError(f"{file} scales its rotary positions by {scaling!r}; covered: none")
    try:
        heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
        weights = {}
        for tensor in reader.tensors:
            values = np.array(dequantize(tensor.data, tensor.tensor_type), np.float32, order="C")
            part = tensor.name.removesuffix(".weight").rpartition(".")[2]
            if part in ("attn_q", "attn_k"):
                values = _half_split(values, heads if part == "attn_q" else kv_heads)
            weights[_public_name(tensor.name, file)] = torch.from_numpy(np.ascontiguousarray(values))
        return _config(fields, weights), weights
    except KeyError as error:
        raise WeightsError(f"{file} lacks {error}; it isn't a whole model") from error


def _public_name(name: str, file: Path) -> str:
    match name.split("."):
        case ["blk", number, part, "weight"] if part in _BLOCK_NAMES:
            return f"model.layers.{number}.{_BLOCK_NAMES[part]}.weight"
        case [part, "weight"] if part in _OTHER_NAMES:
            return f"{_OTHER_NAMES[part]}.weight"
    raise WeightsError(f"{file} holds a tensor {name}, which a plain Llama hasn't; use a model without it")


def _config(fields: dict[str, Any], weights: dict[str, Tensor]) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": weights["model.embed_tokens.weight"].shape[0],
        "hidden_size": fields["llama.embedding_length"],
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": fields["llama.attention.head_count"],
        "num_key_value_heads": fields["llama.attention.head_count_kv"],
        "max_position_embeddings": fields["llama.context_length"],
        "rms_norm_eps": fields["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": fields.get("llama.rope.freq_base", 10_000.0),
        "tie_word_embeddings": "lm_head.weight" not in weights,
        "bos_token_id": fields.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": fields.get("tokenizer.ggml.eos_token_id"),
    }

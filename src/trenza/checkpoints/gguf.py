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
    """Config and float32 weights of a `config.json` and safetensors pair. Raises WeightsError."""
    try:
        reader = GGUFReader(file)
        fields = {name: field.contents() for name, field in reader.fields.items()}
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise WeightsError(f"{file} can't be read as GGUF: {error}") from error
    kind = fields.get("general.architecture")
    if kind != "llama":
        raise WeightsError(f"{file} holds architecture {kind!r}; covered: 'llama'")
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    weights = {}
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        name = tensor.name.removesuffix(".weight")
        if name.startswith("blk."):
            _, number, part = name.split(".")
            if part in ("attn_q", "attn_k"):
                values = _half_split(values, heads if part == "attn_q" else kv_heads)
            target = f"model.layers.{number}.{_BLOCK_NAMES[part]}"
        else:
            target = _OTHER_NAMES[name]
        weights[f"{target}.weight"] = torch.from_numpy(np.array(values, np.float32, order="C"))
    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": weights["model.embed_tokens.weight"].shape[0],
        "hidden_size": fields["llama.embedding_length"],
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": fields["llama.context_length"],
        "rms_norm_eps": fields["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": fields.get("llama.rope.freq_base", 10_000.0),
        "tie_word_embeddings": "lm_head.weight" not in weights,
        "bos_token_id": fields.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": fields.get("tokenizer.ggml.eos_token_id"),
    }
    return config, weights

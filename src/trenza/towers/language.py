"""The language model: the Llama family (Llama, SmolLM2, Mistral, Qwen2, Qwen3, Gemma), decoder only.

Touvron et al. 2023 (LLaMA, section 2.2); Jiang et al. 2023 (Mistral 7B); Yang et al. 2024 and 2025
(Qwen2, Qwen3); Gemma Team 2024 (section 2). They differ in biases, norms, windows, the gate's activation and the
embedding's scale only, which is all the config holds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.errors import WeightsError
from trenza.layers import masks
from trenza.layers.block import Block, BlockConfig
from trenza.layers.cache import KVCache
from trenza.layers.rope import Rope

OPT_OFFSET = 2
FAMILY = ("llama", "mistral", "qwen2", "qwen3", "gemma")


def _activation(name: str) -> str:
    known = {"silu": "silu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh"}
    if name not in known:
        raise WeightsError(f"hidden_act {name!r} isn't covered; covered: {', '.join(known)}")
    return known[name]


@dataclass(frozen=True)
class LanguageConfig:
    vocabulary: int
    layers: int
    block: BlockConfig
    rope_theta: float
    tied: bool
    window: int | None = None
    rotary_width: int | None = None  # so much of a head is turned by its position (Persimmon: half); else all
    embedding_scale: float = 1.0
    positions: int = 0  # learned ones in place of rotary ones (OPT, which leaves the first OPT_OFFSET unused)

    def make_rope(self) -> Rope:
        return Rope(self.rotary_width or self.block.head_size, self.rope_theta)

    def make_embedding(self) -> nn.Embedding:
        if self.embedding_scale == 1:
            return nn.Embedding(self.vocabulary, self.block.width)
        return ScaledEmbedding(self.vocabulary, self.block.width, self.embedding_scale)

    @classmethod
    def from_transformers(cls, config: Mapping[str, Any]) -> "LanguageConfig":
        """Read a `config.json` of the public format. Raises WeightsError on what isn't covered."""
        kind = config.get("model_type")
        if kind not in FAMILY:
            raise WeightsError(f"model_type {kind!r} isn't of the Llama family; covered: {', '.join(FAMILY)}")
        rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
        if rope.get("rope_type", rope.get("type", "default")) not in ("default", None):
            raise WeightsError(f"rope type {rope} isn't covered; only the default one is")
        heads = config["num_attention_heads"]
        block = BlockConfig(
            width=config["hidden_size"],
            heads=heads,
            inner=config["intermediate_size"],
            kv_heads=config.get("num_key_value_heads") or heads,
            head_width=config.get("head_dim") or config["hidden_size"] // heads,
            bias="qkvo" if config.get("attention_bias") else "qkv" if kind == "qwen2" else "",
            qk_norm="rms" if kind == "qwen3" else "",
            norm="offset_rms" if kind == "gemma" else "rms",
            eps=config["rms_norm_eps"],
            activation=_activation(config.get("hidden_act") or "silu"),
            gated=True,
        )
        window = config.get("sliding_window")
        if kind.startswith("qwen") and not config.get("use_sliding_window"):
            window = None
        theta = config.get("rope_theta") or rope.get("rope_theta") or 10_000.0
        scale = config["hidden_size"] ** 0.5 if kind == "gemma" else 1.0
        return cls(
            config["vocab_size"], config["num_hidden_layers"], block, theta,
            bool(config.get("tie_word_embeddings")), window, embedding_scale=scale,
        )  # fmt: skip


class ScaledEmbedding(nn.Embedding):
    """Gemma's words enter at sqrt(D) times their embedding; as the head, the embedding keeps its own scale."""

    def __init__(self, vocabulary: int, width: int, scale: float):
        super().__init__(vocabulary, width)
        self.scale = scale

    def forward(self, tokens: Tensor) -> Tensor:
        embedded = super().forward(tokens)
        return embedded * torch.tensor(self.scale, dtype=embedded.dtype)


class LanguageModel(nn.Module):
    """Works on embeddings, so that media can stand among the words."""

    def __init__(self, config: LanguageConfig):
        super().__init__()
        self.config = config
        width = config.block.width
        self.embedding = config.make_embedding()
        self.blocks = nn.ModuleList(Block(config.block) for _ in range(config.layers))
        self.norm = config.block.make_norm()
        self.head = None if config.tied else nn.Linear(width, config.vocabulary, bias=False)
        self.rope = config.make_rope()
        if config.positions:
            self.positions = nn.Parameter(torch.zeros(config.positions, width))
        self.added: nn.Parameter | None = None

    def extend(self, tokens: int) -> None:
        """Add `tokens` to the vocabulary behind its own, in float32 since they are trained.

        They start as the mean of the vocabulary plus a little noise, so that none is likely from the start.
        """
        table = self.embedding.weight.detach().float()
        noise = torch.randn(tokens, table.shape[1], generator=torch.Generator().manual_seed(0))
        self.added = nn.Parameter(table.mean(0) + noise * table.std(0) * 0.3)

    @property
    def size(self) -> int:
        """Of the vocabulary with what was added to it."""
        return self.config.vocabulary + (0 if self.added is None else len(self.added))

    def embed(self, tokens: Tensor) -> Tensor:
        """Token numbers [...] to embeddings [..., D], added ones included."""
        size = self.config.vocabulary
        if self.added is None:
            return self.embedding(tokens)
        own = self.embedding(tokens.clamp(max=size - 1))
        added = F.embedding((tokens - size).clamp(min=0), self.added).to(own.dtype)
        return torch.where((tokens >= size)[..., None], added, own)

    def cache_bytes(self, tokens: int) -> int:
        """Of `new_cache` for so many tokens of one row: keys and values in every layer."""
        block = self.config.block
        values = 2 * self.config.layers * (block.kv_heads or block.heads) * block.head_size
        return tokens * values * self.embedding.weight.element_size()

    def new_cache(self, batch: int, length: int) -> KVCache:
        block = self.config.block
        kv_heads, dtype = block.kv_heads or block.heads, self.embedding.weight.dtype
        return KVCache(self.config.layers, batch, kv_heads, length, block.head_size, dtype)

    def forward(
        self, x: Tensor, cache: KVCache | None = None, mask: Tensor | masks.Packed | None = None,
        positions: Tensor | None = None, between: Callable[[Tensor, int], Tensor] | None = None,
    ) -> Tensor:  # fmt: skip
        """Embeddings [B, T, D] to hidden states [B, T, D], causal unless a mask says otherwise.

        With a cache the tokens stand behind those it holds, and are added to it.
        `positions` [B, T] are given where sequences are packed; they count on from the cache otherwise.
        `between` is given the states before each block and the block's number; what it returns goes on.
        """
        past = cache.used if cache is not None else 0
        tokens = x.shape[1]
        if positions is None:
            positions = torch.arange(past, past + tokens)[None]
        one_sees_all = tokens == 1 and self.config.window is None
        if mask is None and not one_sees_all:
            mask = masks.causal(tokens, past, self.config.window)
        angles = None if self.config.positions else self.rope(positions)
        if self.config.positions:
            x = x + self.positions[positions + OPT_OFFSET]
        for layer, block in enumerate(self.blocks):
            if between is not None:
                x = between(x, layer)
            x = block(x, mask, angles, cache, layer)
        if cache is not None:
            cache.advance(tokens)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states [..., D] to next-token logits [..., V], those of added tokens behind the others."""
        own = F.linear(hidden, self.embedding.weight if self.head is None else self.head.weight)
        if self.added is None:
            return own
        return torch.cat([own, F.linear(hidden, self.added.to(hidden.dtype))], -1)


_BLOCK_NAMES = {
    "input_layernorm": "attention_norm", "post_attention_layernorm": "mlp_norm",
    "self_attn.q_proj": "attention.q", "self_attn.k_proj": "attention.k",
    "self_attn.v_proj": "attention.v", "self_attn.o_proj": "attention.out",
    "self_attn.q_norm": "attention.q_norm", "self_attn.k_norm": "attention.k_norm",
    "mlp.gate_proj": "mlp.gate", "mlp.up_proj": "mlp.up", "mlp.down_proj": "mlp.down",
}  # fmt: skip


def from_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a public Llama-family checkpoint to ours."""
    converted = {}
    for name, tensor in weights.items():
        if name == "lm_head.weight":
            converted["head.weight"] = tensor
            continue
        path = name.removeprefix("model.")
        if path.startswith("layers."):
            _, number, rest = path.split(".", 2)
            owner, leaf = rest.rsplit(".", 1)
            if owner not in _BLOCK_NAMES:
                raise WeightsError(f"tensor {name} has no place in a Llama-family block")
            converted[f"blocks.{number}.{_BLOCK_NAMES[owner]}.{leaf}"] = tensor
        else:
            converted[path.replace("embed_tokens", "embedding")] = tensor
    return converted


def to_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way back: our names to those of a public Llama-family checkpoint."""
    theirs = {ours: name for name, ours in _BLOCK_NAMES.items()}
    converted = {}
    for name, tensor in weights.items():
        if name == "head.weight":
            converted["lm_head.weight"] = tensor
        elif name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            owner, leaf = rest.rsplit(".", 1)
            converted[f"model.layers.{number}.{theirs[owner]}.{leaf}"] = tensor
        else:
            converted["model." + name.replace("embedding", "embed_tokens")] = tensor
    return converted


def build(config: Mapping[str, Any], weights: Mapping[str, Tensor], dtype: torch.dtype) -> LanguageModel:
    """A model with its weights, in `dtype`. Nothing is allocated twice: tensors are taken as they are."""
    parsed = LanguageConfig.from_transformers(config)
    with torch.device("meta"):
        model = LanguageModel(parsed)
    renamed = {k: v.to(dtype) for k, v in from_transformers(weights).items()}
    if parsed.tied:
        renamed.pop("head.weight", None)
    model.load_state_dict(renamed, strict=True, assign=True)
    model.rope = parsed.make_rope()
    return model.eval().requires_grad_(False)

"""The transformer block: norm, attention, (norm, cross-attention,) norm, feed-forward."""

from dataclasses import dataclass

from torch import Tensor, nn

from trenza.layers.attention import Attention
from trenza.layers.cache import KVCache
from trenza.layers.masks import Packed
from trenza.layers.mlp import MLP, GatedMLP
from trenza.layers.norm import HeadLayerNorm, OffsetRMSNorm, RMSNorm


@dataclass(frozen=True)
class BlockConfig:
    """Shape of one block. Defaults are a plain ViT's; the towers set what differs."""

    width: int
    heads: int
    inner: int
    kv_heads: int | None = None
    head_width: int | None = None
    bias: str = "qkvo"
    qk_norm: str = ""  # of queries and keys: "rms" (Qwen3), "layer" (Persimmon) or "head_layer" (Chameleon)
    norm: str = "layer"  # or "rms" or "offset_rms" (Gemma)
    norm_after: bool = False  # a branch's output is normed, not its input (Swin V2; Chameleon 34B)
    eps: float = 1e-5
    activation: str = "gelu"
    gated: bool = False
    cross: bool = False

    @property
    def head_size(self) -> int:
        return self.head_width or self.width // self.heads

    def make_norm(self) -> nn.Module:
        kind = {"layer": nn.LayerNorm, "rms": RMSNorm, "offset_rms": OffsetRMSNorm}[self.norm]
        return kind(self.width, self.eps)

    def make_head_norm(self, heads: int) -> nn.Module:
        if self.qk_norm == "head_layer":
            return HeadLayerNorm(heads, self.head_size)
        return {"layer": nn.LayerNorm, "rms": RMSNorm}[self.qk_norm](self.head_size, self.eps)

    def make_attention(self, context: int | None = None) -> Attention:
        """`context`: width of what keys and values are made from, where it isn't the block's own."""
        qk_norm = self.make_head_norm if self.qk_norm else None
        return Attention(self.width, self.heads, self.kv_heads, self.head_width, self.bias, qk_norm, context)


class Block(nn.Module):
    def __init__(self, config: BlockConfig):
        super().__init__()
        self.norm_after = config.norm_after
        self.attention_norm = config.make_norm()
        self.attention = config.make_attention()
        if config.cross:
            self.cross_norm = config.make_norm()
            self.cross = config.make_attention()
        self.mlp_norm = config.make_norm()
        self.mlp = (GatedMLP if config.gated else MLP)(config.width, config.inner, config.activation)

    def forward(
        self, x: Tensor, mask: Tensor | Packed | None = None, angles: tuple[Tensor, Tensor] | None = None,
        cache: KVCache | None = None, layer: int = 0,
        context: Tensor | tuple[Tensor, Tensor] | None = None, context_mask: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """x [B, T, D] to [B, T, D]; `context` only in a block with cross-attention."""
        if self.norm_after:
            x = x + self.attention_norm(self.attention(x, mask, angles, cache, layer))
            return x + self.mlp_norm(self.mlp(x))
        x = x + self.attention(self.attention_norm(x), mask, angles, cache, layer)
        if context is not None:
            x = x + self.cross(self.cross_norm(x), context_mask, context=context)
        return x + self.mlp(self.mlp_norm(x))

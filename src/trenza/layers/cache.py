"""A static key/value cache: memory is taken once, so decoding never grows or copies."""

import torch
from torch import Tensor


class KVCache:
    """Keys and values of all layers, [layers, B, K, length, E]; `used` tokens are filled."""

    def __init__(
        self, layers: int, batch: int, kv_heads: int, length: int, head_width: int,
        dtype: torch.dtype = torch.float32,
    ):  # fmt: skip
        shape = (layers, batch, kv_heads, length, head_width)
        self.keys = torch.zeros(shape, dtype=dtype)
        self.values = torch.zeros(shape, dtype=dtype)
        self.used = 0

    @property
    def length(self) -> int:
        return self.keys.shape[3]

    @property
    def bytes(self) -> int:
        return 2 * self.keys.numel() * self.keys.element_size()

    def store(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write [B, K, T, E] behind the used tokens; return all keys and values up to and with them."""
        end = self.used + keys.shape[2]
        if end > self.length:
            raise IndexError(f"cache of {self.length} tokens can't take token {end}")
        self.keys[layer, :, :, self.used : end] = keys
        self.values[layer, :, :, self.used : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advance(self, tokens: int) -> None:
        """Called once a forward pass, after the last layer stored its tokens."""
        self.used += tokens

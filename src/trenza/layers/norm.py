"""Root-mean-square norm (Zhang & Sennrich 2019), and layer norm with weights for each head."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Scale [..., D] to unit root mean square, in float32 whatever comes in, as Llama's weights expect."""

    def __init__(self, width: int, eps: float = 1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * scaled.to(x.dtype)


class OffsetRMSNorm(RMSNorm):
    """Gemma's: its weights are kept as their distance from 1, and multiplied in float32 too."""

    def __init__(self, width: int, eps: float = 1e-6):
        super().__init__(width, eps)
        nn.init.zeros_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return ((1 + self.weight.float()) * scaled).to(x.dtype)


class HeadLayerNorm(nn.Module):
    """Layer norm of [B, H, T, E] over E, each head with weights of its own (Chameleon, 2024, section 2.3)."""

    def __init__(self, heads: int, width: int, eps: float = 1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(heads, width))
        self.bias = nn.Parameter(torch.zeros(heads, width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], eps=self.eps) * self.weight[:, None] + self.bias[:, None]

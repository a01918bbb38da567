"""Root-mean-square norm (Zhang & Sennrich 2019); layer norm is torch's own."""

import torch
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

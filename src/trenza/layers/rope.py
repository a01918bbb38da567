"""Rotary position embedding (Su et al. 2021, RoFormer, section 3.2), in the half-split form of Llama."""

import torch
from torch import Tensor, nn


class Rope(nn.Module):
    """Angles for positions, and their application to queries and keys."""

    frequencies: Tensor

    def __init__(self, head_width: int, theta: float = 10_000.0):
        super().__init__()
        exponents = torch.arange(0, head_width, 2, dtype=torch.float32) / head_width
        self.register_buffer("frequencies", theta**-exponents, persistent=False)

    def forward(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Positions [B, T] to cosines and sines [B, 1, T, E], float32."""
        angles = positions[:, None, :, None].float() * self.frequencies  # [B, 1, T, E/2]
        angles = torch.cat([angles, angles], -1)
        return angles.cos(), angles.sin()


def rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair (i, i + E/2) of [B, H, T, E] by its angle; where angles are fewer than E, the rest stays."""
    turned = angles[0].shape[-1]
    if turned < x.shape[-1]:
        return torch.cat([rotate(x[..., :turned], angles), x[..., turned:]], -1)
    cos, sin = (a.to(x.dtype) for a in angles)
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin

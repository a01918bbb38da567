"""The glance of the detector of objects: where things are, without knowing what they are."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Mixer(nn.Module):
    """Wide depthwise convolution, then an inverted bottleneck, with a shortcut (Liu et al. 2022, figure 4)."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 5, padding=2 * dilation, dilation=dilation, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.expand, self.project = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(F.gelu(self.expand(self.norm(self.depthwise(x)))))


class Glance(nn.Module):
    """Maps of two depths to how likely a thing has its centre in each cell, and its box seen from there."""

    def __init__(self, fine: int, coarse: int, width: int):
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(fine, width, 1), nn.Conv2d(coarse, width, 1)
        self.whole = nn.Linear(coarse, width)
        self.mixers = nn.Sequential(*(Mixer(width, dilation) for dilation in (1, 2, 4)))
        self.norm = nn.GroupNorm(1, width)
        self.head = nn.Conv2d(width, 5, 1)
        assert self.head.bias is not None
        nn.init.constant_(self.head.bias, -3.0)  # few cells are centres, and things are small beside the picture

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """[B, F, G, G] and [B, C, G/2, G/2] to centre logits [B, G, G] and boxes [B, G, G, 4] (y0 x0 y1 x1, 0..1)."""
        x = self.fine(fine) + F.interpolate(self.coarse(coarse), scale_factor=2.0, mode="bilinear")
        x = x + self.whole(coarse.mean((2, 3)))[..., None, None]
        out = self.head(F.gelu(self.norm(self.mixers(x)))).float()
        size = out.shape[-1]
        middle = (torch.arange(size, device=out.device) + 0.5) / size
        reach = out[:, 1:].clamp(max=1.0).exp()  # of the picture's side, from the cell's middle to each edge
        y, x = middle[None, :, None], middle[None, None, :]
        boxes = torch.stack([y - reach[:, 0], x - reach[:, 1], y + reach[:, 2], x + reach[:, 3]], -1)
        return out[:, 0], boxes

"""How a picture is seen by the systems on the bench: EfficientNet's features of two depths in one grid.

The last map alone (stride 32) can't tell small things apart, so each of its cells also carries the four cells of
the map at stride 16 that lie under it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from trenza.towers.efficientnet import STRIDE_16, EfficientNet, EfficientNetConfig

PIXELS = 256


def width(config: EfficientNetConfig) -> int:
    """W of `look`: 1280 of the last map and four cells of the map at stride 16."""
    return config.width + 4 * config.widths[STRIDE_16]


@torch.no_grad()
def look(tower: EfficientNet, pixels: Tensor, size: int = PIXELS) -> Tensor:
    """uint8 [N, H, W, 3], squares, to features [N, (size / 32)^2, W], float32, rows of the grid from the top."""
    x = EfficientNet.normalise(pixels.permute(0, 3, 1, 2))
    if x.shape[-1] != size:
        x = F.interpolate(x, size=size, mode="bicubic", antialias=True).clamp(-127 / 128, 1)
    x = x.to(tower.stem.conv.weight.dtype).contiguous(memory_format=torch.channels_last)
    fine, coarse = tower.depths(x)
    both = torch.cat([coarse, F.pixel_unshuffle(fine, 2)], 1)  # [N, W, size / 32, size / 32]
    return both.flatten(2).transpose(1, 2).float().contiguous()

"""The encoder of a VQGAN and its codebook (Esser et al. 2021, section 3.1): a picture becomes a grid of codes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class VQConfig:
    """widths: channels of each level; between two levels the map halves. attended: sides of maps with attention."""

    resolution: int
    channels: int
    stem: int
    widths: tuple[int, ...]
    blocks: int
    attended: tuple[int, ...]
    latent: int
    code_width: int
    codes: int


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, width, eps=1e-6)


class ResidualBlock(nn.Module):
    """[B, inputs, H, W] to [B, outputs, H, W]."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.norm1, self.conv1 = _norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2, self.conv2 = _norm(outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        return self.skip(x) + self.conv2(F.silu(self.norm2(y)))


class AttentionBlock(nn.Module):
    """Every place of a map looks at every other, one head."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = _norm(width)
        self.q, self.k, self.v, self.out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        q, k, v = (part(y).flatten(2).transpose(1, 2) for part in (self.q, self.k, self.v))  # [B, HW, C]
        seen = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(seen.transpose(1, 2).unflatten(2, x.shape[2:]))


class Level(nn.Module):
    """Residual blocks on maps of one size, then (but in the last level) a halving."""

    def __init__(self, inputs: int, outputs: int, blocks: int, attended: bool, halve: bool):
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(outputs if n else inputs, outputs) for n in range(blocks))
        self.attention = nn.ModuleList(AttentionBlock(outputs) for _ in range(blocks) if attended)
        self.halve = nn.Conv2d(outputs, outputs, 3, stride=2) if halve else None

    def forward(self, x: Tensor) -> Tensor:
        for number, block in enumerate(self.blocks):
            x = block(x)
            if self.attention:
                x = self.attention[number](x)
        return x if self.halve is None else self.halve(F.pad(x, (0, 1, 0, 1)))


class VQEncoder(nn.Module):
    """`back` is the first layer of the decoder, which public checkpoints carry along; nothing here reads it."""

    def __init__(self, config: VQConfig):
        super().__init__()
        self.config, last = config, config.widths[-1]
        self.stem = nn.Conv2d(config.channels, config.stem, 3, padding=1)
        inputs = (config.stem, *config.widths)
        self.levels = nn.ModuleList(
            Level(
                inputs[n], width, config.blocks, config.resolution >> n in config.attended, n < len(config.widths) - 1
            )
            for n, width in enumerate(config.widths)
        )
        self.middle = nn.Sequential(ResidualBlock(last, last), AttentionBlock(last), ResidualBlock(last, last))
        self.norm = _norm(last)
        self.out = nn.Conv2d(last, config.latent, 3, padding=1)
        self.project = nn.Conv2d(config.latent, config.code_width, 1)
        self.back = nn.Conv2d(config.code_width, config.latent, 1)
        self.codebook = nn.Embedding(config.codes, config.code_width)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels [B, channels, H, W] in -1..1 to the number of the nearest code at each place, [B, places]."""
        x = self.stem(pixels)
        for level in self.levels:
            x = level(x)
        x = self.project(self.out(F.silu(self.norm(self.middle(x)))))
        return torch.cdist(x.flatten(2).transpose(1, 2), self.codebook.weight[None]).argmin(-1)

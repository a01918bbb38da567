"""How signals become the features that all systems of the bench share: grids from frozen towers.

A picture is one grid of 64 cells, a video eight frames of 16, a sound windows of 3 s of 30 steps each.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from trenza.errors import UsageError
from trenza.signals import Audio, Image, Signal, Video
from trenza.signals.normalise import square
from trenza.systems import seeing
from trenza.systems.examples import Medium
from trenza.towers import hearing
from trenza.towers.efficientnet import EfficientNet
from trenza.towers.whisper import Whisper, log_mel, pad_seconds

CELLS = (seeing.PIXELS // 32) ** 2
FRAMES, FRAME_CELLS = 8, CELLS // 4
STEPS = 30  # of a window of sound: ten a second
SIZES = {"image": CELLS, "video": FRAME_CELLS, "audio": STEPS}


class Grids:
    """Signals to `Medium`s of features [N, T, W]; the towers are frozen and may be in bfloat16."""

    def __init__(self, eyes: EfficientNet, ears: Whisper):
        self.eyes, self.ears = eyes, ears
        self.widths = {"image": seeing.width(eyes.config), "audio": ears.config.width}
        self.widths["video"] = self.widths["image"]

    def __call__(self, signals: Sequence[Signal]) -> list[tuple[Medium, ...]]:
        """For each signal its medium; a video with sound becomes two. Pictures of all signals are seen together."""
        pictures = [_frames(s) for s in signals]
        seen = self._see([p for some in pictures for p in some])
        made = []
        for signal, some in zip(signals, pictures, strict=True):
            own, seen = seen[: len(some)], seen[len(some) :]
            made.append(tuple(self._media(signal, own)))
        return made

    def _media(self, signal: Signal, own: Tensor) -> list[Medium]:
        if isinstance(signal, Image):
            return [Medium("image", own)]
        if isinstance(signal, Audio):
            return [Medium("audio", self._hear(signal))]
        if isinstance(signal, Video):
            sound = self._media(signal.audio, own) if signal.audio is not None else []
            return [Medium("video", _coarser(own)), *sound]
        raise UsageError(f"a {type(signal).__name__} is no medium; give pictures, sounds or videos")

    def _see(self, pictures: list[Tensor]) -> Tensor:
        if not pictures:
            return torch.zeros(0, CELLS, self.widths["image"])
        return torch.cat(
            [seeing.look(self.eyes, torch.stack(pictures[i : i + 32])) for i in range(0, len(pictures), 32)]
        )

    @torch.no_grad()
    def _hear(self, sound: Audio) -> Tensor:
        windows = hearing.windows(torch.tensor(sound.samples))
        dtype = self.ears.encoder.conv1.weight.dtype
        padded = torch.stack([pad_seconds(w, hearing.WINDOW_SECONDS) for w in windows])
        features = self.ears.encoder(log_mel(padded).to(dtype)).float()  # [N, 150, W]
        return F.adaptive_avg_pool1d(features.transpose(1, 2), STEPS).transpose(1, 2)


def _frames(signal: Signal) -> list[Tensor]:
    """Square pictures uint8 [256, 256, 3] of a picture, or of frames at even distances of a video."""
    if isinstance(signal, Image):
        frames = signal.pixels[None]
    elif isinstance(signal, Video):
        chosen = np.linspace(0, len(signal.frames) - 1, min(FRAMES, len(signal.frames))).round().astype(int)
        frames = signal.frames[chosen]
    else:
        return []
    return [torch.from_numpy(square(Image(f), seeing.PIXELS)) for f in frames]


def _coarser(grids: Tensor) -> Tensor:
    """Grids [N, 64, W] to [N, 16, W]: each four cells averaged."""
    side = int(CELLS**0.5)
    maps = grids.float().transpose(1, 2).unflatten(2, (side, side))
    return F.avg_pool2d(maps, 2).flatten(2).transpose(1, 2)

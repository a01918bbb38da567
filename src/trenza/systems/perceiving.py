"""How the default senses: pictures become objects and lines of text, sounds become events, a video three pictures.

The counterpart of `sensing.Grids` for bridges of `bridges/perceived.py`.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from trenza.errors import UsageError
from trenza.signals import Audio, Image, Signal, Video
from trenza.signals.normalise import square
from trenza.systems.examples import Medium

PIXELS = 256  # a side, of the square that detectors see
FRAMES = 3  # of a video: its first, middle and last


class Things:
    """objects: squares [N, H, W, 3] to [K, 30] each; events: samples [N] to [K, 40]; lines: pixels to [K, 28]."""

    def __init__(
        self, objects: Callable[[Tensor], list[Tensor]], events: Callable[[Tensor], Tensor],
        lines: Callable[[np.ndarray], Tensor],
    ):  # fmt: skip
        self.objects, self.events, self.lines = objects, events, lines

    def __call__(self, signals: Sequence[Signal]) -> list[tuple[Medium, ...]]:
        """For each signal its media: two for a picture, two for each of a video's frames and one for its sound."""
        return [tuple(self._media(signal)) for signal in signals]

    def _media(self, signal: Signal) -> list[Medium]:
        if isinstance(signal, Image):
            return self._picture(signal)
        if isinstance(signal, Audio):
            return [Medium("audio", self.events(torch.tensor(signal.samples))[None])]
        if isinstance(signal, Video):
            chosen = np.linspace(0, len(signal.frames) - 1, FRAMES).round().astype(int)
            media = [m for i in chosen for m in self._picture(Image(signal.frames[i]))]
            return [*media, *(self._media(signal.audio) if signal.audio is not None else [])]
        raise UsageError(f"a {type(signal).__name__} is no medium; give pictures, sounds or videos")

    def _picture(self, image: Image) -> list[Medium]:
        """Both see the same square, so that their places mean the same."""
        pixels = square(image, PIXELS)
        (objects,) = self.objects(torch.from_numpy(pixels)[None])
        return [Medium("image", objects[None]), Medium("lines", self.lines(pixels)[None])]

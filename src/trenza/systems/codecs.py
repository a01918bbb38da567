"""Pictures and sounds to codes and back: what the native system reads and writes.

A picture is 64 by 64 pixels, a sound the log-mel spectrogram that Whisper hears, in windows of 3 s; both go through a
codec of the same kind (`bridges/native.py`). A spectrogram has lost its phases, so a sound is found again by Griffin
and Lim's iteration (1984).
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.bridges.native import Codec, CodecConfig
from trenza.checkpoints.folder import fill, load_folder, save_folder
from trenza.checkpoints.settings import parse
from trenza.errors import UsageError
from trenza.signals import Audio, Image, Signal, Video, square
from trenza.systems.examples import Medium
from trenza.towers import hearing
from trenza.towers.whisper import HOP, WINDOW, log_mel, mel_filters, pad_seconds

PIXELS = 64
LEVELS = (8, 5, 5, 5)  # 1,000 codes (Mentzer et al. 2023, table 1)
PICTURES = CodecConfig(2, 3, (32, 64, 128), LEVELS)  # 8 by 8 codes a picture
SOUNDS = CodecConfig(1, 80, (192, 192), LEVELS)  # 25 codes a second
CONFIGS = {"image": PICTURES, "audio": SOUNDS}
CELLS = (PIXELS >> len(PICTURES.widths)) ** 2  # codes of a picture
STEPS = 75  # codes of a window of sound
PATCHED, PATCH = 96, 12  # pixels of a picture that comes raw, and of a patch's side
FRAMES = 4  # of a video
ITERATIONS = 32  # of Griffin and Lim


def normalised(pixels: Tensor) -> Tensor:
    """uint8 [N, H, W, 3] to [N, 3, H, W] in -1..1."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def as_pixels(media: Tensor) -> Tensor:
    """The way back, uint8 [N, H, W, 3]."""
    return ((media.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)


def heard(samples: Tensor) -> Tensor:
    """Samples [N] to log-mel windows of 3 s, [windows, 80, 300]."""
    return log_mel(torch.stack([pad_seconds(w, hearing.WINDOW_SECONDS) for w in hearing.windows(samples)]))


def audible(mel: Tensor, seed: int = 0) -> Tensor:
    """Log-mel windows [windows, 80, frames], as `log_mel` scales them, to samples [N]; windows follow each other."""
    power = 10 ** (mel.float() * 4 - 4)  # [windows, 80, frames]
    magnitude = (torch.linalg.pinv(mel_filters(mel.shape[1])) @ power).clamp(min=0).sqrt()
    window, size = torch.hann_window(WINDOW), mel.shape[-1] * HOP
    generator = torch.Generator().manual_seed(seed)
    phases = torch.rand(magnitude.shape, generator=generator) * 2 * torch.pi
    samples = torch.zeros(len(mel), size)
    for _ in range(ITERATIONS):
        spectrum = F.pad(torch.polar(magnitude, phases), (0, 1))  # the frame that log_mel leaves out
        samples = torch.istft(spectrum, WINDOW, HOP, window=window, length=size)
        phases = torch.stft(samples, WINDOW, HOP, window=window, return_complex=True)[..., :-1].angle()
    return samples.flatten()


def _frames(signal: Signal, size: int) -> Tensor:
    """uint8 [N, size, size, 3]: a picture, or frames at even distances of a video."""
    if isinstance(signal, Image):
        frames = signal.pixels[None]
    elif isinstance(signal, Video):
        chosen = np.linspace(0, len(signal.frames) - 1, min(FRAMES, len(signal.frames))).round().astype(int)
        frames = signal.frames[chosen]
    else:
        raise UsageError(f"{type(signal).__name__} is no medium that is seen; give pictures or videos")
    return torch.stack([torch.from_numpy(square(Image(np.ascontiguousarray(f)), size)) for f in frames])


class Codecs(nn.ModuleDict):
    """A codec by kind of medium, "image" and "audio", frozen."""

    def __call__(self, signals: Sequence[Signal]) -> list[tuple[Medium, ...]]:
        """For each signal its medium, features being codes [N, T, 1]; a video with sound becomes two."""
        made = []
        for signal in signals:
            sound = signal.audio if isinstance(signal, Video) else signal if isinstance(signal, Audio) else None
            seen = [] if isinstance(signal, Audio) else [Medium(signal.kind, self._seen(signal))]  # type: ignore[union-attr]
            made.append((*seen, *([self._heard(sound)] if sound is not None else ())))
        return made

    def _heard(self, sound: Audio) -> Medium:
        return Medium("audio", self._coded("audio", heard(torch.tensor(sound.samples))))

    def _seen(self, signal: Signal) -> Tensor:
        return self._coded("image", normalised(_frames(signal, PIXELS)))

    def _coded(self, kind: str, media: Tensor) -> Tensor:
        return self[kind].encode(media).flatten(1)[..., None].float()  # type: ignore[operator, union-attr]

    def picture(self, codes: Sequence[int]) -> Image:
        """64 codes to a picture."""
        side = PIXELS >> len(PICTURES.widths)
        media = self["image"].decode(torch.tensor(codes).view(1, side, side))  # type: ignore[operator, union-attr]
        return Image(as_pixels(media)[0].numpy())

    def sound(self, codes: Sequence[int]) -> Audio:
        """Codes of windows of 75 to a sound."""
        return Audio(audible(self["audio"].decode(torch.tensor(codes).view(-1, STEPS))).numpy())  # type: ignore[operator, union-attr]


def patches(signals: Sequence[Signal]) -> list[tuple[Medium, ...]]:
    """Pictures and videos as raw patches [N, 64, 432] in -1..1, 8 by 8 of 12 pixels a side, without any tower."""
    made: list[tuple[Medium, ...]] = []
    for signal in signals:
        pixels = normalised(_frames(signal, PATCHED))  # [N, 3, 96, 96]
        raw = F.unfold(pixels, PATCH, stride=PATCH).transpose(1, 2)
        made.append((Medium(signal.kind, raw.contiguous()),))  # type: ignore[union-attr]
    return made


def save(codec: Codec, folder: Path) -> None:
    """In half precision, which is all that its rounding to levels needs."""
    weights = {name: tensor.half() for name, tensor in codec.state_dict().items()}
    save_folder(folder, {"system": "codec", **asdict(codec.config)}, weights)


def load(folder: Path) -> Codec:
    """A codec that `save` wrote. Raises WeightsError."""
    config, weights = load_folder(folder)
    config.pop("system", None)
    codec = Codec(parse(CodecConfig, config, str(folder / "config.json")))
    fill(codec, weights, folder / "model.safetensors")
    return codec.eval().requires_grad_(False)

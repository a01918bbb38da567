"""What an audit knows of one medium: decoded once, kept as a few numbers, so that 50,000 of them fit in memory."""

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from trenza.data.samples import Media
from trenza.errors import SignalError
from trenza.signals import SAMPLE_RATE, Audio, Image, decode

THUMB = 24  # pixels a side of what near duplicates are confirmed on
PATCH = 8  # pixels a side of the corners in which a planted trigger would stand
FLAT = 2.0  # levels of 255: a picture whose pixels deviate less shows nothing
QUIET = 1e-3  # of full scale: the loudest tenth of a second of a sound with nothing in it
FRAMES = 3  # of a video: first, middle, last


@dataclass(frozen=True)
class Measured:
    """`sha256` of the file; of the decoded signal `content` and a small picture of it."""

    kind: str
    sha256: str
    broken: str = ""  # why it can't be decoded
    blank: str = ""  # what makes it empty
    content: str = ""
    # A small picture, uint8 [THUMB, THUMB, 3]; of a sound's spectrogram, of three frames of a video side by side.
    thumb: np.ndarray | None = None
    corners: tuple[int, ...] = ()  # hashes of the corners that are not flat


def measure(media: Media, name: str) -> Measured:
    """Never raises for what is wrong with the medium: that is what it is asked for."""
    digest = media.sha256
    try:
        signal = decode(media.data, name=name, kind=media.kind)
    except SignalError as error:
        return Measured(media.kind, digest, broken=str(error))
    blank = ""
    corners: tuple[int, ...] = ()
    if isinstance(signal, Image):
        pixels = signal.pixels
        blank, corners = _flat(pixels), _corners(pixels)
    elif isinstance(signal, Audio):
        blank, pixels = _silent(signal.samples), spectrogram(signal.samples)
    else:
        frames = signal.frames[np.linspace(0, len(signal.frames) - 1, FRAMES).round().astype(int)]
        blank = "" if any(not _flat(frame) for frame in frames) else "every frame is of one colour"
        pixels = np.concatenate(list(frames), axis=1)
    picture = Pillow.fromarray(pixels)
    # A filter that weighs: with a box, scaling a picture by a few percent shifts its pixels between the boxes.
    thumb = np.asarray(picture.resize((THUMB, THUMB), Pillow.Resampling.BILINEAR))
    return Measured(media.kind, digest, "", blank, signal.content_hash, thumb, corners)


def _flat(pixels: np.ndarray) -> str:
    """Why the picture is blank, or nothing."""
    counts = np.array(Pillow.fromarray(pixels).histogram(), float).reshape(3, 256)  # 20 times as fast as pixels.std
    levels, total = np.arange(256), counts.sum(1)
    mean = counts @ levels / total
    deviation = float(np.sqrt(np.maximum(counts @ levels**2 / total - mean**2, 0)).max())
    return f"one colour: its pixels deviate by {deviation:.1f} of 255" if deviation < FLAT else ""


def _silent(samples: np.ndarray) -> str:
    if not len(samples):
        return "no samples"
    whole = samples[: max(len(samples) // 1600, 1) * 1600]
    loudest = max(float(np.sqrt(np.mean(part**2))) for part in np.array_split(whole, max(len(whole) // 1600, 1)))
    return f"silence: its loudest tenth of a second is {loudest:.5f} of full scale" if loudest < QUIET else ""


def spectrogram(samples: np.ndarray) -> np.ndarray:
    """Loudness over time and frequency as a picture, uint8 [128, time, 3]: what a perceptual hash can be made of."""
    size = SAMPLE_RATE // 32
    padded = np.pad(samples, (0, -len(samples) % size + size))
    parts = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2] * np.hanning(size)
    power = np.log10(np.abs(np.fft.rfft(parts))[:, 1:129].T + 1e-4)  # [128, time]
    scaled = (power - power.min()) / max(float(np.ptp(power)), 1e-6)
    return np.repeat((scaled[::-1] * 255).astype(np.uint8)[..., None], 3, axis=2)


def _corners(pixels: np.ndarray) -> tuple[int, ...]:
    """A hash of each corner of PATCH x PATCH that is not flat; levels are coarse, so that mild coding keeps them."""
    found = []
    for rows in (slice(0, PATCH), slice(-PATCH, None)):
        for columns in (slice(0, PATCH), slice(-PATCH, None)):
            patch = pixels[rows, columns]
            if patch.std() > 20:
                coarse = (patch // 64).tobytes()
                found.append(int.from_bytes(hashlib.blake2b(coarse, digest_size=8).digest(), "big"))
    return tuple(found)

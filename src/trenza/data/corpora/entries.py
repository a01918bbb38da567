"""What a corpus is to a builder: a row of samples, each made only when it is asked for."""

import io
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from trenza.data.samples import Item, Media, Pair


@dataclass(frozen=True)
class Entry:
    """A sample not made yet. `make` raises DataError where the source is damaged."""

    key: str
    make: Callable[[], Pair | Item]


@dataclass(frozen=True)
class Corpus:
    """A source: its name, its licence, its entries in a fixed order for some languages (ISO 639-1).

    starter: whether it belongs to the starter corpus, as the sources to train on do.
    """

    name: str
    licence: str
    entries: Callable[[tuple[str, ...]], Iterator[Entry]]
    starter: bool = True


def png(pixels: np.ndarray) -> Media:
    """uint8 [H, W], [H, W, 3] or [H, W, 4] as a PNG."""
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return Media("image", "png", buffer.getvalue())


def wav(samples: np.ndarray, rate: int) -> Media:
    """float32 [N] in -1..1 as a WAV of 16 bits."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return Media("audio", "wav", buffer.getvalue())

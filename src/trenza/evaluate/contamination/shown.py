"""Samples as a report shows them side by side: words, and media as small pictures in data URLs."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from trenza.data.quality.measure import spectrogram
from trenza.data.samples import Item, Media
from trenza.data.shards import Sample
from trenza.errors import SignalError
from trenza.signals import Audio, Image, decode

SIDE = 160  # pixels of the longer side


@dataclass(frozen=True)
class Shown:
    """media: data URLs of JPEGs: the picture, the middle frame of a video, the spectrogram of a sound."""

    text: str = ""
    media: tuple[str, ...] = ()


NOTHING = Shown()


def shown(samples: Iterable[tuple[str, Sample]], wanted: set[str]) -> dict[str, Shown]:
    """The samples `wanted` by name."""
    found = {}
    for name, sample in samples if wanted else ():
        if name in wanted:
            if isinstance(sample, Item):
                found[name] = Shown(f"{sample.question} {sample.answer}".strip(), tuple(map(_picture, sample.media)))
            else:
                found[name] = Shown(sample.text, (_picture(sample.media),))
        if len(found) == len(wanted):
            break
    return found


def _picture(media: Media) -> str:
    """Empty for a medium that can't be decoded."""
    try:
        signal = decode(media.data, name="a sample", kind=media.kind)
    except SignalError:
        return ""
    if isinstance(signal, Image):
        pixels: np.ndarray = signal.pixels
    elif isinstance(signal, Audio):
        pixels = spectrogram(signal.samples)
    else:
        pixels = signal.frames[len(signal.frames) // 2]
    picture = Pillow.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"

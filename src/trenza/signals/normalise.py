"""The one shape that towers share: a square picture."""

import numpy as np
import PIL.Image

from trenza.signals.media import Image


def square(image: Image, size: int) -> np.ndarray:
    """`image` as uint8 [size, size, 3]: the longer side becomes `size`, centred on white, bicubic."""
    height, width = image.pixels.shape[:2]
    scale = size / max(height, width)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    picture = PIL.Image.fromarray(image.pixels).resize(inner, PIL.Image.Resampling.BICUBIC)
    canvas = PIL.Image.new("RGB", (size, size), (255, 255, 255))
    canvas.paste(picture, ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return np.array(canvas)

"""The one shape that towers share: a square picture."""

import numpy as np
import PIL.Image

from trenza.signals.media import Image


def into_square(x: float, y: float, height: int, width: int) -> tuple[float, float]:
    """A place of a picture, in shares of its sides, in shares of the side of its `square`."""
    side = max(height, width)
    return (x * width + (side - width) / 2) / side, (y * height + (side - height) / 2) / side


def out_of_square(x: float, y: float, height: int, width: int) -> tuple[float, float]:
    """The other way round; what lies on the white border goes to the picture's edge."""
    side = max(height, width)
    across, down = (x * side - (side - width) / 2) / width, (y * side - (side - height) / 2) / height
    return min(max(across, 0.0), 1.0), min(max(down, 0.0), 1.0)


def square(image: Image, size: int) -> np.ndarray:
    """`image` as uint8 [size, size, 3]: the longer side becomes `size`, centred on white, bicubic."""
    height, width = image.pixels.shape[:2]
    scale = size / max(height, width)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    picture = PIL.Image.fromarray(image.pixels).resize(inner, PIL.Image.Resampling.BICUBIC)
    canvas = PIL.Image.new("RGB", (size, size), (255, 255, 255))
    canvas.paste(picture, ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return np.array(canvas)

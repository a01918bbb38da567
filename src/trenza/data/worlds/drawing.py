"""Pixels: grounds, tints, composition with visible masks, written labels, and encoding."""

import functools
import io
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from trenza.conversation import Box
from trenza.data.samples import Media

SIZE = 256  # pixels a side of every picture and film
# Middle of each ramp from near black to near white. Chosen far apart, so that a name has one answer.
COLOURS = {
    "red": (215, 30, 35), "orange": (245, 135, 15), "yellow": (245, 215, 30), "green": (40, 150, 55),
    "blue": (35, 85, 215), "purple": (125, 45, 165), "pink": (245, 130, 185), "grey": (130, 130, 130),
}  # fmt: skip
_FONTS = Path(matplotlib.get_data_path()) / "fonts/ttf"  # the same files on every machine


@functools.lru_cache
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(_FONTS / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"), size)


def tinted(rgba: np.ndarray, colour: str) -> np.ndarray:
    """The same cut-out in shades of one colour; its own light and dark stay. uint8 [h, w, 4]."""
    light = rgba[..., :3] @ np.array([0.3, 0.59, 0.11], np.float32)  # [h, w]
    inside = light[rgba[..., 3] > 127]
    low, high = np.percentile(inside, [2, 98]) if inside.size else (0.0, 255.0)
    level = np.clip((light - low) / max(high - low, 1.0), 0, 1)[..., None] if high - low > 8 else 0.5
    middle = np.array(COLOURS[colour], np.float32)
    dark, pale = middle * 0.55, middle * 0.75 + 255 * 0.25
    out = np.empty_like(rgba)
    out[..., :3] = np.where(
        np.asarray(level) < 0.5, dark + (middle - dark) * level * 2, middle + (pale - middle) * (level * 2 - 1)
    )
    out[..., 3] = rgba[..., 3]
    return out


def fitted(rgba: np.ndarray, side: float) -> np.ndarray:
    """Scaled so that the longer side is `side` pixels, alpha kept clean of fringes by scaling premultiplied."""
    height, width = rgba.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Pillow.fromarray(rgba).convert("RGBa").resize(size, Pillow.Resampling.BILINEAR, reducing_gap=2)
    return np.asarray(small.convert("RGBA"))


def ground(grounds: tuple[np.ndarray, ...], rng: np.random.Generator) -> np.ndarray:
    """A plain, graded or photographed ground, uint8 [SIZE, SIZE, 3]."""
    kind = rng.integers(3 if grounds else 2)
    if kind == 2:
        photograph = grounds[rng.integers(len(grounds))]
        top, left = (rng.integers(n - SIZE + 1) for n in photograph.shape[:2])
        crop = photograph[top : top + SIZE, left : left + SIZE]
        return np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)
    first, second = (_muted(rng) for _ in range(2))
    if kind == 0:
        return np.broadcast_to(first.astype(np.uint8), (SIZE, SIZE, 3)).copy()
    angle = rng.random() * 2 * np.pi
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j].astype(np.float32)
    share = ((x * np.cos(angle) + y * np.sin(angle)) / 2.83 + 0.5)[..., None].astype(np.float32)
    return (first + (second - first) * share).astype(np.uint8)


def _muted(rng: np.random.Generator) -> np.ndarray:
    """A pale or dark colour of little saturation: things stand out, and no ground is "red"."""
    level = rng.choice([rng.uniform(25, 70), rng.uniform(190, 245)])
    return np.clip(level + rng.uniform(-18, 18, 3), 0, 255).astype(np.float32)


def paste(canvas: np.ndarray, rgba: np.ndarray, centre: tuple[float, float]) -> np.ndarray:
    """Lays a cut-out on `canvas` in place; returns its mask, bool [SIZE, SIZE]. Parts outside are cut off."""
    height, width = rgba.shape[:2]
    left, top = round(centre[0] - width / 2), round(centre[1] - height / 2)
    x0, y0, x1, y1 = max(0, left), max(0, top), min(SIZE, left + width), min(SIZE, top + height)
    mask = np.zeros((SIZE, SIZE), bool)
    if x0 >= x1 or y0 >= y1:
        return mask
    piece = rgba[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = piece[..., 3:].astype(np.uint16)
    under = canvas[y0:y1, x0:x1]
    under[:] = ((piece[..., :3] * alpha + under * (255 - alpha) + 127) // 255).astype(np.uint8)
    mask[y0:y1, x0:x1] = piece[..., 3] > 127
    return mask


def mask_box(mask: np.ndarray) -> Box | None:
    """The smallest box around the true pixels; None where there is none."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    height, width = mask.shape
    return Box(
        float(columns[0] / width), float(rows[0] / height),
        float((columns[-1] + 1) / width), float((rows[-1] + 1) / height),
    )  # fmt: skip


def run_lengths(mask: np.ndarray) -> str:
    """bool [H, W] as COCO's compressed run lengths: down the columns, false first; five bits a letter from "0" on.

    From the fourth on, a run is given by its difference to the run two before it.
    """
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    runs = np.diff(edges, prepend=0, append=flat.size)
    runs[3:] -= runs[1:-2].copy()
    letters = []
    for value in runs.tolist():
        more = True
        while more:
            five = value & 31
            value >>= 5
            more = value != (-1 if five & 16 else 0)
            letters.append(chr(48 + five + 32 * more))
    return "".join(letters)


def write(canvas: np.ndarray, text: str, centre: tuple[float, float], size: int = 13) -> np.ndarray:
    """Black words on a white plate, drawn in place; returns the plate's mask, bool [SIZE, SIZE]."""
    face = font(size, bold=True)
    width = int(face.getlength(text)) + 8
    plate = Pillow.new("RGBA", (width, size + 7), (255, 255, 255, 255))
    ImageDraw.Draw(plate).text((4, 1), text, "black", font=face)
    return paste(canvas, np.asarray(plate), centre)


def jpeg(pixels: np.ndarray) -> Media:
    """Scenes: small and fast to write; quality high enough to keep thin lines."""
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "JPEG", quality=90)
    return Media("image", "jpg", file.getvalue())


def png(image: Pillow.Image) -> Media:
    """Papers, charts and screens: flat colours and letters without a loss."""
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG", compress_level=3)
    return Media("image", "png", file.getvalue())

"""Pictures and animations, read with Pillow. Runs in the worker only."""

import itertools
from bisect import bisect_right
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
import PIL.Image
import PIL.ImageOps

from trenza.errors import SignalError
from trenza.signals.limits import Limits, check_decoded, check_size, exceeded
from trenza.signals.media import Image, Video
from trenza.signals.sampling import frame_size, sample_times

PIL.Image.MAX_IMAGE_PIXELS = None  # Limits.pixels and Limits.side stand in its place

_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")  # a TIFF of many pages is not an animation: its first page counts
_STRIP = 2**22  # numbers converted at a time where Pillow has no conversion of its own


def read_picture(
    file: BinaryIO, name: str, kind: str | None, limits: Limits, frames_per_second: float
) -> Image | Video:
    """Decode a picture whose Pillow format is `name`; one that moves is a Video unless `kind` is "image"."""
    if kind == "audio":
        raise SignalError("is a picture and has no sound; decode it without kind.")
    picture = PIL.Image.open(file, formats=[name])
    check_size(*picture.size, limits)
    if kind != "image" and name in _ANIMATED and getattr(picture, "is_animated", False):
        video = _animation(picture, limits, frames_per_second)
        if video is not None:
            return video
    if kind == "video":
        raise SignalError("is a still picture, not a video; decode it without kind.")
    if name in _ANIMATED:
        picture.seek(0)
    check_decoded(picture.width * picture.height * 3, limits)
    picture.load()
    return Image(to_rgb(_upright(picture)))


def _animation(picture: PIL.Image.Image, limits: Limits, frames_per_second: float) -> Video | None:
    """The frames sampled from an animation; None when it turns out to have one frame only.

    Lengths of frames are known only after decoding them, so it is decoded twice: once for the times, once
    to keep the frames wanted. Held in memory are the canvas and the frames kept.
    """
    starts, seconds = [], 0.0
    for index in itertools.count():
        if not _show(picture, index, limits):
            break
        starts.append(seconds)
        # browsers, too, play frames of no length for a tenth of a second
        seconds += (picture.info.get("duration") or 100) / 1000
        if seconds > limits.video_seconds:
            way_out = 'decode it with kind="image"'
            raise exceeded(limits, "video_seconds", "is an animation that runs longer", way_out)
    if len(starts) < 2:
        return None
    times = sample_times(seconds, frames_per_second, limits)
    wanted = sorted({bisect_right(starts, time + 1e-6) - 1 for time in times})
    size = frame_size(*picture.size, len(wanted), limits)
    frames = []
    for index in range(wanted[-1] + 1):
        _show(picture, index, limits)
        if index in wanted:
            frame = PIL.Image.fromarray(to_rgb(picture))
            frames.append(np.asarray(frame.resize(size, PIL.Image.Resampling.BOX)))
    return Video(np.stack(frames), np.array([starts[index] for index in wanted]), None, seconds)


def _show(picture: PIL.Image.Image, index: int, limits: Limits) -> bool:
    """Move an animation to a frame and decode it; False past the last."""
    try:
        picture.seek(index)
    except EOFError:
        return False
    check_size(*picture.size, limits)  # a GIF's frame may be larger than its screen
    picture.load()
    return True


def _upright(picture: PIL.Image.Image) -> PIL.Image.Image:
    """`picture` as its Exif orientation says it is to be seen."""
    try:
        return PIL.ImageOps.exif_transpose(picture)
    except Exception:  # damaged Exif, of whatever kind, says nothing about the pixels
        return picture


def to_rgb(picture: PIL.Image.Image) -> np.ndarray:
    """Pixels of a decoded picture of any mode as uint8 [H, W, 3]; what is transparent shows white."""
    if picture.mode.startswith("I;16"):
        return _grey(np.asarray(picture), lambda strip: (strip.astype(np.uint32) * 255 + 32767) // 65535)
    if picture.mode in ("I", "F"):
        return _scaled(np.asarray(picture))
    if picture.mode == "La":
        picture = picture.convert("LA")
    if picture.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        canvas = PIL.Image.new("RGB", picture.size, (255, 255, 255))
        canvas.paste(picture, mask=picture.getchannel("A"))
        picture = canvas
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _scaled(values: np.ndarray) -> np.ndarray:
    """Grey values of 32 bits, int or float [H, W], as uint8 [H, W, 3].

    Such files don't say what is white. Floats from 0 to 1 take 1 for white, floats up to 255 are taken as
    they are, integers up to 65535 take 65535 for white, and anything else is stretched from its least to
    its largest value.
    """
    floating = values.dtype.kind == "f"
    low, high = np.inf, -np.inf
    for strip in _strips(values):
        finite = strip[np.isfinite(strip)] if floating else strip
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise SignalError("has no finite value in any pixel; save it again with real values.")
    if low >= 0 and high <= (1 if floating else 65535):
        low, high = 0.0, 1.0 if floating else 65535.0
    elif floating and low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    span = (high - low) or 1.0

    def convert(strip: np.ndarray) -> np.ndarray:
        strip = np.nan_to_num(strip.astype(np.float64), nan=low, posinf=high, neginf=low)
        return np.rint((strip - low) / span * 255)

    return _grey(values, convert)


def _grey(values: np.ndarray, convert: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`convert`, which gives numbers from 0 to 255, applied to [H, W] strip by strip: uint8 [H, W, 3]."""
    out = np.empty((*values.shape, 3), np.uint8)
    for strip, target in zip(_strips(values), _strips(out), strict=True):
        target[...] = convert(strip)[..., None]
    return out


def _strips(array: np.ndarray) -> list[np.ndarray]:
    """Views of whole rows, each about _STRIP pixels: conversions need little memory beside the picture."""
    rows = max(1, _STRIP // array.shape[1])
    return [array[top : top + rows] for top in range(0, len(array), rows)]

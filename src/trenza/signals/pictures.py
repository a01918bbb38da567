"""Pictures and animations, read with Pillow. Runs in the worker only."""

import itertools
from bisect import bisect_right
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
_STRIP = 2**21  # pixels converted at a time


def read_picture(
    file: BinaryIO, name: str, kind: str | None, limits: Limits, frames_per_second: float
) -> Image | Video:
    """Decode a picture whose Pillow format is `name`; one that moves is a Video unless `kind` is "image"."""
    if kind == "audio":
        raise SignalError("is a picture and has no sound; decode it without kind.")
    try:
        picture = PIL.Image.open(file, formats=[name])
    except PIL.UnidentifiedImageError as error:
        raise SignalError(f"begins like {name}, but is damaged; get it or convert it again.") from error
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
    picture = _upright(picture)
    return Image(to_rgb(picture))


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
    """Pixels of a decoded picture of any mode as uint8 [H, W, 3]; what is transparent shows white.

    Goes strip by strip, so that conversions need little memory beside picture and result.
    """
    out = np.empty((picture.height, picture.width, 3), np.uint8)
    rows = max(1, _STRIP // picture.width)
    boxes = [(0, top, picture.width, min(top + rows, len(out))) for top in range(0, len(out), rows)]
    low, high = _range(picture, boxes) if picture.mode in ("I", "F") else (0.0, 65535.0)
    for box in boxes:
        strip = picture.crop(box) if len(boxes) > 1 else picture
        if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
            values = np.nan_to_num(np.asarray(strip, np.float64), nan=low, posinf=high, neginf=low)
            out[box[1] : box[3]] = np.rint((values - low) / (high - low) * 255)[..., None]
        else:
            out[box[1] : box[3]] = np.asarray(_opaque(strip))
    return out


def _opaque(strip: PIL.Image.Image) -> PIL.Image.Image:
    """A picture of 8 bits or fewer, of any mode, as RGB on white."""
    if strip.mode == "La":
        strip = strip.convert("LA")
    if strip.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in strip.info:
        strip = strip.convert("RGBA")
        canvas = PIL.Image.new("RGB", strip.size, (255, 255, 255))
        canvas.paste(strip, mask=strip.getchannel("A"))
        return canvas
    return strip if strip.mode == "RGB" else strip.convert("RGB")


def _range(picture: PIL.Image.Image, boxes: list[tuple[int, int, int, int]]) -> tuple[float, float]:
    """The values that are black and white in a grey picture of 32 bits, int ("I") or float ("F").

    Such files don't say what is white. Floats from 0 to 1 take 1 for white, floats up to 255 are taken as
    they are, integers up to 65535 take 65535 for white, and anything else is stretched from its least to
    its largest value. Raises SignalError when no value is finite.
    """
    low, high = np.inf, -np.inf
    for box in boxes:
        values = np.asarray(picture.crop(box))
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if low > high:
        raise SignalError("has no finite value in any pixel; save it again with real values.")
    for white in (1.0, 255.0) if picture.mode == "F" else (65535.0,):
        if low >= 0 and high <= white:
            return 0.0, white
    return low, max(high, low + 1e-30)

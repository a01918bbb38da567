"""Which frames of a video are kept, and how large."""

import math

from trenza.signals.limits import Limits, check_decoded


def sample_times(seconds: float, frames_per_second: float, limits: Limits) -> list[float]:
    """Evenly spaced times from 0 to before `seconds`; fewer a second where Limits.frames asks for it."""
    step = max(1 / frames_per_second, seconds / limits.frames)
    # a little less: lengths are often a few hundredths too long, by the sound or by rounding
    count = max(1, math.ceil(seconds / step - 0.05))
    return [index * step for index in range(min(count, limits.frames))]


def frame_size(width: int, height: int, frames: int, limits: Limits) -> tuple[int, int]:
    """(width, height) of a kept frame: the longer side at most Limits.frame_side.

    Raises SignalError when so many `frames` of that size are over Limits.decoded.
    """
    scale = min(1.0, limits.frame_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    check_decoded(frames * size[0] * size[1] * 3, limits)
    return size

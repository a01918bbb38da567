"""The four signals: `Image`, `Audio`, `Video`, and text, which is plain `str`.

Their arrays are read-only: a signal is known by the hash of its content, so the content must not change.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from trenza.errors import SignalError

SAMPLE_RATE = 16_000  # every Audio, in samples a second


class _Hashed:
    """Equality and hash by content: two signals are equal when their decoded arrays are."""

    def __eq__(self, other):
        if not isinstance(other, _Hashed):
            return NotImplemented
        return self.content_hash == other.content_hash

    def __hash__(self):
        return hash(self.content_hash)

    def _freeze(self, field: str, dtype: type, shape: tuple[int | None, ...]):
        """Keep a read-only view of the array in `field`.

        Raises SignalError when it isn't of this `dtype` and `shape` (None: any size from 1).
        """
        array = getattr(self, field)
        fits = (
            isinstance(array, np.ndarray)
            and array.dtype == dtype
            and array.ndim == len(shape)
            and all(have >= 1 and want in (None, have) for have, want in zip(array.shape, shape, strict=True))
        )
        if not fits:
            found = type(array).__name__
            if isinstance(array, np.ndarray):
                found = f"{array.dtype} {list(array.shape)}"
            wanted = ", ".join("n" if size is None else str(size) for size in shape)
            raise SignalError(
                f"{type(self).__name__}.{field} must be a {np.dtype(dtype)} array of shape [{wanted}], "
                f"n from 1, but is {found}; convert it first."
            )
        view = np.ascontiguousarray(array).view()
        view.flags.writeable = False
        object.__setattr__(self, field, view)


@dataclass(frozen=True, eq=False)
class Image(_Hashed):
    """A picture. pixels: uint8 [H, W, 3], RGB, upright, composited on white."""

    pixels: np.ndarray
    kind: ClassVar[str] = "image"

    def __post_init__(self):
        self._freeze("pixels", np.uint8, (None, None, 3))

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of type, shape, dtype and pixels, 64 hex digits."""
        return _digest(self.kind, self.pixels)


@dataclass(frozen=True, eq=False)
class Audio(_Hashed):
    """A sound. samples: float32 [N], mono, SAMPLE_RATE samples a second, about -1..1."""

    samples: np.ndarray
    kind: ClassVar[str] = "audio"

    def __post_init__(self):
        self._freeze("samples", np.float32, (None,))

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.samples) / SAMPLE_RATE

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of type, shape, dtype and samples, 64 hex digits."""
        return _digest(self.kind, self.samples)


@dataclass(frozen=True, eq=False)
class Video(_Hashed):
    """Frames with their times, and the sound track where there is one.

    frames: uint8 [T, H, W, 3]; times: float64 [T], seconds from the start, rising; audio starts at time 0.
    seconds: how long it runs; if not given, one mean step past the last frame, or the sound if longer.
    """

    frames: np.ndarray
    times: np.ndarray
    audio: Audio | None = None
    seconds: float | None = None
    kind: ClassVar[str] = "video"

    def __post_init__(self):
        self._freeze("frames", np.uint8, (None, None, None, 3))
        self._freeze("times", np.float64, (len(self.frames),))
        if not np.isfinite(self.times).all() or (np.diff(self.times) <= 0).any():
            raise SignalError("Video.times must be finite and rising; sort the frames, drop repeats.")
        if self.seconds is None:
            first, last = self.times[0], self.times[-1]
            step = (last - first) / (len(self.times) - 1) if len(self.times) > 1 else 0.0
            sound = self.audio.seconds if self.audio else 0.0
            object.__setattr__(self, "seconds", float(max(last + step, sound)))

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of type, frames, times, length and sound, 64 hex digits."""
        sound = self.audio.content_hash if self.audio else "silent"
        return _digest(f"{self.kind}|{self.seconds!r}|{sound}", self.frames, self.times)


Signal = Image | Audio | Video | str


def _digest(label: str, *arrays: np.ndarray) -> str:
    digest = hashlib.sha256(label.encode())
    for array in arrays:
        # dtype and shape fix the number of bytes that follow, so no two sequences of arrays read the same
        digest.update(f"|{array.dtype.str}{array.shape}|".encode())
        digest.update(array.reshape(-1).view(np.uint8))
    return digest.hexdigest()

"""What one file may cost. Every limit is checked before its memory is spent."""

from dataclasses import dataclass, fields

from trenza.errors import SignalError, UsageError


@dataclass(frozen=True)
class Limits:
    """The most that `decode` spends on one file. Raise a limit by name: `Limits(audio_seconds=7200)`."""

    bytes: int = 512 * 2**20  # size of the file
    pixels: int = 64_000_000  # width x height of a picture, or of one frame before it is scaled down
    side: int = 32_768  # the longer side of a picture, in pixels
    audio_seconds: float = 1800.0  # length of a sound
    video_seconds: float = 3600.0  # length of a video, its sound track included
    frames: int = 64  # frames kept of a video: sampled further apart rather than refused
    frame_side: int = 640  # longer side of a kept frame, in pixels: scaled down rather than refused
    decoded: int = 512 * 2**20  # bytes of the arrays handed back
    seconds: float = 30.0  # wall-clock time of decoding
    memory: int = 1280 * 2**20  # bytes of address space of the decoding process, 300 MiB of it for libraries

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise UsageError(f"Limits.{field.name} is {value!r}; give a positive number.")


def exceeded(limits: Limits, field: str, found: str, way_out: str) -> SignalError:
    """The error for a file over one limit. found: a verb and what is there; way_out: what to do with it."""
    limit = f"{getattr(limits, field):,} (Limits.{field})"
    return SignalError(f"{found}, over the limit of {limit}; {way_out}, or raise that limit.")


def check_size(width: int, height: int, limits: Limits):
    """Raise SignalError when a picture of this size, in pixels, is over Limits.side or Limits.pixels."""
    if max(width, height) > limits.side:
        raise exceeded(limits, "side", f"is {width:,} x {height:,} pixels", "scale it down")
    if width * height > limits.pixels:
        raise exceeded(limits, "pixels", f"has {width:,} x {height:,} pixels", "scale it down")


def check_decoded(size: int, limits: Limits):
    """Raise SignalError when arrays of `size` bytes are over Limits.decoded."""
    if size > limits.decoded:
        raise exceeded(limits, "decoded", f"decodes to {size:,} bytes", "shorten it or scale it down")

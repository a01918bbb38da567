"""`decode`: any file, path or bytes, to a signal, in a process of its own."""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trenza.errors import SignalError, UsageError
from trenza.signals.limits import Limits, exceeded
from trenza.signals.media import Audio, Image, Video
from trenza.signals.process import worker
from trenza.signals.wire import as_one_line

_KINDS = (None, "image", "audio", "video")


def decode(
    source: str | Path | bytes,
    *,
    name: str | None = None,
    kind: str | None = None,
    limits: Limits = Limits(),
    frames_per_second: float = 4.0,
) -> Image | Audio | Video:
    """Decode a file (a path) or its content (bytes), known by what is in it and not by its extension.

    name: what messages call it; the path, or "<bytes>", where it isn't given. kind: insist on "image"
    (the first frame of an animation), "audio" (the sound of a video) or "video". frames_per_second: how
    densely a video is sampled, as far as Limits.frames allows.

    Raises SignalError, one sentence with name, problem, limit and way out; UsageError when the call is wrong.
    """
    if kind not in _KINDS:
        raise UsageError(f"kind is {kind!r}; give 'image', 'audio', 'video' or nothing.")
    if not 0 < frames_per_second <= 1000:
        raise UsageError(f"frames_per_second is {frames_per_second!r}; give a number above 0, at most 1000.")
    if name is None:
        name = "<bytes>" if isinstance(source, bytes | bytearray) else str(source)
    try:
        with _opened(source, limits) as descriptor:
            return worker.decode(descriptor, kind, limits, float(frames_per_second))
    except SignalError as error:
        raise SignalError(f"{as_one_line(name)} {error}") from None


@contextmanager
def _opened(source: str | Path | bytes, limits: Limits) -> Iterator[int]:
    """File descriptor of a source that is a regular file of a fit size, open for reading."""
    if isinstance(source, bytes | bytearray):
        _check_bytes(len(source), limits)
        with tempfile.TemporaryFile() as file:
            file.write(source)
            file.seek(0)
            yield file.fileno()
        return
    try:
        # a FIFO without a writer would block the opening itself
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except ValueError:
        raise SignalError("is no path, since it holds a null character; correct it.") from None
    except OSError as error:
        raise SignalError(f"cannot be opened ({error.strerror}); check path and permissions.") from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise SignalError("is a folder; give one of the files in it.")
        if not stat.S_ISREG(status.st_mode):
            raise SignalError("is a device or a pipe; save its content to a file, or give it as bytes.")
        _check_bytes(status.st_size, limits)
        yield descriptor
    finally:
        os.close(descriptor)


def _check_bytes(size: int, limits: Limits):
    if size == 0:
        raise SignalError("is empty; get it again.")
    if size > limits.bytes:
        raise exceeded(limits, "bytes", f"has {size:,} bytes", "shorten it or scale it down")

"""What passes between `decode` and its worker, over one socket.

A message is a length (4 bytes), a JSON header, and then the bytes of the arrays that the header announces.
The worker has just parsed a hostile file, so nothing it sends is trusted: no pickle, and every size is
checked against the limits before memory is set aside for it.
"""

import json
import math
import socket
import time

import numpy as np

from trenza.errors import SignalError
from trenza.signals.limits import Limits, check_decoded
from trenza.signals.media import Audio, Image, Video

_HEADER = 65_536  # bytes, the most a header may have


def send(sock: socket.socket, header: dict, arrays: tuple[np.ndarray, ...] = ()):
    """Send a header and the arrays it announces."""
    text = json.dumps(header).encode()
    sock.sendall(len(text).to_bytes(4, "big") + text)
    for array in arrays:
        sock.sendall(np.ascontiguousarray(array).reshape(-1).view(np.uint8))


def receive(sock: socket.socket, deadline: float | None = None) -> dict:
    """Receive a header. Raises TimeoutError past `deadline` (time.monotonic), EOFError, or ValueError."""
    length = int.from_bytes(_exactly(sock, np.empty(4, np.uint8), deadline).tobytes(), "big")
    if length > _HEADER:
        raise ValueError("header too long")
    header = json.loads(_exactly(sock, np.empty(length, np.uint8), deadline).tobytes())
    if not isinstance(header, dict):
        raise ValueError("header is not an object")
    return header


def _exactly(sock: socket.socket, array: np.ndarray, deadline: float | None) -> np.ndarray:
    """Fill `array` from the socket."""
    left = memoryview(array.reshape(-1).view(np.uint8))
    while left:
        if deadline is not None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            sock.settimeout(remaining)
        count = sock.recv_into(left)
        if count == 0:
            raise EOFError
        left = left[count:]
    return array


def send_signal(sock: socket.socket, signal: Image | Audio | Video, last: bool):
    """Send a decoded signal: kind and shapes, then the arrays. last: the worker ends after this one."""
    if isinstance(signal, Image):
        send(sock, {"kind": "image", "shape": signal.pixels.shape, "last": last}, (signal.pixels,))
    elif isinstance(signal, Audio):
        send(sock, {"kind": "audio", "shape": signal.samples.shape, "last": last}, (signal.samples,))
    else:
        sound = (signal.audio.samples,) if signal.audio else ()
        header = {
            "kind": "video",
            "shape": signal.frames.shape,
            "seconds": signal.seconds,
            "samples": len(sound[0]) if sound else 0,
            "last": last,
        }
        send(sock, header, (signal.frames, signal.times, *sound))


def receive_signal(sock: socket.socket, header: dict, limits: Limits, deadline: float) -> Image | Audio | Video:
    """Receive the signal that `header` announces.

    Raises SignalError when it is over Limits.decoded, ValueError when the header makes no sense,
    TimeoutError, EOFError.
    """
    kind = header.get("kind")
    axes = {"image": 3, "audio": 1, "video": 4}
    if kind not in axes:
        raise ValueError("unknown kind")
    shape = tuple(_count(size, 1) for size in header["shape"])
    if len(shape) != axes[kind] or (kind != "audio" and shape[-1] != 3):
        raise ValueError("impossible shape")
    samples = _count(header["samples"], 0) if kind == "video" else 0
    bytes_each = 4 if kind == "audio" else 1
    times = shape[0] * 8 if kind == "video" else 0
    check_decoded(math.prod(shape) * bytes_each + times + samples * 4, limits)
    if kind == "image":
        return Image(_exactly(sock, np.empty(shape, np.uint8), deadline))
    if kind == "audio":
        return Audio(_exactly(sock, np.empty(shape, np.float32), deadline))
    frames = _exactly(sock, np.empty(shape, np.uint8), deadline)
    times = _exactly(sock, np.empty(shape[0], np.float64), deadline)
    sound = Audio(_exactly(sock, np.empty(samples, np.float32), deadline)) if samples else None
    seconds = float(header["seconds"])
    if not math.isfinite(seconds):
        raise ValueError("impossible length")
    return Video(frames, times, sound, seconds)


def _count(value: object, least: int) -> int:
    if not isinstance(value, int) or value < least:
        raise ValueError("impossible size")
    return value


def as_one_line(text: str) -> str:
    """`text` fit for a message: one line, printable, at most 300 characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 300 else f"{line[:297]}..."


def failure(header: dict) -> SignalError | None:
    """The error that a header reports, without the name of the file; None where it announces a signal."""
    return SignalError(as_one_line(str(header["error"]))) if "error" in header else None

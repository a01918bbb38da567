"""The process that decodes. Hostile files are parsed here and nowhere else; `process.Worker` is its keeper.

Started as `python -m trenza.signals.worker` with a socket for its stdin. For each file it receives one byte
with the open file attached, then a request; it answers with the signal or with an error. It ends when its
parent does.
"""

import os
import resource
import socket
from typing import BinaryIO

import av
import PIL.Image

from trenza.errors import SignalError
from trenza.signals.limits import Limits
from trenza.signals.media import Audio, Image, Video
from trenza.signals.movies import read_movie
from trenza.signals.pictures import read_picture
from trenza.signals.sniff import sniff
from trenza.signals.wire import as_one_line, receive, send, send_signal

_JOBS = 500  # files one process decodes before it is replaced, so that what libraries leak stays small


def main():
    """Serve requests from the socket on stdin until it closes."""
    sock = socket.socket(fileno=os.dup(0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has no business writing files
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    av.logging.set_level(av.logging.PANIC)
    PIL.Image.preinit()
    send(sock, {"ready": True})
    for job in range(_JOBS):
        token, descriptors, _, _ = socket.recv_fds(sock, 1, 1)
        if not token:
            return
        request = receive(sock)
        with os.fdopen(descriptors[0], "rb") as file:
            signal, header = _attempt(file, request)
        last = job == _JOBS - 1 or header.get("limit") == "memory"
        if signal is None:
            send(sock, header | {"last": last})
        else:
            send_signal(sock, signal, last)
            signal = None
        if last:
            return


def _attempt(file: BinaryIO, request: dict) -> tuple[Image | Audio | Video | None, dict]:
    """The decoded signal, or None and a header with the error."""
    limits = Limits(**request["limits"])
    _bound(limits)
    try:
        return decode_file(file, request["kind"], limits, request["frames_per_second"]), {}
    except SignalError as error:
        return None, {"error": str(error)}
    except MemoryError:
        return None, {"limit": "memory"}
    except OSError as error:
        detail = error.strerror or str(error)
    except Exception as error:  # whatever a library raises over a damaged file
        detail = f"{type(error).__name__}: {error}"
    detail = as_one_line(detail)[:120]
    return None, {"error": f"is damaged or cut off ({detail}); get it or convert it again."}


def decode_file(file: BinaryIO, kind: str | None, limits: Limits, frames_per_second: float) -> Image | Audio | Video:
    """Decode one open file, in this process. Raises SignalError, or whatever the libraries raise."""
    reader, name = sniff(file)
    read = read_picture if reader == "pillow" else read_movie
    return read(file, name, kind, limits, frames_per_second)


def _bound(limits: Limits):
    """Set the limits of this process for one file. The parent's clock comes first, processor time second."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + limits.seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (int(limits.memory), resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()

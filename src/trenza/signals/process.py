"""The worker as its parent sees it: started when first needed, killed when late, replaced when dead."""

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import trenza
from trenza.errors import SignalError
from trenza.signals.limits import Limits, exceeded
from trenza.signals.media import Audio, Image, Video
from trenza.signals.wire import failure, receive, receive_signal, send

_START = 60.0  # seconds a start may take; a quarter of a second is usual
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")


class Worker:
    """One decoding process, used by one thread at a time."""

    def __init__(self):
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._socket: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running worker."""
        return self._process.pid if self._process else None

    def decode(
        self, descriptor: int, kind: str | None, limits: Limits, frames_per_second: float
    ) -> Image | Audio | Video:
        """Have the open file `descriptor` decoded.

        Raises SignalError, its message without the name of the file.
        """
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            deadline = time.monotonic() + limits.seconds
            try:
                self._socket.settimeout(limits.seconds)
                socket.send_fds(self._socket, [b"F"], [descriptor])
                request = {"kind": kind, "limits": asdict(limits), "frames_per_second": frames_per_second}
                send(self._socket, request)
                header = receive(self._socket, deadline)
                error = _reported(header, limits)
                signal = None if error else receive_signal(self._socket, header, limits, deadline)
            except TimeoutError:
                self._stop(patience=0)
                way_out = "shorten it or scale it down"
                raise exceeded(limits, "seconds", "takes longer to decode", way_out) from None
            except (OSError, EOFError):
                raise _crash(self._stop(), limits) from None
            except (ValueError, TypeError, KeyError):
                self._stop()
                raise SignalError("confused the decoding process; it may be hostile: convert it first.") from None
            except BaseException:  # an interrupt: what is left of the answer must not reach the next file
                self._stop()
                raise
            if header.get("last"):
                self._stop()
            if error:
                raise error
            return signal

    def stop(self):
        """End the process; the next file starts another."""
        with self._lock:
            self._stop()

    def forget(self):
        """After a fork, in the child: the process belongs to the parent."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.returncode = 0  # not ours to wait for
        self.__init__()

    def _start(self):
        self._stop()
        ours, theirs = socket.socketpair()
        with theirs:
            self._socket = ours
            self._process = subprocess.Popen(
                [sys.executable, "-m", "trenza.signals.worker"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the parent, which then ends the worker
            )
        try:
            receive(self._socket, time.monotonic() + _START)
        except (OSError, EOFError, ValueError):
            self._stop()
            raise SignalError(
                "cannot be decoded: the decoding process does not start; "
                "run `python -m trenza.signals.worker` to see why."
            ) from None
        except BaseException:
            self._stop()
            raise

    def _stop(self, patience: float = 0.2) -> int | None:
        """End the process; its exit code, or minus the signal that killed it.

        patience: seconds it may take to end by itself, as one does that crashed, retires or lost its parent.
        """
        if self._process is None:
            return None
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._process.kill()
        code = self._process.wait()
        self._process = self._socket = None
        return code


def _environment() -> dict[str, str]:
    """Environment of the worker: where its modules are, and no secrets of the parent's."""
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    root = str(Path(trenza.__file__).parents[1])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (root, env.get("PYTHONPATH"))))
    env["PYTHONSAFEPATH"] = "1"  # a module in the current directory is not ours
    # threads and arenas that will not be used would take address space from the file
    return env | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


def _reported(header: dict, limits: Limits) -> SignalError | None:
    if header.get("limit") == "memory":
        return exceeded(limits, "memory", "needs more memory to decode", "scale it down or shorten it")
    return failure(header)


def _crash(code: int | None, limits: Limits) -> SignalError:
    """The error for a worker that ended in the middle of a file."""
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    return SignalError(
        f"brought the decoding process down ({how}); it is damaged or needs more than "
        f"{limits.memory:,} bytes (Limits.memory): convert it first, or raise that limit."
    )


worker = Worker()
atexit.register(worker.stop)
os.register_at_fork(after_in_child=worker.forget)

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from signal_files import animation_bytes, picture_bytes, quarters, sound_bytes, video_bytes

from trenza.errors import SignalError, UsageError
from trenza.signals import Image, Limits, decode
from trenza.signals.process import worker
from trenza.signals.wire import receive_signal, send


def png_of(width: int, height: int, rows: bytes) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def refused(content, words: str, **options):
    with pytest.raises(SignalError, match=words) as caught:
        decode(content, name="bomb.bin", **options)
    return one_line(str(caught.value))


def one_line(message: str) -> str:
    assert message.startswith("bomb.bin ") and "\n" not in message and len(message) < 400
    return message


def child_peak() -> int:
    """Most memory the running worker ever held, in bytes."""
    with open(f"/proc/{worker.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def test_png_with_an_absurd_header():
    worker.stop()
    refused(png_of(100_000, 100_000, zlib.compress(bytes(1000))), r"32,768 \(Limits.side\)")
    refused(png_of(30_000, 30_000, zlib.compress(bytes(1000))), r"64,000,000 \(Limits.pixels\); scale it down")
    assert child_peak() < 200e6  # refused before memory was spent


def test_tiff_bomb():
    huge = picture_bytes(PIL.Image.new("1", (30_000, 30_000)), "TIFF", compression="group4")
    assert len(huge) < 100_000
    refused(huge, "Limits.pixels")


def test_gif_that_runs_for_ever():
    frame = PIL.Image.new("L", (1, 1))
    others = [PIL.Image.new("L", (1, 1), 99 * (index % 2)) for index in range(1, 200)]
    content = picture_bytes(frame, "GIF", save_all=True, append_images=others, duration=60_000)
    refused(content, r"3,600.0 \(Limits.video_seconds\).*kind=\"image\"")
    assert decode(content, kind="image").pixels.shape == (1, 1, 3)


def test_gif_with_many_frames_keeps_few():
    frames = [PIL.Image.new("L", (8, 8), index % 250) for index in range(3000)]
    content = picture_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=20)
    assert len(decode(content, frames_per_second=1000).times) == 64


def test_long_silence_in_a_small_file():
    content = sound_bytes("flac", "flac", 8000, samples=np.zeros(8000 * 2400, np.float32))
    assert len(content) < 1e6
    refused(content, r"1,800.0 \(Limits.audio_seconds\); cut it into pieces")
    assert decode(content, limits=Limits(audio_seconds=3000)).seconds == pytest.approx(2400)


def test_sound_that_lies_about_its_length():
    content = bytearray(sound_bytes("flac", "flac", 8000, seconds=20))
    content[18 + 4 : 26] = bytes(4)  # STREAMINFO: number of samples unknown
    refused(bytes(content), "Limits.audio_seconds", limits=Limits(audio_seconds=10))


@pytest.mark.parametrize(
    "content, limits",
    [
        (picture_bytes(quarters(), "PNG"), Limits(bytes=20)),
        (picture_bytes(quarters(), "PNG"), Limits(pixels=100)),
        (picture_bytes(quarters(), "PNG"), Limits(side=40)),
        (picture_bytes(quarters(), "PNG"), Limits(decoded=4000)),
        (sound_bytes("wav", "pcm_s16le"), Limits(audio_seconds=0.5)),
        (sound_bytes("wav", "pcm_s16le"), Limits(decoded=4000)),
        (video_bytes(), Limits(video_seconds=1)),
        (video_bytes(), Limits(pixels=100)),
        (video_bytes(), Limits(decoded=4000)),
        (animation_bytes("GIF"), Limits(video_seconds=1)),
        (picture_bytes(np.zeros((4000, 4000, 3), np.uint8), "PNG"), Limits(seconds=0.01)),
        (picture_bytes(np.zeros((6000, 6000, 3), np.uint8), "PNG"), Limits(memory=280 * 2**20)),
    ],
)
def test_each_limit_is_named(content, limits):
    changed = next(name for name in vars(limits) if getattr(limits, name) != getattr(Limits(), name))
    message = refused(content, rf"Limits\.{changed}", limits=limits)
    assert f"{getattr(limits, changed):,}" in message
    decode(content)


def test_frames_are_sampled_and_scaled_rather_than_refused():
    video = decode(video_bytes(), limits=Limits(frames=2, frame_side=32))
    assert video.times == pytest.approx([0, 2], abs=0.02)
    assert video.frames.shape == (2, 24, 32, 3)


def _hit(enough: threading.Event, every: float):
    while not enough.wait(every):
        if worker.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)


def _killed(content: bytes, every: float) -> str:
    """What is said of a file whose worker is killed every so many seconds; nothing if it was quicker."""
    hits = threading.Event()
    hitter = threading.Thread(target=_hit, args=(hits, every))
    hitter.start()
    try:
        decode(content, name="bomb.bin")
        return ""
    except SignalError as error:
        return one_line(str(error))
    finally:
        hits.set()
        hitter.join()


def test_killed_worker_is_replaced():
    content = picture_bytes(np.random.default_rng(0).integers(0, 255, (4000, 4000, 3), np.uint8), "PNG")
    decode(picture_bytes(quarters(), "PNG"))
    # How long a worker starts and decodes depends on the machine: it has to be hit between the two.
    told = (_killed(content, 0.1 * 2**n) for n in range(6))
    assert any(t.startswith("bomb.bin brought the decoding process down (signal 9)") for t in told)
    assert decode(content).pixels.shape == (4000, 4000, 3)
    os.kill(worker.pid, signal.SIGKILL)  # and one that dies idle is not even noticed
    time.sleep(0.1)
    decode(content)


def test_many_threads():
    contents = [picture_bytes(np.full((9, 9, 3), index, np.uint8), "PNG") for index in range(40)]
    found = {}

    def work(start: int):
        for index in range(start, 40, 4):
            found[index] = decode(contents[index]).pixels[0, 0, 0]

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {index: index for index in range(40)}


def test_fork():
    content = picture_bytes(quarters(), "PNG")
    decode(content)
    before = worker.pid
    child = os.fork()
    if child == 0:
        same = worker.pid is None and decode(content) == Image(quarters())
        worker.stop()
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert decode(content) == Image(quarters()) and worker.pid == before


def test_worker_ends_with_its_parent():
    code = (
        "import os, signal, sys; from trenza.signals import decode; from trenza.signals.process import worker\n"
        "decode(sys.stdin.buffer.read()); print(worker.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    out = subprocess.run([sys.executable, "-c", code], input=picture_bytes(quarters(), "PNG"), capture_output=True)
    pid = int(out.stdout)
    for _ in range(50):
        cmdline = Path(f"/proc/{pid}/cmdline")  # empty in a process that has ended, until it is waited for
        if not cmdline.exists() or not cmdline.read_bytes():
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its parent")


def test_worker_sees_no_secrets(monkeypatch):
    worker.stop()
    monkeypatch.setenv("SOME_TOKEN", "secret")
    decode(picture_bytes(quarters(), "PNG"))
    with open(f"/proc/{worker.pid}/environ") as environ:
        assert "SOME_TOKEN" not in environ.read()


def test_what_is_no_file(tmp_path):
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    empty = tmp_path / "empty.png"
    empty.touch()
    for source, words in [
        (tmp_path, "is a folder"),
        (tmp_path / "none.png", "none.png cannot be opened .No such file"),
        (fifo, "is a device or a pipe"),
        ("/dev/zero", "is a device or a pipe"),
        (empty, "is empty"),
        (b"", "<bytes> is empty"),
        ("a\0b", "null character"),
        ("line\nbreak", "line break cannot be opened"),
    ]:
        with pytest.raises(SignalError, match=words):
            decode(source)


def test_wrong_calls():
    with pytest.raises(UsageError, match="kind"):
        decode(b"x", kind="text")
    with pytest.raises(UsageError, match="frames_per_second"):
        decode(b"x", frames_per_second=0)


@pytest.mark.parametrize(
    "header, error",
    [
        ({"kind": "image", "shape": [10**6, 10**6, 3]}, SignalError),
        ({"kind": "image", "shape": [-1, 4, 3]}, ValueError),
        ({"kind": "image", "shape": [4, 4, 4]}, ValueError),
        ({"kind": "image", "shape": [1.5, 4, 3]}, ValueError),
        ({"kind": "text", "shape": [4]}, ValueError),
        ({"kind": "audio"}, KeyError),
        ({"kind": "video", "shape": [1, 2, 2, 3], "samples": 10**12, "seconds": 1}, SignalError),
    ],
)
def test_a_worker_taken_over_is_not_believed(header, error):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(theirs, {})
        with pytest.raises(error):
            receive_signal(ours, header, Limits(), time.monotonic() + 1)


def test_truncated_picture():
    content = picture_bytes(quarters(256), "JPEG")
    refused(content[: len(content) // 2], "damaged or cut off")

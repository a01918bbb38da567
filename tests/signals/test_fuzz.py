"""Mutated media: each gives a signal or a SignalError, in time and in bounded memory, whatever it holds."""

import random
import re
import resource
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

import pytest
from signal_files import every_format

from trenza.errors import SignalError
from trenza.signals import Audio, Image, Limits, Video, decode
from trenza.signals.process import worker

SEED = 20_261_123
LIMITS = Limits(seconds=4.0)  # so that a hang shows as an error before the 5 s allowed
MOST_SECONDS = 5.0
MOST_MEMORY = 1.5e9  # bytes, worker and parent together

EXTREMES = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\xff\xff",
    b"\x80\0\0\0",
    b"\0\1\0\0",
)


def flip_bits(data: bytearray, rng: random.Random, _) -> bytearray:
    for _ in range(rng.choice((1, 4, 16, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def damage_header(data: bytearray, rng: random.Random, _) -> bytearray:
    for _ in range(rng.randint(1, 6)):
        data[rng.randrange(min(len(data), 512))] = rng.randrange(256)
    return data


def absurd_number(data: bytearray, rng: random.Random, _) -> bytearray:
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(min(len(data), rng.choice((64, 1024, len(data)))))
        extreme = rng.choice(EXTREMES)
        data[at : at + 4] = extreme if rng.random() < 0.5 else extreme[::-1]
    return data


def truncate(data: bytearray, rng: random.Random, _) -> bytearray:
    return data[: rng.choice((rng.randrange(32), rng.randrange(len(data))))]


def zero(data: bytearray, rng: random.Random, _) -> bytearray:
    at, size = rng.randrange(len(data)), rng.choice((1, 16, 256, 4096))
    data[at : at + size] = bytes(len(data[at : at + size]))
    return data


def insert(data: bytearray, rng: random.Random, _) -> bytearray:
    at = rng.randrange(len(data))
    data[at:at] = rng.randbytes(rng.choice((1, 4, 64, 2048)))
    return data


def duplicate(data: bytearray, rng: random.Random, _) -> bytearray:
    start, size = rng.randrange(len(data)), rng.choice((8, 64, 1024, 16_384))
    at = rng.randrange(len(data))
    data[at:at] = data[start : start + size] * rng.choice((1, 2, 50))
    return data


def remove(data: bytearray, rng: random.Random, _) -> bytearray:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 4, 64, 1024))]
    return data


def splice(data: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    other = rng.choice(others)
    return data[: rng.randrange(len(data))] + other[rng.randrange(len(other)) :]


def foreign_head(data: bytearray, rng: random.Random, others: list[bytes]) -> bytearray:
    size = rng.choice((4, 12, 64, 512))
    return bytearray(rng.choice(others)[:size]) + data[size:]


def swap_extension(data: bytearray, _, __) -> bytearray:
    return data  # every file gets a random extension below


def bomb(_: bytearray, rng: random.Random, __) -> bytearray:
    """A PNG, TIFF, BMP, GIF, WAV or FLAC whose header promises far more than the file holds."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    side = rng.choice((7_900, 8_000, 20_000, 60_000, 2**31 - 1))
    other = rng.choice((1, side))
    kind = rng.randrange(6)
    if kind == 0:
        depth, colour = rng.choice(((8, 2), (16, 6), (1, 0), (16, 0), (8, 3)))
        header = struct.pack(">IIBBBBB", side, other, depth, colour, 0, 0, rng.randrange(2))
        rows = zlib.compress(bytes(rng.choice((1000, 40_000_000))), 1)
        palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
        return bytearray(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
        )
    if kind == 1:
        bits = rng.choice((1, 8, 16, 32))
        tags = [(256, 4, side), (257, 4, other), (258, 3, bits), (259, 3, rng.choice((1, 5, 8, 32773)))]
        tags += [
            (262, 3, 1),
            (273, 4, 200),
            (277, 3, rng.choice((1, 3, 4))),
            (278, 4, other),
            (279, 4, 2**31),
        ]
        fields = b"".join(struct.pack("<HHII", tag, form, 1, value & 0xFFFFFFFF) for tag, form, value in tags)
        return bytearray(b"II*\0" + struct.pack("<IH", 8, len(tags)) + fields + bytes(2000))
    if kind == 2:
        info = struct.pack("<IiiHHIIiiII", 40, side, other, 1, rng.choice((1, 8, 24, 32)), rng.choice((0, 1)), *[0] * 5)
        return bytearray(b"BM" + struct.pack("<IHHI", 2**31, 0, 0, 54) + info + bytes(3000))
    if kind == 3:
        screen = struct.pack("<HHBBB", side & 0xFFFF, other & 0xFFFF, 0x80, 0, 0) + bytes(6)
        frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, side & 0xFFFF, other & 0xFFFF, 0) + b"\2\2\x44\1\0"
        return bytearray(b"GIF89a" + screen + frame * rng.choice((1, 3000)) + b";")
    if kind == 4:
        rate, channels = rng.choice((1, 16_000, 2**31 - 1)), rng.choice((1, 2, 255, 65_535))
        form = struct.pack("<HHIIHH", rng.choice((1, 3)), channels, rate, rate, channels * 2 & 0xFFFF or 1, 16)
        body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", 2**32 - 1) + bytes(50_000)
        return bytearray(b"RIFF" + struct.pack("<I", 2**32 - 1) + body)
    stream = bytes.fromhex("80000022 1000 ffff 000000 ffffff") + rng.randbytes(24)
    return bytearray(b"fLaC" + stream + rng.randbytes(3000))


MUTATIONS = (
    flip_bits,
    damage_header,
    absurd_number,
    truncate,
    zero,
    insert,
    duplicate,
    remove,
    splice,
    foreign_head,
    swap_extension,
    bomb,
)


def fuzz(count: int, folder) -> str:
    """Decode `count` mutated files; a report. Fails on anything but signals and SignalErrors in time."""
    files = every_format()
    names, contents = list(files), list(files.values())
    outcomes, worst, peak = Counter(), (0.0, ""), 0
    worker.stop()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    began = time.monotonic()
    for index in range(count):
        rng = random.Random(SEED + index)
        base = rng.randrange(len(names))
        mutation = MUTATIONS[index % len(MUTATIONS)]
        data = mutation(bytearray(contents[base]), rng, contents)
        path = folder / f"{index}.{rng.choice(names)}"
        path.write_bytes(data)
        kind = rng.choice((None, None, None, "image", "audio", "video"))
        label = f"{index} {mutation.__name__} of {names[base]}, kind {kind}"
        start = time.monotonic()
        try:
            signal = decode(path, kind=kind, limits=LIMITS)
            assert isinstance(signal, Image | Audio | Video), label
            outcomes[signal.kind] += 1
        except SignalError as error:
            message = str(error)
            assert message.startswith(str(path)) and len(message) < 700 and "\n" not in message, message
            reason = re.sub(r"\(.*?\)|[\d,.]+", "", message.removeprefix(str(path)))
            limit = re.search(r"Limits\.\w+", message)
            outcomes[f"error: {limit[0] if limit else ' '.join(reason.split()[:4])}"] += 1
        worst = max(worst, (time.monotonic() - start, label))
        assert worst[0] < MOST_SECONDS, worst
        path.unlink()
    seconds = time.monotonic() - began
    worker.stop()
    children = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024
    parent = most_memory()
    peak = children + parent
    report = (
        f"{count} files in {seconds:.1f} s, worst {worst[0]:.2f} s ({worst[1]}), "
        f"peak {children / 1e6:.0f} MB in the worker and {parent / 1e6:.0f} MB here; {outcomes.most_common()}"
    )
    assert peak < MOST_MEMORY, report
    return report


def most_memory() -> int:
    """Bytes this program ever held (Linux). getrusage would count what the process held before it became this one."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def in_own_process(count: int, folder) -> None:
    """What earlier tests held in memory must not count as this one's."""
    command = [sys.executable, __file__, str(count), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-3000:]


def test_some_mutated_files(tmp_path):
    in_own_process(300, tmp_path)


@pytest.mark.slow
def test_5000_mutated_files(tmp_path):
    in_own_process(5000, tmp_path)


if __name__ == "__main__":
    print(fuzz(int(sys.argv[1]), Path(sys.argv[2])))

"""GUS patches, on one written here byte by byte after the format's description."""

import struct

import numpy as np
import pytest

from trenza.data.corpora import patches
from trenza.errors import DataError

RATE, PERIOD = 22_050, 50  # a sine of 441 Hz
LOOPED, WIDE, UNSIGNED = 4, 1, 2


def patch(mode: int, cycles: int = 20) -> bytes:
    wave = np.sin(2 * np.pi * np.arange(PERIOD * cycles) / PERIOD) * 0.5
    data = (wave * 32767).astype("<i2")
    raw = (data.view("<u2") ^ 0x8000).tobytes() if mode & UNSIGNED else data.tobytes()
    head = b"GF1PATCH110\0" + b"ID#000002\0" + bytes(60) + struct.pack("<BBBHHI", 1, 14, 0, 1, 127, 0) + bytes(36)
    instrument = struct.pack("<H16sIB", 0, b"sine", 0, 1) + bytes(40)
    layer = struct.pack("<BBIB", 0, 0, 0, 1) + bytes(40)
    span = (PERIOD * 5 * 2, PERIOD * 15 * 2)  # bytes
    sample = struct.pack("<7sBIIIHIIIHB", b"sine", 0, len(raw), *span, RATE, 8_000, 12_000_000, 441_000, 0, 7)
    return (
        head
        + instrument
        + layer
        + sample
        + bytes(12)
        + bytes(6)
        + struct.pack("<BHH", mode, 60, 1024)
        + bytes(36)
        + raw
    )


@pytest.fixture
def sine(tmp_path, monkeypatch):
    def made(mode: int):
        file = tmp_path / f"{mode}.pat"
        file.write_bytes(patch(mode))
        monkeypatch.setattr(patches, "programs", lambda: {0: file})

    return made


@pytest.mark.parametrize("mode", [WIDE | LOOPED, WIDE | UNSIGNED | LOOPED])
@pytest.mark.parametrize(("note", "hertz"), [(69, 440.0), (57, 220.0), (81, 880.0)])
def test_a_note_has_its_pitch_and_sounds_as_long_as_it_is_held(sine, mode, note, hertz):
    sine(mode)
    samples = patches.play(0, note, held=1.0)
    assert samples.dtype == np.float32 and len(samples) == 24_000 and np.abs(samples).max() == pytest.approx(0.9)
    spectrum = np.abs(np.fft.rfft(samples[:16_000]))
    assert abs(int(spectrum.argmax()) - hertz) <= 2
    assert np.sqrt((samples[14_000:16_000] ** 2).mean()) > 0.5 and np.abs(samples[-1000:]).max() < 0.01


def test_without_a_loop_the_recording_ends(sine):
    sine(WIDE)
    samples = patches.play(0, 69, held=1.0)
    played = int(PERIOD * 20 / RATE * 16_000)  # 45 ms
    assert np.abs(samples[:played]).max() > 0.5 and np.abs(samples[played + 200 :]).max() < 0.02


def test_another_file_is_no_patch(tmp_path):
    file = tmp_path / "no.pat"
    file.write_bytes(b"RIFF" + bytes(400))
    with pytest.raises(DataError, match=r"no\.pat"):
        patches.recordings(file)

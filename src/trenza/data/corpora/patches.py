"""Notes of the freepats instruments: a reader and player of GUS patches, which FluidSynth doesn't take.

The format is Gravis' (UltraSound SDK 2.2, "patch files"); rates and offsets of envelopes are read as TiMidity does.
"""

import functools
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from trenza.data.corpora.fetch import package_folder
from trenza.data.corpora.instruments import RELEASED
from trenza.data.corpora.speech import SAMPLE_RATE
from trenza.errors import DataError

TONES = "usr/share/midi/freepats/Tone_000"
HEADERS = 129 + 63 + 47  # bytes of file, instrument and layer before the first sample
SAMPLE = struct.Struct("<7sBIIIHIIIHB6B6B6BBHH36x")
WIDE, UNSIGNED, LOOPED, BOTH_WAYS, SUSTAINED, SHAPED = 1, 2, 4, 8, 32, 64
STEPS = 255  # of the envelope's loudness, 8 octaves in all


@dataclass(frozen=True)
class Recording:
    """Frequencies in Hz, loop in samples; envelope: six (seconds from silence to full loudness, loudness in 0..1)."""

    samples: np.ndarray  # float32 [n]
    rate: int
    low: float
    high: float
    root: float
    loop: tuple[int, int] | None
    envelope: tuple[tuple[float, float], ...] | None


def programs() -> dict[int, Path]:
    """General MIDI program -> its file."""
    files = sorted((package_folder("freepats") / TONES).glob("*.pat"))
    return {int(match[0]): file for file in files if (match := re.match(r"\d+", file.name))}


@functools.lru_cache
def recordings(file: Path) -> tuple[Recording, ...]:
    """All recordings of a patch. Raises DataError when it is no patch."""
    data = file.read_bytes()
    if data[:12] != b"GF1PATCH110\0" or len(data) < HEADERS:
        raise DataError(f"{file} is no GUS patch; remove its folder, so that it is fetched again")
    count, at, found = data[HEADERS - 41], HEADERS, []
    for _ in range(count):
        fields = SAMPLE.unpack_from(data, at)
        size, loop, loop_end, rate, low, high, root = fields[2:9]
        rates, levels, mode = fields[11:17], fields[17:23], fields[29]
        at += SAMPLE.size
        kind = np.dtype("<i2" if mode & WIDE else "i1")
        raw = np.frombuffer(data, kind, size // kind.itemsize, at)
        at += size
        if mode & UNSIGNED:
            raw = raw ^ np.iinfo(kind).min
        samples = raw.astype(np.float32) / -np.float32(np.iinfo(kind).min)
        span = (loop // kind.itemsize, loop_end // kind.itemsize)
        if mode & BOTH_WAYS and mode & LOOPED:  # forwards and back is a longer loop forwards
            samples = np.concatenate([samples[: span[1]], samples[span[0] : span[1]][::-1]])
            span = (span[0], len(samples))
        shape = tuple((_seconds(r), v / STEPS) for r, v in zip(rates, levels, strict=True))
        found.append(
            Recording(samples, rate, low / 1000, high / 1000, root / 1000, span if mode & LOOPED else None,
                      shape if mode & SHAPED else None)
        )  # fmt: skip
    return tuple(found)


def _seconds(rate: int) -> float:
    """How long an envelope takes from silence to full loudness: two bits of range over six of speed."""
    speed = (rate & 63) << 3 * (3 - (rate >> 6))
    return (STEPS << 22) / max(speed << 9, 1) / 44_100


def play(program: int, note: int, held: float, loudness: float = 0.9) -> np.ndarray:
    """A note by its MIDI number, float32 [(held + RELEASED) * 16000], peak `loudness`; held in seconds."""
    wanted = 440.0 * 2 ** ((note - 69) / 12)
    choices = recordings(programs()[program])
    fitting = [r for r in choices if r.low <= wanted <= r.high]
    chosen = fitting[0] if fitting else min(choices, key=lambda r: abs(np.log(r.root / wanted)))
    count = int((held + RELEASED) * SAMPLE_RATE)
    at = np.arange(3 * count) * (wanted / chosen.root * chosen.rate / (3 * SAMPLE_RATE))
    if chosen.loop and chosen.loop[1] - chosen.loop[0] > 1:
        start, end = chosen.loop
        at = np.where(at < end, at, start + (at - start) % (end - start))
    samples = np.interp(at, np.arange(len(chosen.samples)), chosen.samples, right=0.0)
    samples = resample_poly(samples, 1, 3)  # read at three times the rate, so that little folds back
    samples = samples * _shape(chosen.envelope, count, held)
    return (samples * loudness / max(float(np.abs(samples).max()), 1e-6)).astype(np.float32)


def _shape(envelope: tuple[tuple[float, float], ...] | None, count: int, held: float) -> np.ndarray:
    """Loudness over time, float64 [count]: three stages while the key is down, three after; without one, a fade."""
    times = np.arange(count) / SAMPLE_RATE
    fade = np.interp(times, [held, held + 0.8 * RELEASED], [1.0, 0.0])
    if envelope is None:
        return fade
    points, level, now = [(0.0, 0.0)], 0.0, 0.0
    for seconds, goal in envelope[:3]:
        now += abs(goal - level) * seconds
        level = goal
        points.append((now, goal))
    value = np.interp(times, [time for time, _ in points], [goal for _, goal in points])
    return np.where(value > 0, 2.0 ** (8 * (value - 1)), 0.0) * fade

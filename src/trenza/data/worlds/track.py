"""Sound tracks: clips mixed at known times and loudness, and their encoding."""

import io
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from trenza.conversation import Span
from trenza.data.samples import Media

RATE = 16_000
SECONDS = 4.0
CLIP_SECONDS = 1.0  # a longer clip is faded out here
LOUD, QUIET = 0.12, 0.02  # root mean square of an event; full scale is 1


@dataclass(frozen=True)
class Event:
    """A clip that starts at `start` seconds. `said` tells a spoken word from a thing's own sound."""

    name: str
    clip: np.ndarray  # float32 [n], prepared
    start: float
    said: bool
    rms: float = 0.06

    @property
    def span(self) -> Span:
        return Span(self.start, round(self.start + len(self.clip) / RATE, 3))


def prepared(samples: np.ndarray, seconds: float = CLIP_SECONDS) -> np.ndarray:
    """Silence cut from both ends, so that an event starts when it is heard; at most `seconds` long."""
    loud = np.flatnonzero(np.abs(samples) > 0.05 * max(float(np.abs(samples).max()), 1e-6))
    if not loud.size:
        return np.zeros(RATE // 10, np.float32)
    clip = samples[loud[0] : loud[-1] + 1][: int(seconds * RATE)].astype(np.float32)
    fade = min(len(clip), RATE // 25)
    clip[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return clip


def mixed(events: list[Event], noise: np.ndarray) -> np.ndarray:
    """Float32 [n], as long as `noise` and in -1..1. Raises ValueError when an event runs past the end."""
    track = noise.copy()
    for event in events:
        begin = round(event.start * RATE)
        level = float(np.sqrt(np.mean(event.clip**2))) or 1.0
        track[begin : begin + len(event.clip)] += event.clip * (event.rms / level)
    return np.clip(track, -1, 1)


def faint_noise(rng: np.random.Generator, seconds: float = SECONDS) -> np.ndarray:
    """What an empty room sounds like: about 55 to 75 dB below full scale."""
    level = 10 ** rng.uniform(-3.75, -2.75)
    return (rng.standard_normal(int(seconds * RATE), dtype=np.float32) * level).astype(np.float32)


def flac(samples: np.ndarray) -> Media:
    """Mono, 16 bit, without loss."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("flac", rate=RATE, layout="mono", options={"compression_level": "2"})
        stream.codec_context.flags |= 0x00800000  # bit-exact: no name or version of the encoder in the file
        frame = av.AudioFrame.from_ndarray(_int16(samples)[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return Media("audio", "flac", file.getvalue())


def _int16(samples: np.ndarray) -> np.ndarray:
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)


def truth(events: list[Event]) -> dict[str, Any]:
    """The track as JSON values, times in seconds."""
    return {
        "sounds": [
            {"name": e.name, "said": e.said, "start": round(e.start, 3), "end": round(e.span.end, 3), "rms": e.rms}
            for e in sorted(events, key=lambda e: e.start)
        ]
    }


def starts(lengths: list[int], rng: np.random.Generator, seconds: float = SECONDS, gap: float = 0.15) -> list[float]:
    """Start times in order for clips of these `lengths` (samples), `gap` seconds or more apart."""
    free = seconds - sum(lengths) / RATE - gap * (len(lengths) + 1)
    if free < 0:
        raise ValueError(f"clips of {sum(lengths) / RATE:.1f} s don't fit into {seconds} s")
    cuts = np.sort(rng.uniform(0, free, len(lengths)))
    times, used = [], 0.0
    for i, length in enumerate(lengths):
        times.append(round(float(cuts[i] + used + gap * (i + 1)), 2))
        used += length / RATE
    return times

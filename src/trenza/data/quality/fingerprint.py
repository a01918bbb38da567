"""Fingerprints of sounds: pairs of peaks of the spectrogram, as in Wang, "An industrial-strength audio search
algorithm" (ISMIR 2003). They find a recording again that was cut, made louder or has noise over it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from trenza.data.quality.measure import QUIET

WINDOW, HOP = 1024, 128  # samples at 16 kHz: 64 and 8 ms
NEIGHBOURS = (19, 13)  # bins of frequency and frames of time of which a peak is the highest
AROUND, BELOW = 63, 4.0  # frames in whose loudest a peak is compared, and how far below it may be, in nats
FAN, REACH = 6, 127  # partners of a peak, and frames up to which they are looked for
FLOOR = -3.0  # log magnitude under which there is only noise of the coding
LEAST = 10  # pairs at one shift: fewer are chance
SHARE = 0.15  # of the pairs of the shorter sound that must be found again at one shift


def landmarks(samples: np.ndarray) -> np.ndarray:
    """Pairs of peaks of samples float32 [N]: uint32 [P, 2], a number for the pair and the frame it stands at."""
    peak = float(np.abs(samples).max())
    if not QUIET < peak < np.inf:
        return np.empty((0, 2), np.uint32)
    padded = np.pad(samples / np.float32(peak), (0, max(WINDOW - len(samples), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * np.hanning(WINDOW).astype(np.float32)
    power = np.log(np.abs(np.fft.rfft(frames))[:, : WINDOW // 2] + 1e-6)  # [time, frequency]
    highest = _highest(_highest(power, NEIGHBOURS[1], 0), NEIGHBOURS[0], 1)
    loudest = _highest(power.max(1, keepdims=True), AROUND, 0)  # nearby, so that a cut changes little
    times, bins = np.nonzero((power == highest) & (power > np.maximum(loudest - BELOW, FLOOR)))
    pairs: set[tuple[int, int]] = set()
    for ahead in range(1, FAN + 1):
        apart = times[ahead:] - times[:-ahead]
        near = apart <= REACH
        number = (bins[:-ahead].astype(np.int64) << 16) | (bins[ahead:] << 7) | apart
        pairs.update(zip(number[near].tolist(), times[:-ahead][near].tolist(), strict=True))
    return np.array(sorted(pairs, key=lambda p: (p[1], p[0])), np.uint32).reshape(-1, 2)


def _highest(power: np.ndarray, width: int, axis: int) -> np.ndarray:
    """Running maximum over `width` (odd) along an axis, by windows that double."""
    wide = [(0, 0), (0, 0)]
    wide[axis] = (width // 2, width // 2)
    found = np.moveaxis(np.pad(power, wide, constant_values=-np.inf), axis, 0)
    reached = 1
    while reached < width:
        more = min(reached, width - reached)
        found = np.maximum(found[:-more], found[more:])
        reached += more
    return np.moveaxis(found, 0, axis)


def same(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> Iterator[tuple[int, int, float]]:
    """(i, j, share of the shorter one's pairs found again at one shift) of sounds that are one recording, by their
    landmarks."""
    places: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for j, marks in enumerate(second):
        for number, time in marks.tolist():
            places[number].append((j, time))
    for i, marks in enumerate(first):
        shifts: Counter[tuple[int, int]] = Counter()
        for number, time in marks.tolist():
            shifts.update((j, time - other) for j, other in places.get(number, ()))
        best: dict[int, int] = {}
        for (j, shift), count in shifts.items():
            # A cut between two frames puts half of the pairs one frame further.
            best[j] = max(best.get(j, 0), count + shifts.get((j, shift + 1), 0))
        for j, count in best.items():
            share = count / max(min(len(marks), len(second[j])), 1)
            if count >= LEAST and share >= SHARE:
                yield i, j, min(share, 1.0)

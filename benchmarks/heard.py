"""Helpers of benchmarks/events.py: a detector with its words, figures with their intervals, matching of events."""

from collections.abc import Callable, Sequence
from typing import Any

import jiwer
import numpy as np
import torch
from tokenizers import Tokenizer as Vocabulary
from torch import Tensor

from trenza.align import sayings
from trenza.checkpoints import parts
from trenza.data.worlds.track import RATE
from trenza.evaluate.statistics import wilson
from trenza.towers.events import EventDetector

MOST_SECONDS = 30.0


class Ears:
    """A detector with Whisper's words and the names of sounds."""

    def __init__(self, detector: EventDetector):
        self.detector, self.names = detector, [english for english, _ in detector.config.names]
        self.words = Vocabulary.from_file(str(parts.whisper_folder() / "tokenizer.json"))

    def hear(self, samples: np.ndarray, shown: Sequence[str] = ()) -> Tensor:
        return self.detector.detect(torch.tensor(samples[: int(MOST_SECONDS * RATE)]), shown)

    def said(self, rows: Tensor) -> str:
        """All words of the events that are speech, as one text."""
        spoken = [self.words.decode([int(t) for t in row[4:24] if t >= 0]).strip() for row in rows if row[0] > 0.5]
        return " ".join(spoken)

    def named(self, row: Tensor) -> dict[str, float]:
        return {self.names[int(n)]: float(p) for n, p in zip(row[24:32], row[32:40], strict=True) if n >= 0}


def resampled(values: Sequence[Any], of: Callable[[list], float], draws: int = 1000) -> list[float]:
    """[value, low, high]: a figure of all values and its 95% percentile bootstrap interval over them."""
    rng = np.random.default_rng(0)
    drawn = [of([values[i] for i in rng.integers(0, len(values), len(values))]) for _ in range(draws)]
    return [of(list(values)), *np.percentile(drawn, [2.5, 97.5]).tolist()]


def mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def word_error_rate(pairs: Sequence[tuple[str, str]]) -> dict:
    """pairs: (true text, written text). Case and marks don't count."""
    plain = [tuple(sayings.written(t.lower(), "en") for t in pair) for pair in pairs]
    counts = []
    for truth, text in plain:
        measured = jiwer.process_words(truth, text)
        wrong = measured.substitutions + measured.deletions + measured.insertions
        counts.append((wrong, wrong + measured.hits - measured.insertions, float(truth == text)))
    rate = resampled(counts, lambda rows: sum(r[0] for r in rows) / sum(r[1] for r in rows))
    return {"n": len(pairs), "wer": rate, "exact": wilson(int(sum(c[2] for c in counts)), len(counts))}


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two stretches (start, end)."""
    inside = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    return inside / (a[1] - a[0] + b[1] - b[0] - inside)


def matched(truth: list[dict], rows: Tensor) -> list[tuple[int, int, float]]:
    """(true event, found event, overlap), the best overlaps first and each event once."""
    pairs = [
        (overlap((t["start"], t["end"]), r[1:3].tolist()), i, j)
        for i, t in enumerate(truth)
        for j, r in enumerate(rows)
    ]
    taken: list[tuple[int, int, float]] = []
    for share, i, j in sorted(pairs, reverse=True):
        if share > 0 and all(i != a and j != b for a, b, _ in taken):
            taken.append((i, j, share))
    return taken


def among(scores: dict[str, float], truth: str, others: Sequence[str], size: int, rng: np.random.Generator) -> float:
    """Chance that `truth` scores highest among `size` names, over draws of the others; ties are broken by lot."""
    rivals, wins = [n for n in others if n != truth], 0.0
    for _ in range(50):
        drawn = [truth, *rng.choice(rivals, size - 1, replace=False)]
        best = max(scores.get(n, 0.0) for n in drawn)
        tied = [n for n in drawn if scores.get(n, 0.0) == best]
        wins += (truth in tied) / len(tied)
    return wins / 50

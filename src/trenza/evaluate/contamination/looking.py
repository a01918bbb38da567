"""Every sample of a data set looked at once, in several processes, and kept as a few numbers and its words."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from trenza.data.files import Broken
from trenza.data.formats import read
from trenza.data.quality import fingerprint
from trenza.data.quality.measure import Measured, measure
from trenza.data.samples import Item, Media
from trenza.data.shards import Sample
from trenza.errors import SignalError
from trenza.signals import Audio, decode

Embed = Callable[[Media], np.ndarray]
Data = Path | Iterable[Sample | Broken]
_CHUNK = 32  # samples a task
_AHEAD = 8  # tasks in work: what is read and not yet measured stays small


@dataclass(frozen=True)
class Seen:
    """What is kept of a sample: its name, its words, and its media as a few numbers each."""

    name: str
    text: str
    media: tuple[Measured, ...]
    marks: tuple[np.ndarray | None, ...]  # fingerprints of sounds


def samples_of(data: Data, broken: list[Broken] | None = None) -> Iterator[tuple[str, Sample]]:
    """Samples with names that no two share; what can't be read is added to `broken`."""
    if isinstance(data, Path):
        data = read(data.parent if data.name == "manifest.json" else data)
    taken: set[str] = set()
    for sample in data:
        if isinstance(sample, Broken):
            if broken is not None:
                broken.append(sample)
            continue
        name, number = sample.key, 2
        while name in taken:
            name, number = f"{sample.key}#{number}", number + 1
        taken.add(name)
        yield name, sample


def look(
    data: Data, pool: Executor, embed: Embed | None, progress: Callable[[int], None] | None, broken: list[Broken] | None
) -> tuple[list[Seen], list[tuple[int, np.ndarray]]]:
    """Every sample in order, and by its number the vector of each medium that can be decoded."""
    seen: list[Seen] = []
    vectors: list[tuple[int, np.ndarray]] = []
    samples = samples_of(data, broken)
    running: deque[tuple[list[tuple[str, Sample]], Future]] = deque()

    def finish() -> None:
        batch, done = running.popleft()
        for (_, sample), looked in zip(batch, done.result(), strict=True):
            if embed:
                media = zip(media_of(sample), looked.media, strict=True)
                vectors.extend((len(seen), embed(m)) for m, measured in media if not measured.broken)
            seen.append(looked)
        if progress:
            progress(len(seen))

    while batch := list(islice(samples, _CHUNK)):
        running.append((batch, pool.submit(_look_at, batch)))
        if len(running) > _AHEAD:
            finish()
    while running:
        finish()
    return seen, vectors


def _look_at(batch: list[tuple[str, Sample]]) -> list[Seen]:
    seen = []
    for name, sample in batch:
        media = media_of(sample)
        measured = tuple(measure(m, name) for m in media)
        seen.append(Seen(name, text_of(sample), measured, tuple(_marks(m) for m in media)))
    return seen


def _marks(media: Media) -> np.ndarray | None:
    """The fingerprint of a sound."""
    if media.kind != "audio":
        return None
    try:
        signal = decode(media.data, name="a sound", kind="audio")
    except SignalError:
        return None
    return fingerprint.landmarks(signal.samples) if isinstance(signal, Audio) else None


def media_of(sample: Sample) -> tuple[Media, ...]:
    return sample.media if isinstance(sample, Item) else (sample.media,)


def text_of(sample: Sample) -> str:
    return f"{sample.question} {sample.answer}".strip() if isinstance(sample, Item) else sample.text

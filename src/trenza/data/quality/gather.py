"""Every medium of a data set looked at once, in several processes, and kept as a few numbers."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from trenza.data.files import Broken
from trenza.data.formats import detect, placed
from trenza.data.formats.webdataset import provenance
from trenza.data.quality.measure import Measured, measure
from trenza.data.samples import Item, Media, Pair
from trenza.data.shards import Sample

_CHUNK = 64  # media a task


@dataclass
class Entry:
    """One medium of one sample."""

    key: str
    text: str
    language: str
    source: str
    licence: str
    question: str  # of an item: the same picture may be asked two things
    measured: Measured


def gather(
    path: Path, workers: int, progress: Callable[[int], None] | None = None
) -> tuple[list[Entry], list[tuple[str, str]]]:
    """Every medium of every sample measured, and (key, reason) of samples that can't be read."""
    shown, come_from = name_of(path), provenance(path)
    broken: list[tuple[str, str]] = []
    entries: list[Entry] = []

    def waiting() -> Iterator[tuple[Entry, Media, str]]:
        for found in named_samples(path):
            if isinstance(found, Broken):
                broken.append((shown(found.key), found.reason))
                continue
            name, shard, sample = found
            for medium in sample.media if isinstance(sample, Item) else (sample.media,):
                yield _entry(name, sample, medium, come_from.get(shard)), medium, f"{shard}: {name}" if shard else name

    def finish(batch: list[Entry], done: Future) -> None:
        for entry, measured in zip(batch, done.result(), strict=True):
            entry.measured = measured
            entries.append(entry)
        if progress:
            progress(len(entries))

    rest = waiting()
    # Few tasks at a time: what is read and not yet measured stays small.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("forkserver")) as pool:
        running: deque[tuple[list[Entry], Future]] = deque()
        while batch := list(islice(rest, _CHUNK)):
            work = [(medium, at) for _, medium, at in batch]
            running.append(([entry for entry, _, _ in batch], pool.submit(_measure_all, work)))
            if len(running) > 3 * workers:
                finish(*running.popleft())
        while running:
            finish(*running.popleft())
    return entries, broken


def named_samples(path: Path) -> Iterator[tuple[str, str, Sample] | Broken]:
    """Every sample with its shard, if any, and a name that no other has: its key, or source and key."""
    taken: set[str] = set()
    for shard, sample in placed(path):
        if isinstance(sample, Broken):
            yield sample
            continue
        name = sample.key
        if name in taken and isinstance(sample, Pair):
            name = f"{sample.source}:{sample.key}"
        number = 2
        while name in taken:
            name, number = f"{sample.key}#{number}", number + 1
        taken.add(name)
        yield name, shard, sample


def name_of(path: Path) -> Callable[[str], str]:
    """Names of broken files as keys are: relative to a folder that is audited."""
    prefix = f"{path}/"
    return lambda key: key.removeprefix(prefix) if path.is_dir() and detect(path) == "folder" else key


def _measure_all(work: list[tuple[Media, str]]) -> list[Measured]:
    return [measure(medium, name) for medium, name in work]


def _entry(name: str, sample: Sample, medium: Media, origin: tuple[str, str] | None) -> Entry:
    """`origin`: corpus and licence of its shard, for an item, which doesn't name its own."""
    nothing_yet = Measured(medium.kind, "")
    if isinstance(sample, Item):
        source, licence = origin or ("", "")
        return Entry(name, sample.answer, sample.language, source, licence, sample.question, nothing_yet)
    return Entry(name, sample.text, sample.language, sample.source, sample.licence, "", nothing_yet)

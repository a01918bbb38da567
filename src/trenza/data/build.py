"""Corpora and worlds written as WebDataset shards with a manifest: by several processes, resumable, always the same.

A shard is the unit of work. What a finished one holds is noted beside it (`.build/SHARD.json`), so that a build
that was stopped goes on with the shards that are missing, and the manifest is put together from these notes alone.
"""

import hashlib
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from trenza.cache import cache_dir
from trenza.data.corpora.entries import Entry
from trenza.data.corpora.registry import CORPORA, corpus
from trenza.data.files import Broken, whole
from trenza.data.samples import Item, Pair
from trenza.data.shards import Sample, write_shard
from trenza.data.worlds.asking import ITEMS_PER_WORLD
from trenza.data.worlds.build import families, items_range
from trenza.errors import DataError, UsageError

WORLDS = "worlds"
STARTER = tuple(name for name, source in CORPORA.items() if source.starter)
LICENCE_OF_WORLDS = "GPL-2 and CC BY 4.0 (stamps, twemoji), with Apache-2.0, CC BY-SA and public domain parts"
PER_SHARD = 250 * ITEMS_PER_WORLD  # samples: whole worlds, so that twins share a shard
FORMAT = 4  # of the manifest and of what a reader makes of its source: counts up when either changes


@dataclass(frozen=True)
class Plan:
    """All that decides the bytes of a build. items: how many of worlds; split: which of theirs."""

    corpora: tuple[str, ...]
    languages: tuple[str, ...] = ("en", "es")
    items: int = 0
    seed: int = 0
    split: str = "train"

    def __post_init__(self) -> None:
        for name in self.corpora:
            if name != WORLDS:
                corpus(name)
        if len(set(self.corpora)) < len(self.corpora) or not self.corpora:
            raise UsageError(f"name each corpus once, and at least one; known: {', '.join(CORPORA)}, {WORLDS}")
        if (self.items > 0) != (WORLDS in self.corpora):
            raise UsageError("worlds need --items N with N of 1 or more, and only worlds take it")
        families(self.split)


@dataclass(frozen=True)
class Task:
    """One shard: samples `start` to `stop` of a corpus."""

    plan: Plan
    corpus: str
    start: int
    stop: int
    file: Path


def build(plan: Plan, out: Path, workers: int = 2, progress: Callable[[str, int, int], None] | None = None) -> dict:
    """Write what is missing of `plan` to the folder `out`; the manifest, which is also `out`/manifest.json.

    progress(corpus, done, total) is called with counts of samples over the whole build. Raises UsageError when
    `out` holds another build, DataError when a source can't be had or a process dies.
    """
    notes = out / ".build"
    tasks = [task for name in plan.corpora for task in _tasks(plan, name, out)]
    _claim(plan, out, notes)
    total = sum(task.stop - task.start for task in tasks)
    waiting = [task for task in tasks if not _finished(task, notes)]
    done = total - sum(task.stop - task.start for task in waiting)
    if progress:
        progress("", done, total)
    if workers == 1:
        for task in waiting:
            _make(task, notes)
            done += task.stop - task.start
            if progress:
                progress(task.corpus, done, total)
        return _write_manifest(plan, tasks, out, notes)
    # A server process that forks: no copy of this one's threads and memory.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("forkserver")) as pool:
        running = {pool.submit(_make, task, notes): task for task in waiting}
        try:
            for future in as_completed(running):
                future.result()
                done += running[future].stop - running[future].start
                if progress:
                    progress(running[future].corpus, done, total)
        except BrokenProcessPool as error:
            raise DataError(
                f"a process that made shards of {out} was killed, as happens when memory runs out; "
                "run the same command again with fewer --workers, it goes on where it stopped"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return _write_manifest(plan, tasks, out, notes)


def _write_manifest(plan: Plan, tasks: list[Task], out: Path, notes: Path) -> dict[str, Any]:
    manifest = _manifest(plan, tasks, notes)
    with whole(out / "manifest.json") as partial:
        partial.write_text(json.dumps(manifest, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return manifest


def _claim(plan: Plan, out: Path, notes: Path) -> None:
    """Make `out` the folder of this plan, and of no other."""
    wanted = json.dumps({"format": FORMAT, **asdict(plan)}, sort_keys=True)
    kept = notes / "plan.json"
    if kept.is_file():
        if kept.read_text(encoding="utf-8") != wanted:
            raise UsageError(f"{out} holds another build ({kept}); give a new --out, or remove that folder")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there and holds no build; give a new --out")
    else:
        with whole(kept) as partial:
            partial.write_text(wanted, encoding="utf-8")
    for left in out.glob(".*.partial"):  # by a build that was killed
        left.unlink()


def _tasks(plan: Plan, name: str, out: Path) -> Iterator[Task]:
    count = plan.items if name == WORLDS else len(_entries(name, plan.languages))
    if not count:
        raise UsageError(f"corpus {name!r} has nothing in {', '.join(plan.languages)}; leave it out or add a language")
    for number, start in enumerate(range(0, count, PER_SHARD)):
        yield Task(plan, name, start, min(start + PER_SHARD, count), out / f"{name}-{number:05d}.tar")


@lru_cache(2)
def _entries(name: str, languages: tuple[str, ...]) -> list[Entry]:
    return list(corpus(name).entries(languages))


def _note(task: Task, notes: Path) -> Path:
    return notes / f"{task.file.name}.json"


def _finished(task: Task, notes: Path) -> bool:
    """Is the shard there, as it was noted? Every byte is looked at: a copy may have been cut short."""
    try:
        note = json.loads(_note(task, notes).read_text(encoding="utf-8"))
        with task.file.open("rb") as file:
            return note["sha256"] == hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, KeyError):
        return False


def _make(task: Task, notes: Path) -> None:
    broken: list[dict[str, str]] = []
    counts = {by: Counter[str]() for by in ("split", "language", "medium", "capability")}

    def counted() -> Iterator[Sample]:
        for sample in _samples(task):
            if isinstance(sample, Broken):
                # The cache lies elsewhere on another machine; the manifest must not tell.
                reason = sample.reason.replace(str(cache_dir()), "CACHE")
                broken.append({"key": sample.key, "reason": reason})
                continue
            media = sample.media if isinstance(sample, Item) else (sample.media,)
            counts["split"][sample.split] += 1
            counts["language"][sample.language or "none"] += 1
            counts["medium"]["+".join(m.kind for m in media)] += 1
            counts["capability"][sample.capability if isinstance(sample, Item) else "pair"] += 1
            yield sample

    written = write_shard(task.file, counted())
    note = {
        "file": task.file.name, "corpus": task.corpus, "sha256": written.sha256, "bytes": written.bytes,
        "samples": written.samples, "broken": broken, "counts": counts,
    }  # fmt: skip
    with whole(_note(task, notes)) as partial:
        partial.write_text(json.dumps(note, ensure_ascii=False, sort_keys=True), encoding="utf-8")


def _samples(task: Task) -> Iterator[Pair | Item | Broken]:
    plan = task.plan
    if task.corpus == WORLDS:
        yield from items_range(task.start, task.stop, plan.seed, plan.split, languages=plan.languages)
        return
    for entry in islice(_entries(task.corpus, plan.languages), task.start, task.stop):
        try:
            yield entry.make()
        except (DataError, OSError) as error:
            yield Broken(f"{task.corpus}: {entry.key}", str(error))


def _manifest(plan: Plan, tasks: list[Task], notes: Path) -> dict[str, Any]:
    made = [json.loads(_note(task, notes).read_text(encoding="utf-8")) for task in tasks]
    corpora = {}
    for name in plan.corpora:
        own = [note for note in made if note["corpus"] == name]
        counts = {by: sum((Counter(n["counts"][by]) for n in own), Counter[str]()) for by in own[0]["counts"]}
        corpora[name] = {
            "licence": LICENCE_OF_WORLDS if name == WORLDS else corpus(name).licence,
            "samples": sum(note["samples"] for note in own),
            "bytes": sum(note["bytes"] for note in own),
            "broken": [entry for note in own for entry in note["broken"]],
            "counts": counts,
        }
    shards = [{key: note[key] for key in ("file", "sha256", "bytes", "samples")} for note in made]
    return {
        "format": FORMAT, "plan": asdict(plan), "corpora": corpora, "shards": shards,
        "samples": sum(shard["samples"] for shard in shards),
        # One hash for all data: of the shards' hashes in their order.
        "sha256": hashlib.sha256("".join(shard["sha256"] for shard in shards).encode()).hexdigest(),
    }  # fmt: skip


def workers() -> int:
    """Processes that this machine's share of cores feeds."""
    return max(len(os.sched_getaffinity(0)), 1)

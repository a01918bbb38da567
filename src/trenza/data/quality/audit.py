"""The audit: every sample of a data set looked at once, in several processes, and what is wrong with it listed."""

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from trenza.data.files import Broken
from trenza.data.formats import detect, read
from trenza.data.quality import alike, poison, texts
from trenza.data.quality.measure import Measured, measure
from trenza.data.samples import Item, Media, Pair
from trenza.data.shards import Sample

CATEGORIES = (
    "duplicates", "near_duplicates", "broken", "blank", "text", "mismatch", "overlap", "private", "poison",
)  # fmt: skip
Score = Callable[[Media, str], float]  # how much the medium speaks for the text, in nats; below 0: against it
ReadText = Callable[[Media], str]  # text found in a picture
_CHUNK = 64  # media a task


@dataclass(frozen=True)
class Finding:
    """`files` are keys of samples; of a group of duplicates the first is the one to keep."""

    files: tuple[str, ...]
    score: float  # 0..1, 1 is certain
    reason: str


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


@dataclass
class Report:
    path: str
    samples: int
    findings: dict[str, list[Finding]] = field(default_factory=lambda: {name: [] for name in CATEGORIES})
    summary: dict[str, dict[str, int]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)  # checks that were not made, and why

    def add(self, category: str, files: Iterable[str], score: float, reason: str) -> None:
        self.findings[category].append(Finding(tuple(files), round(score, 4), reason))

    def flagged(self) -> set[str]:
        """Keys a filtered copy leaves out: all that was found, but for the first of a group of duplicates."""
        out: set[str] = set()
        for category, found in self.findings.items():
            grouped = category in ("duplicates", "near_duplicates")
            for finding in found:
                out.update(finding.files[1:] if grouped else finding.files)
        return out

    def counts(self) -> dict[str, int]:
        """Samples found in each category; of a group of duplicates all but the first."""
        extra = {"duplicates", "near_duplicates"}
        return {
            name: len({key for f in found for key in (f.files[1:] if name in extra else f.files)})
            for name, found in self.findings.items()
        }

    def to_json(self) -> dict[str, Any]:
        lists = {name: [asdict(f) for f in sorted(found, key=_worst)] for name, found in self.findings.items()}
        return {
            "path": self.path, "samples": self.samples, "counts": self.counts(), "summary": self.summary,
            "skipped": self.skipped, **lists,
        }  # fmt: skip


def _worst(finding: Finding) -> tuple[float, tuple[str, ...]]:
    return (-finding.score, finding.files)


def audit(
    path: Path, against: Path | None = None, workers: int = 2, score: Score | None = None,
    read_text: ReadText | None = None, progress: Callable[[int], None] | None = None,
) -> Report:  # fmt: skip
    """Look at every sample of `path`, in any format of `trenza.data.formats`.

    against: a data set that must not be in this one, such as an evaluation set. score and read_text are a model's,
    handed in: without them mismatches and text within pictures are not looked for, and `skipped` says so.
    progress(samples) is called now and then. Raises DataError when `path` as a whole can't be read.
    """
    entries, broken = gather(path, workers, progress)
    report = Report(str(path), len({e.key for e in entries}) + len(broken))
    for key, reason in broken:
        report.add("broken", [key], 1.0, reason)
    for entry in entries:
        if entry.measured.broken:
            report.add("broken", [entry.key], 1.0, entry.measured.broken)
        elif entry.measured.blank:
            report.add("blank", [entry.key], 1.0, entry.measured.blank)
    _duplicates(report, entries)
    _texts(report, entries)
    for reason, numbers, certain in poison.suspects([e.text for e in entries], [e.measured for e in entries]):
        report.add("poison", _keys(entries, numbers), certain, reason)
    if against is None:
        report.skipped["overlap"] = "no other data set was given (--against)"
    else:
        _overlap(report, entries, gather(against, workers)[0], str(against))
    _with_models(report, path, score, read_text)
    report.summary = {
        "sources": dict(Counter(e.source or "unknown" for e in entries)),
        "licences": dict(Counter(e.licence or "unknown" for e in entries)),
        "languages": dict(Counter(e.language or "unknown" for e in entries)),
        "media": dict(Counter(e.measured.kind for e in entries)),
    }
    return report


def gather(
    path: Path, workers: int, progress: Callable[[int], None] | None = None
) -> tuple[list[Entry], list[tuple[str, str]]]:
    """Every medium of every sample measured, and (key, reason) of samples that can't be read."""
    shown = name_of(path)
    broken: list[tuple[str, str]] = []
    entries: list[Entry] = []

    def waiting() -> Iterator[tuple[str, Sample, Media]]:
        for found in named_samples(path):
            if isinstance(found, Broken):
                broken.append((shown(found.key), found.reason))
                continue
            name, sample = found
            for medium in sample.media if isinstance(sample, Item) else (sample.media,):
                yield name, _without_media(sample), medium

    def finish(batch: list[tuple[str, Sample]], done: Future) -> None:
        for (name, sample), measured in zip(batch, done.result(), strict=True):
            entries.append(_entry(name, sample, measured))
        if progress:
            progress(len(entries))

    rest = waiting()
    # Few tasks at a time: what is read and not yet measured stays small.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("forkserver")) as pool:
        running: deque[tuple[list[tuple[str, Sample]], Future]] = deque()
        while batch := list(islice(rest, _CHUNK)):
            work = [(medium, name) for name, _, medium in batch]
            running.append(([(name, sample) for name, sample, _ in batch], pool.submit(_measure_all, work)))
            if len(running) > 3 * workers:
                finish(*running.popleft())
        while running:
            finish(*running.popleft())
    return entries, broken


def named_samples(path: Path) -> Iterator[tuple[str, Sample] | Broken]:
    """Every sample with a name that no other has: its key, with its source where two sources share one."""
    taken: set[str] = set()
    for sample in read(path):
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
        yield name, sample


def name_of(path: Path) -> Callable[[str], str]:
    """Names of broken files as keys are: relative to a folder that is audited."""
    prefix = f"{path}/"
    return lambda key: key.removeprefix(prefix) if path.is_dir() and detect(path) == "folder" else key


def _measure_all(work: list[tuple[Media, str]]) -> list[Measured]:
    return [measure(medium, name) for medium, name in work]


def _without_media(sample: Sample) -> Sample:
    """The sample with empty media: its bytes are measured elsewhere and need not stay."""
    if isinstance(sample, Item):
        return Item(sample.key, (), sample.question, sample.answer, sample.capability, sample.language, sample.split)
    empty = Media(sample.media.kind, sample.media.extension, b"")
    return Pair(sample.key, empty, sample.text, sample.language, sample.source, sample.licence, sample.split)


def _entry(name: str, sample: Sample, measured: Measured) -> Entry:
    if isinstance(sample, Item):
        return Entry(name, sample.answer, sample.language, "", "", sample.question, measured)
    return Entry(name, sample.text, sample.language, sample.source, sample.licence, "", measured)


def _keys(entries: Sequence[Entry], numbers: Iterable[int]) -> list[str]:
    return list(dict.fromkeys(entries[n].key for n in numbers))


def _by_purpose(entries: Iterable[Entry]) -> list[list[Entry]]:
    """One medium is one too many where it serves twice: not when asked two things, or named in two languages."""
    purposes: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        purposes.setdefault((entry.question, entry.language), []).append(entry)
    return list(purposes.values())


def _duplicates(report: Report, entries: list[Entry]) -> None:
    # Blank and broken media are all alike, and named as such already.
    by_content: dict[str, list[Entry]] = {}
    for entry in entries:
        if not entry.measured.broken and not entry.measured.blank:
            by_content.setdefault(entry.measured.content, []).append(entry)
    for same in by_content.values():
        for serving in _by_purpose(same):
            keys = list(dict.fromkeys(e.key for e in serving))
            if len(keys) > 1:
                report.add("duplicates", keys, 1.0, f"{len(keys)} samples have the same content")
    contents = list(by_content.values())
    groups = alike.Groups(len(contents))
    likeness: dict[int, float] = {}
    for one, other, like in alike.near([same[0].measured for same in contents]):
        groups.join(one, other)
        for number in (one, other):
            likeness[number] = max(likeness.get(number, 0.0), like)
    for group in groups.of_two_or_more():
        score = min(likeness[n] for n in group)
        for serving in _by_purpose(e for n in group for e in contents[n]):
            keys = list(dict.fromkeys(e.key for e in serving))
            if len(keys) > 1 and len({e.measured.content for e in serving}) > 1:
                report.add("near_duplicates", keys, score, f"{len(keys)} samples look or sound nearly the same")


def _texts(report: Report, entries: list[Entry]) -> None:
    alone = list({e.key: e for e in entries}.values())  # a sample of two media has one text
    # An item's answer may be one word or a number; only its question and answer together are a text.
    captions = [e for e in alone if not e.question]
    found = texts.problems([e.text for e in captions], [e.language for e in captions])
    for entry, (reason, score) in zip(captions, found, strict=True):
        if reason:
            report.add("text", [entry.key], score, reason)
    for entry in alone:
        for kind in texts.private(f"{entry.question} {entry.text}"):
            report.add("private", [entry.key], 0.9, f"the text has the form of {kind}")


def _overlap(report: Report, entries: list[Entry], others: list[Entry], name: str) -> None:
    theirs: dict[str, Entry] = {}
    for other in others:
        if not other.measured.broken and not other.measured.blank:
            theirs.setdefault(other.measured.content, other)
    ours: dict[str, list[Entry]] = {}
    for entry in entries:
        if not entry.measured.broken and not entry.measured.blank:
            ours.setdefault(entry.measured.content, []).append(entry)
    left = []
    for content, same in ours.items():
        if content in theirs:
            for entry in same:
                report.add("overlap", [entry.key], 1.0, f"the same content as {theirs[content].key} of {name}")
        else:
            left.append(same)
    twins = list(theirs.values())
    best: dict[int, tuple[float, int]] = {}
    for one, twin, like in alike.near([same[0].measured for same in left], [o.measured for o in twins]):
        best[one] = max(best.get(one, (0.0, 0)), (like, twin))
    for number, (like, twin) in best.items():
        for entry in left[number]:
            report.add("overlap", [entry.key], like, f"nearly the same as {twins[twin].key} of {name}")


def _with_models(report: Report, path: Path, score: Score | None, read_text: ReadText | None) -> None:
    if score is None:
        report.skipped["mismatch"] = "no model was given (--mismatch)"
    if read_text is None:
        report.skipped["text in pictures"] = "no reader of text was given (--ocr)"
    if score is None and read_text is None:
        return
    known_bad = {key for f in (*report.findings["broken"], *report.findings["blank"]) for key in f.files}
    for found in named_samples(path):
        if isinstance(found, Broken):
            continue
        name, sample = found
        if not isinstance(sample, Pair) or name in known_bad:
            continue
        if score and sample.text:
            nats = score(sample.media, sample.text)
            if nats < 0:
                certain = min(-nats / 10, 1.0)
                report.add("mismatch", [name], certain, f"the medium speaks against its text by {-nats:.1f} nats")
        if read_text and sample.media.kind == "image":
            for kind in texts.private(read_text(sample.media)):
                report.add("private", [name], 0.8, f"text in the picture has the form of {kind}")

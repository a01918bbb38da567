"""The audit: every sample of a data set looked at once, in several processes, and what is wrong with it listed."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from trenza.data.files import Broken
from trenza.data.quality import alike, poison, texts
from trenza.data.quality.gather import Entry, gather, named_samples
from trenza.data.quality.report import Report
from trenza.data.samples import Media, Pair

Score = Callable[[Media, str], float]  # how much the medium speaks for the text, in nats; below 0: against it
ReadText = Callable[[Media], str]  # text found in a picture
Embed = Callable[[Media], np.ndarray | None]  # a vector [D]; None for a kind of medium without a space


def audit(
    path: Path, against: Path | None = None, workers: int = 2, score: Score | None = None,
    read_text: ReadText | None = None, embed: Embed | None = None, progress: Callable[[int], None] | None = None,
) -> Report:  # fmt: skip
    """Look at every sample of `path`, in any format of `trenza.data.formats`.

    against: a data set that must not be in this one, such as an evaluation set. score, read_text and embed are a
    model's, handed in: without them mismatches, text within pictures and duplicates that only an embedding finds are
    not looked for, and `skipped` says so.
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
    _with_models(report, path, score, read_text, embed)
    report.summary = {
        "sources": dict(Counter(e.source or "unknown" for e in entries)),
        "licences": dict(Counter(e.licence or "unknown" for e in entries)),
        "languages": dict(Counter(e.language or "unknown" for e in entries)),
        "media": dict(Counter(e.measured.kind for e in entries)),
    }
    return report


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


def _with_models(
    report: Report, path: Path, score: Score | None, read_text: ReadText | None, embed: Embed | None
) -> None:
    if score is None:
        report.skipped["mismatch"] = "no model was given (--mismatch)"
    if read_text is None:
        report.skipped["text in pictures"] = "no reader of text was given (--ocr)"
    if embed is None:
        report.skipped["near duplicates by embedding"] = "no model was given (--embed)"
    if not (score or read_text or embed):
        return
    known_bad = {key for f in (*report.findings["broken"], *report.findings["blank"]) for key in f.files}
    placed: dict[str, list[tuple[str, np.ndarray]]] = {}  # by language: a picture may be named in two
    for found in named_samples(path):
        if isinstance(found, Broken):
            continue
        name, _, sample = found
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
        if embed and (vector := embed(sample.media)) is not None:
            placed.setdefault(sample.language, []).append((name, vector))
    for entries in placed.values():
        _embedded(report, [name for name, _ in entries], np.stack([vector for _, vector in entries]))


def _embedded(report: Report, names: list[str], vectors: np.ndarray) -> None:
    """Near duplicates that only the model sees, as crops and mirrored pictures are."""
    known: dict[str, set[int]] = {}
    for number, finding in enumerate(report.findings["duplicates"] + report.findings["near_duplicates"]):
        for key in finding.files:
            known.setdefault(key, set()).add(number)
    groups, likeness = alike.Groups(len(names)), dict[int, float]()
    for one, other, like in alike.embedded(vectors):
        if not known.get(names[one], set()) & known.get(names[other], set()):
            groups.join(one, other)
            for number in (one, other):
                likeness[number] = max(likeness.get(number, 0.0), like)
    for group in groups.of_two_or_more():
        keys = [names[number] for number in group]
        score = min(likeness[number] for number in group)
        report.add("near_duplicates", keys, score, f"{len(keys)} samples lie close together in the model's embedding")

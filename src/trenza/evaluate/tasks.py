"""Tasks: what a model is asked. Data, not code: a folder, a file, or one of the built-in names.

A faulty item is never asked: it is taken out, and the report says which and why.
"""

import csv
import json
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from trenza.data import shards
from trenza.data.files import Broken
from trenza.data.formats import messages, read, webdataset
from trenza.data.formats.turns import named
from trenza.data.names import noun
from trenza.data.samples import Item, Pair
from trenza.errors import DataError
from trenza.evaluate.spool import Spool

KNOWN = (
    "key", "id", "messages", "answer", "choices", "capability", "language", "split", "twin", "evidence", "truth",
    "source", "licence",
)  # fmt: skip
COLUMNS = ("media", "question", "answer", "choices", "key", "capability", "language", "twin")
CHOICES = 4  # of a question made from a caption


@dataclass(frozen=True)
class Redrawn:
    """A picture drawn again without what its evidence marks, and its bare ground; both uint8 [H, W, 3]."""

    pixels: np.ndarray
    ground: np.ndarray


Redraw = Callable[[Item], tuple[Redrawn | None, ...] | None]  # by medium; None where there is nothing to draw


@dataclass
class Task:
    """Items to ask, what was wrong with others, and remarks. `redraw` is there where the task draws its own media."""

    name: str
    items: Spool = field(default_factory=Spool)
    problems: list[Broken] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    redraw: Redraw | None = None
    clusters: list[Hashable] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)  # item number by key

    def twin(self, index: int) -> int | None:
        """Number of an item's counterfactual twin, where the task has it."""
        return self.numbers.get(self.items.heads[index].twin)


def load(path: Path, limit: int = 0, seed: int = 0) -> Task:
    """The task in a folder or file, at most `limit` items of it, drawn at random with their twins.

    Raises DataError when the path holds no task, or not one item that can be asked.
    """
    samples, notes = _reader(path)
    task = gather(path.name, samples, seed)
    task.notes += notes
    if not len(task.items):
        raise DataError(f"{path} has no item that can be asked{_first(task.problems)}")
    return sample(task, limit, seed) if limit else task


def _first(problems: list[Broken]) -> str:
    return f"; the first of {len(problems)} problems: {problems[0].key}: {problems[0].reason}" if problems else ""


def _reader(path: Path) -> tuple[Iterator[Item | Pair | Broken], list[str]]:
    notes: list[str] = []
    if path.is_dir():
        files = [path / "items.jsonl"] if (path / "items.jsonl").is_file() else []
        files = files or [f for s in ("jsonl", "csv", "json") for f in sorted(path.glob(f"*.{s}"))]
        if not webdataset.recognises(path) and len(files) == 1:
            path = files[0]
    if not path.exists():
        raise DataError(f"{path} doesn't exist; give a folder or file of items, or a built-in task by its name")
    if path.suffix == ".csv":
        return _table(path, notes), notes
    if messages.recognises(path):
        return _lines(path), notes
    if webdataset.recognises(path):
        return _shards(path), notes
    return read(path), notes


def _lines(path: Path) -> Iterator[Item | Pair | Broken]:
    """JSON lines in the message schema; an answer may stand in `answer` alone."""
    with path.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(messages.MAX_LINE_BYTES + 1), b""), 1):
            at = f"{path.name}: line {number}"
            if not line.strip():
                continue
            try:
                document = json.loads(line)
                if not isinstance(document, dict):
                    raise DataError("the line is no JSON object; write one object a line")
                at = f"{at}: {document.get('key') or document.get('id') or 'without key'}"
                yield from messages.read_document(_plain(document), f"{path.stem}-{number}", path)
            except (DataError, OSError, ValueError, RecursionError) as error:
                yield Broken(at, str(error))


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its answer as the assistant's message. Raises DataError for fields that nobody knows."""
    if unknown := sorted(set(document) - set(KNOWN)):
        raise DataError(f"unknown field {', '.join(map(repr, unknown))}; known: {', '.join(KNOWN)}")
    document = {**document, "choices": [str(c) for c in document.get("choices") or []]}
    said = document.get("messages")
    if "answer" in document and isinstance(said, list):
        answer = str(document["answer"])
        roles = [m.get("role") if isinstance(m, dict) else None for m in said]
        if "assistant" not in roles:
            document["messages"] = [*said, {"role": "assistant", "content": answer}]
        elif roles.count("assistant") == 1 and said[roles.index("assistant")].get("content") != answer:
            raise DataError("`answer` is another than the assistant's message; keep one of the two")
    return document


def _shards(path: Path) -> Iterator[Item | Pair | Broken]:
    for shard in webdataset.shards_of(path):
        records, broken = shards.index(shard)
        yield from broken
        for record in records:
            try:
                members = record.read()
                document = json.loads(members.get("json", b"{}"))
                if "messages" in document:
                    _plain(document)
                yield shards.from_members(record.key, members, shard.name)
            except (DataError, OSError, ValueError, AttributeError) as error:
                yield Broken(record.at, str(error))


def _table(path: Path, notes: list[str]) -> Iterator[Item | Broken]:
    """CSV with a header: media (several by ;), question, answer; choices (by |) and more where there are."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        header = rows.fieldnames or []
        if missing := [c for c in COLUMNS[:3] if c not in header]:
            raise DataError(f"{path} lacks the column {missing[0]!r}; a table has media, question, answer")
        if unknown := [c for c in header if c not in COLUMNS]:
            notes.append(f"{path.name}: the columns {', '.join(unknown)} are passed over; known: {', '.join(COLUMNS)}")
        for number, row in enumerate(rows, 2):
            try:
                if None in row or None in row.values():
                    raise DataError(f"the row hasn't {len(header)} cells as the header has; quote what holds a comma")
                media = tuple(named(path.parent, name.strip()) for name in row["media"].split(";") if name.strip())
                choices = tuple(c.strip() for c in (row.get("choices") or "").split("|") if c.strip())
                yield Item(
                    row.get("key") or f"{path.stem}-{number}", media, row["question"].strip(), row["answer"].strip(),
                    row.get("capability") or "describe", row.get("language") or "", "", choices,
                    twin=row.get("twin") or "",
                )  # fmt: skip
            except (DataError, OSError) as error:
                yield Broken(f"{path.name}: row {number}", str(error))


def gather(name: str, samples: Iterator[Item | Pair | Broken] | Sequence[Item], seed: int = 0) -> Task:
    """A task from samples: items as they are, pairs as questions which caption fits; what is faulty taken out."""
    task, pairs = Task(name), []
    for found in samples:
        if isinstance(found, Broken):
            task.problems.append(found)
        elif isinstance(found, Pair):
            pairs.append(found)
        else:
            _add(task, found)
    for item in questions(pairs, seed):
        _add(task, item)
    task.clusters = clusters_of(task)
    lonely = sum(bool(h.twin) and h.twin not in task.numbers for h in task.items.heads)
    if lonely:
        task.notes.append(f"{lonely} items name a twin that isn't in the task; they count in no twin measure")
    return task


def _add(task: Task, item: Item) -> None:
    if reason := fault(item) or ("its key stands twice; only the first is asked" if item.key in task.numbers else ""):
        task.problems.append(Broken(item.key, reason))
        return
    task.numbers[item.key] = len(task.items)
    task.items.add(item)


def fault(item: Item) -> str:
    """Why this item can't be asked; empty where it can."""
    if not item.media:
        return "it has no medium, so there is nothing to look at"
    if not item.question.strip():
        return "its question is empty"
    if not item.answer.strip():
        return "its answer is empty"
    if item.choices and item.answer not in item.choices:
        return f"its answer {item.answer[:60]!r} is not among its choices: {', '.join(item.choices)[:120]}"
    if len(set(item.choices)) < len(item.choices) or len(item.choices) == 1:
        return "its choices are one, or one of them stands twice"
    if any(not 0 <= e.part < len(item.media) for e in item.evidence):
        return f"its evidence points to a medium that isn't there; it has {len(item.media)}, counted from 0"
    return ""


def questions(pairs: Sequence[Pair], seed: int) -> Iterator[Item]:
    """Each pair as the question which of some captions fits; the wrong ones come from other pairs at random."""
    by_language: dict[str, list[str]] = {}
    for pair in pairs:
        if pair.text and noun(pair.text) not in (known := by_language.setdefault(pair.language, [])):
            known.append(noun(pair.text))
    for pair in pairs:
        answer, names = noun(pair.text), by_language.get(pair.language, [])
        rng = np.random.default_rng([seed, *pair.key.encode()[-32:]])
        others = [names[i] for i in rng.permutation(len(names))[: 4 * CHOICES] if names[i] != answer]
        wanted = len(names) if len(names) <= 10 else CHOICES
        choices = [answer, *others][:wanted]
        asked = {"audio": {"es": "¿Qué se oye?"}, "image": {"es": "¿Qué es esto?"}}.get(pair.media.kind, {})
        question = asked.get(pair.language, "What is heard?" if pair.media.kind == "audio" else "What is this?")
        yield Item(
            pair.key, (pair.media,), question, answer, "describe", pair.language, pair.split,
            tuple(choices[i] for i in rng.permutation(len(choices))),
        )  # fmt: skip


def clusters_of(task: Task) -> list[Hashable]:
    """A number for each item: items that share a medium, or are twins, stand together."""
    parent = list(range(len(task.items)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[str, int] = {}
    for i, names in enumerate(task.items.media):
        twin = task.twin(i)
        for j in (*(first.setdefault(name, i) for name in names), i if twin is None else twin):
            parent[root(i)] = root(j)
    return [root(i) for i in range(len(parent))]


def sample(task: Task, limit: int, seed: int) -> Task:
    """At most `limit` items, whole twin pairs in random order."""
    if limit >= len(task.items):
        return task
    small = Task(task.name, problems=task.problems, notes=task.notes, redraw=task.redraw)
    for index in pairs_in_order(task, seed, limit):
        _add(small, task.items[index])
    small.clusters = clusters_of(small)
    small.notes.append(f"{len(small.items)} of {len(task.items)} items were drawn at random (seed {seed})")
    return small


def pairs_in_order(task: Task, seed: int, limit: int) -> list[int]:
    """Numbers of `limit` items at most: item and twin together, clusters in turn, so that few items meet many."""
    rng = np.random.default_rng(seed)
    by_cluster: dict[Hashable, list[tuple[int, ...]]] = {}
    taken: set[int] = set()
    for index in rng.permutation(len(task.items)).tolist():
        twin = task.twin(index)
        if index not in taken:
            unit = (index,) if twin is None or twin in taken else (index, twin)
            taken.update(unit)
            by_cluster.setdefault(task.clusters[index], []).append(unit)
    rows = list(by_cluster.values())
    chosen: list[int] = []
    for turn in range(max(map(len, rows), default=0)):
        for units in rows:
            if turn < len(units) and len(chosen) + len(units[turn]) <= limit:
                chosen += units[turn]
    return chosen


def joined(tasks: Sequence[Task]) -> Task:
    """Several tasks as one; keys are told apart by the name of their task."""
    if len(tasks) == 1:
        return tasks[0]
    whole = Task(" + ".join(t.name for t in tasks))
    origin: dict[str, tuple[Task, str]] = {}
    for task in tasks:
        whole.problems += [Broken(f"{task.name}: {p.key}", p.reason) for p in task.problems]
        whole.notes += [f"{task.name}: {note}" for note in task.notes]
        for item in task.items:
            key = f"{task.name}/{item.key}"
            origin[key] = (task, item.key)
            _add(whole, replace(item, key=key, twin=item.twin and f"{task.name}/{item.twin}"))

    def redraw(item: Item) -> tuple[Redrawn | None, ...] | None:
        task, key = origin[item.key]
        return task.redraw(replace(item, key=key)) if task.redraw else None

    whole.redraw, whole.clusters = redraw, clusters_of(whole)
    return whole

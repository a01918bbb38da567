"""Answers kept on disk by what was asked, so that the same model, item and settings are never asked twice."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from trenza.conversation import Box, Conversation, Evidence, Span

FORMAT = 1  # counts up when what is kept of an answer changes


def key_of(model: str, kind: str, conversation: Conversation, candidates: Sequence[str] = ()) -> str:
    """SHA-256 of all that decides an answer: who is asked, how, every word and the content of every medium."""
    said = [
        [m.role, [p.signal if isinstance(p.signal, str) else p.signal.content_hash for p in m.parts]]
        for m in conversation.messages
    ]
    return hashlib.sha256(json.dumps([FORMAT, model, kind, said, list(candidates)]).encode()).hexdigest()


class Store:
    """Key to JSON value, in one SQLite file that several processes may share. `:memory:` keeps nothing."""

    def __init__(self, path: Path | str):
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
        # What the kernel has is safe from a killed process; only a fall of the machine loses the last answers.
        self._base = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA synchronous=OFF")
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values there are of these keys."""
        wanted, found = list(dict.fromkeys(keys)), {}
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            marks = ",".join("?" * len(some))
            rows = self._base.execute(f"SELECT key, value FROM answers WHERE key IN ({marks})", some)
            found.update({key: json.loads(value) for key, value in rows})
        return found

    def put(self, key: str, value: Any) -> None:
        self._base.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, json.dumps(value)))

    def close(self) -> None:
        self._base.close()


def evidence_to_json(evidence: Iterable[Evidence]) -> list[list[Any]]:
    """Evidence as lists: [part, x0, y0, x1, y1], [part, start, end] or [part, text]."""
    made: list[list[Any]] = []
    for e in evidence:
        where = e.where
        if isinstance(where, Box):
            made.append([e.part, where.x0, where.y0, where.x1, where.y1])
        else:
            made.append([e.part, where.start, where.end] if isinstance(where, Span) else [e.part, where])
    return made


def evidence_from_json(document: Iterable[list[Any]]) -> tuple[Evidence, ...]:
    kinds: dict[int, Any] = {4: Box, 2: Span, 1: str}
    return tuple(Evidence(part, kinds[len(rest)](*rest)) for part, *rest in document)

"""An index over a folder of media: vectors by approximate nearest neighbours (USearch), kept up to date by itself.

Files are known by size and time of change, so that a second call looks only at what is new. Where vectors come from is
handed in. State stands in a place of its own, never in the folder: `state.json` names the vectors' files, one a kind
of medium, and is replaced last, so that a call that is stopped leaves the state before it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from usearch.index import Index

from trenza.data.files import KIND_OF, extension_of, whole
from trenza.data.samples import KINDS
from trenza.errors import DataError, SignalError
from trenza.signals import Audio, Image, Video, decode

BATCH = 16
_FORMAT = 1
Embed = Callable[[Sequence[Image | Audio | Video]], np.ndarray]  # signals to vectors float32 [n, width]


def new_vectors(width: int) -> Index:
    """An empty index of vectors [width] by inner product, kept in half precision."""
    return Index(ndim=width, metric="ip", dtype="f16")


def _restored(file: Path) -> Index:
    """Raises ValueError where it isn't an index."""
    if (index := Index.restore(str(file))) is None:
        raise ValueError(f"{file} is no index")
    return index


@dataclass(frozen=True)
class Found:
    """A file of the folder, as a relative name, and the inner product of its vector and the query's."""

    name: str
    kind: str
    score: float


@dataclass
class Changes:
    """What an update did. broken: name -> why the file can't be read; such files are tried again when they change."""

    added: int = 0
    removed: int = 0
    broken: dict[str, str] = field(default_factory=dict)


@dataclass
class _File:
    key: int  # in the vectors of its kind; -1 where it is broken
    kind: str
    size: int
    changed: int  # nanoseconds
    reason: str = ""


class MediaIndex:
    """folder: the media. place: where its state is kept. model: names what makes the vectors; another starts anew."""

    def __init__(self, folder: Path, place: Path, model: str, width: int):
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder; name the one that holds the media")
        self.folder, self.place, self.model, self.width = folder, place, model, width
        place.mkdir(parents=True, exist_ok=True)
        self.files: dict[str, _File] = {}
        self.names: dict[int, str] = {}  # the other way: key -> name
        self.next = 0
        self.vectors = {kind: new_vectors(width) for kind in KINDS}
        self._read()

    def _read(self) -> None:
        try:
            state = json.loads((self.place / "state.json").read_text())
            if state["format"] != _FORMAT or state["model"] != self.model or state["width"] != self.width:
                return
            vectors = {kind: _restored(self.place / state["vectors"][kind]) for kind in KINDS}
            files = {name: _File(*entry) for name, entry in state["files"].items()}
            if any(len(vectors[k]) != sum(f.kind == k and f.key >= 0 for f in files.values()) for k in KINDS):
                return
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            return  # none yet, or damaged: it is made again
        self.files, self.vectors, self.next = files, vectors, state["next"]
        self.names = {f.key: name for name, f in files.items() if f.key >= 0}

    def update(self, embed: Embed, progress: Callable[[int, int], None] = lambda done, total: None) -> Changes:
        """Bring the index to what the folder holds now. progress(done, total) is told after each batch."""
        with FileLock(self.place / "lock"):
            self._read()  # another call may have been faster
            changes = Changes()
            there = dict(self._media())
            for name in [n for n, f in self.files.items() if there.get(n) != (f.size, f.changed)]:
                changes.removed += name not in there
                self._forget(name)
            new = [name for name in there if name not in self.files]
            for start in range(0, len(new), BATCH):
                some = new[start : start + BATCH]
                changes.added += self._add({name: there[name] for name in some}, embed)
                progress(min(start + BATCH, len(new)), len(new))
            changes.broken = {n: f.reason for n, f in self.files.items() if f.key < 0}
            if new or changes.removed:
                self._write()
        return changes

    def _media(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Name -> size and time of change of every media file; what begins with a dot is left out."""
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            if extension_of(path.name) in KIND_OF and path.is_file() and not any(p.startswith(".") for p in name.parts):
                status = path.stat()
                yield name.as_posix(), (status.st_size, status.st_mtime_ns)

    def _forget(self, name: str) -> None:
        file = self.files.pop(name)
        if file.key >= 0:
            self.vectors[file.kind].remove(file.key)
            del self.names[file.key]

    def _add(self, files: dict[str, tuple[int, int]], embed: Embed) -> int:
        signals, names = [], []
        for name, status in files.items():
            try:
                signals.append(decode(self.folder / name))
                names.append(name)
            except SignalError as error:
                self.files[name] = _File(-1, KIND_OF[extension_of(name)], *status, str(error))
        if not signals:
            return 0
        for name, signal, vector in zip(names, signals, embed(signals), strict=True):
            self.vectors[signal.kind].add(self.next, vector)
            self.files[name] = _File(self.next, signal.kind, *files[name])
            self.names[self.next] = name
            self.next += 1
        return len(names)

    def _write(self) -> None:
        old = set(self.place.glob("*.usearch"))
        vectors = {kind: f"{kind}-{self.next}-{len(self.files)}.usearch" for kind in KINDS}
        for kind, file in vectors.items():
            with whole(self.place / file) as partial:
                self.vectors[kind].save(str(partial))
        state: dict[str, Any] = {
            "format": _FORMAT, "model": self.model, "width": self.width, "next": self.next, "vectors": vectors,
            "files": {n: [f.key, f.kind, f.size, f.changed, f.reason] for n, f in self.files.items()},
        }  # fmt: skip
        with whole(self.place / "state.json") as partial:
            partial.write_text(json.dumps(state))
        for outdated in old - {self.place / name for name in vectors.values()}:
            outdated.unlink(missing_ok=True)

    def __len__(self) -> int:
        return sum(map(len, self.vectors.values()))

    def search(self, vector: np.ndarray, count: int, kinds: Sequence[str] = KINDS) -> list[Found]:
        """The `count` files whose vectors fit a vector [width] best, of these kinds, best first."""
        found = []
        for kind in kinds:
            if len(self.vectors[kind]):
                matches = self.vectors[kind].search(vector, count)
                pairs = zip(matches.keys.tolist(), matches.distances.tolist(), strict=True)
                found += [Found(self.names[key], kind, 1 - distance) for key, distance in pairs]
        return sorted(found, key=lambda f: -f.score)[:count]

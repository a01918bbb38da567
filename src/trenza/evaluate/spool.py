"""Items kept on disk, so that ten thousand of them with their media take little memory."""

import pickle
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import overload

from trenza.data.samples import Item, Media


class Spool(Sequence[Item]):
    """Items in the order they were added. Media and truth lie in a temporary file, each medium once; the rest,
    which measures look at all the time, stays in memory as `heads` (items without media and truth)."""

    def __init__(self) -> None:
        self.heads: list[Item] = []
        self.media: list[tuple[str, ...]] = []  # SHA-256 of each item's media
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the spool)
        self._places: dict[str, tuple[str, str, int, int]] = {}
        self._truths: list[tuple[int, int]] = []

    def add(self, item: Item) -> None:
        for medium in item.media:
            if medium.sha256 not in self._places:
                self._places[medium.sha256] = (medium.kind, medium.extension, *self._write(medium.data))
        self._truths.append(self._write(pickle.dumps(item.truth)))
        self.heads.append(replace(item, media=(), truth=None))
        self.media.append(tuple(m.sha256 for m in item.media))

    def kinds(self, index: int) -> tuple[str, ...]:
        """Kind of each medium of an item, without reading any."""
        return tuple(self._places[name][0] for name in self.media[index])

    def truth(self, index: int):
        return pickle.loads(self._read(*self._truths[index]))

    def __len__(self) -> int:
        return len(self.heads)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        media = tuple(self._medium(name) for name in self.media[index])
        return replace(self.heads[index], media=media, truth=self.truth(index))

    def __iter__(self) -> Iterator[Item]:
        return (self[i] for i in range(len(self)))

    def _medium(self, name: str) -> Media:
        kind, extension, start, size = self._places[name]
        return Media(kind, extension, self._read(start, size))

    def _write(self, data: bytes) -> tuple[int, int]:
        start = self._file.seek(0, 2)
        self._file.write(data)
        return start, len(data)

    def _read(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size)

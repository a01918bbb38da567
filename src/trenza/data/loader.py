"""A loader that mixes sources: deterministic, resumable to the sample, the same for any number of workers.

What stands at a place of the mixed row is computed from the seed, not remembered. So a position is one number,
ranks take every n-th place, and no state lives in a worker.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from trenza.data.files import Broken
from trenza.data.formats.webdataset import shards_of
from trenza.data.shards import Record, from_members, index
from trenza.errors import DataError, UsageError


@dataclass(frozen=True)
class Source:
    """Shards to draw from: a .tar, a folder of them, or one that `trenza data build` wrote.

    weight: its share of the mixture against the other sources' (default: its number of samples, so that an epoch
    of the mixture is one of every source).
    """

    path: Path
    weight: float | None = None


class Records(Dataset):
    """All samples of the sources by (source, number); `decode(record)` makes of each what the model takes.

    `broken` lists what was found damaged while indexing. A sample that can't be decoded comes as `Broken`.
    """

    def __init__(self, sources: Sequence[Source], decode: Callable[[Record], Any] | None = None):
        self.decode = decode or sample_of
        self.records: list[list[Record]] = []
        self.broken: list[Broken] = []
        for source in sources:
            own: list[Record] = []
            for shard in shards_of(source.path):
                found, broken = index(shard)
                own += found
                self.broken += broken
            if not own:
                raise DataError(f"{source.path} has no sample in its shards; build it or leave it out")
            self.records.append(own)

    def __len__(self) -> int:
        return sum(map(len, self.records))

    def __getitem__(self, place: tuple[int, int]) -> Any:
        record = self.records[place[0]][place[1]]
        try:
            return self.decode(record)
        except (DataError, OSError, ValueError) as error:
            return Broken(record.at, str(error))


def sample_of(record: Record) -> Any:
    """The pair or item of a record."""
    return from_members(record.key, record.read(), record.shard.name)


class Order:
    """Which (source, number) stands at each place of the endless mixed row; pure in seed, sizes and weights.

    An epoch of the mixture has as many places as there are samples, shared out by weight and shuffled. Each source
    goes through a permutation of its own samples before any of them comes again.
    """

    def __init__(self, sizes: Sequence[int], weights: Sequence[float], seed: int):
        if not all(np.isfinite(w) and w > 0 for w in weights):
            raise UsageError(f"weights of sources must be above 0, not {list(weights)}; leave a source out instead")
        self.sizes, self.seed = list(sizes), seed
        shares = np.array(weights, float) / sum(weights)
        self.counts = np.maximum(np.round(shares * sum(sizes)).astype(int), 1)
        self.epoch_places = int(self.counts.sum())
        self._rounds: dict[int, tuple[int, np.ndarray]] = {}

    def __call__(self, start: int, stride: int = 1) -> Iterator[tuple[int, int]]:
        """Places start, start + stride, start + 2 stride ... of the row."""
        place = start
        while True:
            epoch, first = divmod(place, self.epoch_places)
            row = self._rng("row", epoch).permutation(np.repeat(np.arange(len(self.sizes)), self.counts))
            drawn = self.counts * epoch + np.bincount(row[:first], minlength=len(self.sizes))
            for offset, source in enumerate(row[first:]):
                if offset == place - first - epoch * self.epoch_places:
                    yield int(source), self._number(int(source), int(drawn[source]))
                    place += stride
                drawn[source] += 1

    def _number(self, source: int, draw: int) -> int:
        epoch, place = divmod(draw, self.sizes[source])
        if source not in self._rounds or self._rounds[source][0] != epoch:
            self._rounds[source] = epoch, self._rng(source, epoch).permutation(self.sizes[source])
        return int(self._rounds[source][1][place])

    def _rng(self, *of: Any) -> np.random.Generator:
        digest = hashlib.sha256(repr((self.seed, *of)).encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:16], "big"))


class _From(Sampler):
    """Hands a DataLoader its places."""

    def __init__(self, order: Order, start: int, rank: int, ranks: int, stop: int | None):
        self.order, self.start, self.rank, self.ranks, self.stop = order, start, rank, ranks, stop

    def __iter__(self) -> Iterator[tuple[int, int]]:
        places = self.order(self.start * self.ranks + self.rank, self.ranks)
        return places if self.stop is None else islice(places, max(self.stop - self.start, 0))


class Loader:
    """Batches of a mixture of sources, for one of `ranks` processes of a training.

    Iterating goes on where `position` is: the number of samples this rank has been given, broken ones counted.
    Stop and go on by keeping `state()` and giving it to `restore` of a loader of the same sources. `epochs` ends
    the row after so many rounds (default: never); ranks get equally many places, so up to ranks - 1 of the last
    round are left out. What is damaged is skipped, and listed in `broken` with its shard and key.
    """

    def __init__(
        self, sources: Sequence[Source], batch: int, seed: int = 0, rank: int = 0, ranks: int = 1, workers: int = 0,
        epochs: int | None = None, decode: Callable[[Record], Any] | None = None,
    ):  # fmt: skip
        if not (0 <= rank < ranks and batch > 0):
            raise UsageError(f"rank {rank} of {ranks} with a batch of {batch} can't be; ranks count from 0")
        self.records = Records(sources, decode)
        sizes = [len(own) for own in self.records.records]
        weights = [size if s.weight is None else s.weight for s, size in zip(sources, sizes, strict=True)]
        self.order = Order(sizes, weights, seed)
        self.batch, self.rank, self.ranks, self.workers = batch, rank, ranks, workers
        self.stop = None if epochs is None else self.order.epoch_places * epochs // ranks
        self.position = 0
        self.broken = list(self.records.broken)

    def __iter__(self) -> Iterator[list[Any]]:
        sampler = _From(self.order, self.position, self.rank, self.ranks, self.stop)
        batches = DataLoader(
            self.records, batch_size=self.batch, sampler=sampler, num_workers=self.workers, collate_fn=list
        )
        for batch in batches:
            # Counted when handed over: what workers have prefetched is not yet given.
            self.position += len(batch)
            self.broken += [sample for sample in batch if isinstance(sample, Broken)]
            if whole := [sample for sample in batch if not isinstance(sample, Broken)]:
                yield whole

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as JSON values."""
        return {"position": self.position, "ranks": self.ranks, "sizes": self.order.sizes, "seed": self.order.seed}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where all ranks together were; there may be another number of them now.

        Raises UsageError for the state of a loader of other data or another seed.
        """
        mine = self.state()
        if wrong := [key for key in ("sizes", "seed") if state.get(key) != mine[key]]:
            told = ", ".join(f"{key} was {state.get(key)} and is {mine[key]}" for key in wrong)
            raise UsageError(f"the loader can't go on from another's position: {told}; give it the same data")
        given = int(state["position"]) * int(state["ranks"])
        if given % self.ranks:
            raise UsageError(f"{given} samples were given, which {self.ranks} ranks can't share; take a divisor of it")
        self.position = given // self.ranks

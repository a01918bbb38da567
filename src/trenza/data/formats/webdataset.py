"""WebDataset: a .tar, or a folder of them, with pairs as img2dataset writes them, or with our items."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from trenza.data.files import Broken
from trenza.data.shards import Sample, read_shard, write_shard
from trenza.errors import DataError


def recognises(path: Path) -> bool:
    return path.suffix == ".tar" if path.is_file() else any(path.glob("*.tar"))


def shards_of(path: Path) -> list[Path]:
    """The shards a manifest lists, else all of the folder. Raises DataError for a manifest that can't be read."""
    if path.is_file():
        return [path]
    manifest = path / "manifest.json"
    if not manifest.is_file():
        return sorted(path.glob("*.tar"))
    try:
        return [path / entry["file"] for entry in json.loads(manifest.read_text())["shards"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{manifest} is damaged ({error!r}); run `trenza data build` on the folder again") from error


def read(path: Path) -> Iterator[Sample | Broken]:
    for shard in shards_of(path):
        yield from read_shard(shard)


def write(path: Path, samples: Iterable[Sample], per_shard: int = 10_000) -> None:
    """Shards 00000.tar, 00001.tar ... in the folder `path`."""
    rest, number = iter(samples), 0
    while part := list(islice(rest, per_shard)):
        write_shard(path / f"{number:05d}.tar", part)
        number += 1

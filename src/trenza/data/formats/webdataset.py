"""WebDataset: a .tar, or a folder of them, with pairs as img2dataset writes them, or with our items."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from trenza.data.files import Broken
from trenza.data.shards import Sample, read_shard, write_shard
from trenza.errors import DataError


def recognises(path: Path) -> bool:
    return path.suffix == ".tar" if path.is_file() else any(path.glob("*.tar"))


def shards_of(path: Path) -> list[Path]:
    """The shards a manifest lists, else all of the folder. Raises DataError for a manifest that can't be read."""
    if path.is_file():
        return [path]
    manifest = _manifest(path)
    if not manifest:
        return sorted(path.glob("*.tar"))
    try:
        return [path / entry["file"] for entry in manifest["shards"]]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path / 'manifest.json'} is damaged ({error!r}); build the folder again") from error


def provenance(path: Path) -> dict[str, tuple[str, str]]:
    """Shard -> its corpus and its licence, where `trenza data build` wrote the folder."""
    corpora = _manifest(path).get("corpora") or {}
    found = {}
    for shard in shards_of(path) if isinstance(corpora, dict) and corpora else ():
        name = shard.stem.rpartition("-")[0]
        if isinstance(made := corpora.get(name), dict):
            found[str(shard)] = name, str(made.get("licence") or "")
    return found


def _manifest(path: Path) -> dict[str, Any]:
    file = path / "manifest.json"
    if not path.is_dir() or not file.is_file():
        return {}
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file} is damaged ({error}); run `trenza data build` on the folder again") from error
    return document if isinstance(document, dict) and "shards" in document else {}


def read(path: Path) -> Iterator[Sample | Broken]:
    for shard in shards_of(path):
        yield from read_shard(shard)


def write(path: Path, samples: Iterable[Sample], per_shard: int = 10_000) -> None:
    """Shards 00000.tar, 00001.tar ... in the folder `path`."""
    rest, number = iter(samples), 0
    while part := list(islice(rest, per_shard)):
        write_shard(path / f"{number:05d}.tar", part)
        number += 1

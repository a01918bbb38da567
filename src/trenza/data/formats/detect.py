"""Which format a path is in, and its samples."""

from collections.abc import Iterator
from pathlib import Path

from trenza.data.files import Broken
from trenza.data.formats import folder, huggingface, llava, messages, webdataset
from trenza.data.shards import Sample
from trenza.errors import DataError

# In the order they are tried: a saved dataset holds other files too, a plain folder is what remains.
FORMATS = {
    "huggingface": huggingface,
    "webdataset": webdataset,
    "messages": messages,
    "llava": llava,
    "folder": folder,
}


def detect(path: Path) -> str:
    """Name of the format of `path`, by its extension and what lies in it. Raises DataError when it has none."""
    if not path.exists():
        raise DataError(f"{path} doesn't exist; give a folder or file of data")
    for name, module in FORMATS.items():
        if module.recognises(path):
            return name
    raise DataError(
        f"{path} holds no data that is read here; known: a folder of media with .txt files, .tar shards, "
        "a .jsonl of messages, LLaVA's .json, a folder that datasets' save_to_disk wrote"
    )


def read(path: Path) -> Iterator[Sample | Broken]:
    """Every sample of `path`, in its order; one that can't be read comes as `Broken`, in its place or at the end.

    Raises DataError when the path as a whole can't be read.
    """
    return (sample for _, sample in placed(path))


def placed(path: Path) -> Iterator[tuple[str, Sample | Broken]]:
    """As `read`, each sample with the shard it lies in; with nothing where its key is its file or line."""
    name = detect(path)
    if name == "webdataset":
        for shard in webdataset.shards_of(path):
            yield from ((str(shard), sample) for sample in webdataset.read(shard))
    else:
        yield from (("", sample) for sample in FORMATS[name].read(path))

"""The plainest format: a folder of media with a .txt of the same name beside each, folders inside it included."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from trenza.data.files import KIND_OF, Broken, check_name, extension_of, inside, read_caption, read_media, whole
from trenza.data.samples import Item, Pair
from trenza.errors import DataError


def recognises(path: Path) -> bool:
    return path.is_dir() and any(extension_of(p.name) in KIND_OF for p in path.rglob("*"))


def read(path: Path) -> Iterator[Pair | Broken]:
    """A pair for each medium, in the order of names. Language, licence and split are unknown: empty."""
    for file in sorted(p for p in path.rglob("*") if extension_of(p.name) in KIND_OF and not p.is_dir()):
        key = file.relative_to(path).as_posix()
        try:
            media = read_media(inside(path, key))
            text = file.with_suffix(".txt")
            if not text.is_file():
                raise DataError(f"{text} is missing; write the caption there, an empty file for none")
            said = read_caption(inside(path, text.relative_to(path).as_posix()))
            yield Pair(key, media, said, "", path.resolve().name, "", "")
        except (DataError, OSError) as error:
            yield Broken(str(file), str(error))


def write(path: Path, samples: Iterable[Pair | Item]) -> None:
    """Each pair as KEY.EXTENSION and KEY.txt. Raises DataError for an item, whose truth a caption can't hold."""
    taken = set()
    for sample in samples:
        if isinstance(sample, Item):
            raise DataError(f"{sample.key} is a question with its truth; write it as messages, LLaVA or WebDataset")
        stem = check_name(sample.key).removesuffix(f".{sample.media.extension}")
        if stem in taken:
            raise DataError(f"two pairs would both be written to {path / stem}.*; give every pair a key of its own")
        taken.add(stem)
        for extension, data in ((sample.media.extension, sample.media.data), ("txt", sample.text.encode())):
            with whole(path / f"{stem}.{extension}") as partial:
                partial.write_bytes(data)

"""Hugging Face datasets saved with `save_to_disk`, media kept encoded."""

import json
import shutil
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trenza.data.files import KIND_OF, Broken, caption, extension_of
from trenza.data.formats.turns import sniffed
from trenza.data.samples import KINDS, Item, Media, Pair
from trenza.data.shards import Sample
from trenza.errors import DataError

if TYPE_CHECKING:
    import datasets

_TEXTS = ("text", "caption", "sentence", "transcription", "transcript", "label")  # first that is there


def recognises(path: Path) -> bool:
    return any((path / name).is_file() for name in ("dataset_dict.json", "dataset_info.json"))


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise DataError("this format needs the package datasets; install it with: pip install trenza[data]") from error
    return datasets


def read(path: Path) -> Iterator[Sample | Broken]:
    """Pairs from the first media column and a text or label column; items from a table that `write` made.

    Raises DataError when the table can't be opened or has no such columns.
    """
    library = _library()
    try:
        loaded = library.load_from_disk(str(path))
    except Exception as error:  # pyarrow and datasets raise many kinds for a damaged folder
        raise DataError(f"{path} can't be opened as a saved dataset ({error}); save it again") from error
    tables = loaded if isinstance(loaded, library.DatasetDict) else {"": loaded}
    return chain.from_iterable(_read(table, split, path, library) for split, table in tables.items())


def _read(table: "datasets.Dataset", split: str, path: Path, library: Any) -> Iterator[Sample | Broken]:
    kinds = {library.Image: "image", library.Audio: "audio", library.Video: "video"}
    features = dict(table.features)
    media = {name: kinds[type(f)] for name, f in features.items() if type(f) in kinds}
    lists = {name for name, f in features.items() if type(getattr(f, "feature", None)) in kinds}
    for name in media:
        table = table.cast_column(name, type(features[name])(decode=False))
    for name in lists:
        table = table.cast_column(name, library.List(type(features[name].feature)(decode=False)))
    text = next((name for name in _TEXTS if name in features), "")
    if "document" not in features and not (media and text):
        have = ", ".join(features)
        raise DataError(f"{path} has the columns {have}; it needs one of media and one of {', '.join(_TEXTS)}")
    classes = getattr(features.get(text), "names", None)
    for number in range(len(table)):
        at = f"{path}: row {split + ' ' if split else ''}{number}"
        try:
            row = table[number]
            if "document" in features and row["document"]:
                yield _item(row)
            else:
                yield _pair(row, media, text, classes, split, f"{split or 'row'}-{number}", path)
        except (DataError, OSError, ValueError, KeyError, StopIteration) as error:
            yield Broken(at, str(error) or repr(error))


def _pair(
    row: dict[str, Any], media: dict[str, str], text: str, classes: list[str] | None, split: str, key: str, path: Path
) -> Pair:
    filled = [name for name in media if row[name] is not None]
    if not filled:
        raise DataError(f"no medium in {', '.join(media)}")
    words = row[text]
    if isinstance(words, list):
        words = words[0] if words else None
    if words is None:
        raise DataError(f"no text in the column {text}; fill it, with an empty string for none")
    words = classes[words] if classes else str(words)
    meta = {name: str(row.get(name) or "") for name in ("key", "language", "source", "licence", "split")}
    return Pair(
        meta["key"] or key, _medium(row[filled[0]], media[filled[0]]), caption(words.encode(), text),
        meta["language"], meta["source"] or path.resolve().name, meta["licence"], meta["split"] or split,
    )  # fmt: skip


def _item(row: dict[str, Any]) -> Item:
    document = json.loads(row["document"])
    files = {kind: iter(row[f"{kind}s"] or []) for kind in KINDS}
    order = [part["type"].removesuffix("_url") for part in document["messages"][0]["content"] if part["type"] != "text"]
    return Item.from_json(document, tuple(_medium(next(files[kind]), kind) for kind in order))


def _medium(cell: dict[str, Any], kind: str) -> Media:
    data = cell.get("bytes")
    name = cell.get("path") or ""
    if data is None:
        raise DataError(f"its medium {name!r} is not in the table; embed it before save_to_disk")
    extension = extension_of(name)
    return Media(kind, extension, data) if extension in KIND_OF and data else sniffed(data, kind, "its medium")


def write(path: Path, samples: Iterable[Sample]) -> None:
    """A table with a row a sample: `image`, `audio`, `video` of pairs; `images` ... and `document` of items."""
    library = _library()
    from datasets.arrow_writer import ArrowWriter

    if path.exists():
        raise DataError(f"{path} is there already; give a new name")
    texts = ("key", "text", "language", "source", "licence", "split", "question", "answer", "document")
    kinds = {"image": library.Image(), "audio": library.Audio(), "video": library.Video()}
    features = library.Features(
        {name: library.Value("string") for name in texts}
        | kinds
        | {f"{kind}s": library.List(feature) for kind, feature in kinds.items()}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        with ArrowWriter(path=str(partial / "rows"), features=features) as writer:
            for sample in samples:
                writer.write(dict.fromkeys(texts, "") | _row(sample))
            writer.finalize()
        library.Dataset.from_file(str(partial / "rows")).save_to_disk(str(partial / "saved"))
        (partial / "saved").rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _row(sample: Sample) -> dict[str, Any]:
    media = sample.media if isinstance(sample, Item) else (sample.media,)
    cells = [(m.kind, {"bytes": m.data, "path": f"{i}.{m.extension}"}) for i, m in enumerate(media)]
    row: dict[str, Any] = dict.fromkeys(KINDS) | {f"{kind}s": None for kind in KINDS}
    if isinstance(sample, Pair):
        meta = {name: getattr(sample, name) for name in ("key", "text", "language", "source", "licence", "split")}
        return row | meta | dict(cells)
    row |= {f"{kind}s": [cell for k, cell in cells if k == kind] for kind in KINDS}
    meta = {name: getattr(sample, name) for name in ("key", "language", "split", "question", "answer")}
    return row | meta | {"document": json.dumps(sample.to_json(), ensure_ascii=False)}

"""Folders in transformers' format: what is in them, read without running anything that is in them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer as FastTokenizer
from torch import Tensor

from trenza.errors import UsageError, WeightsError

# What a checkpoint's texts and media go through before the model; copied as it is.
COMPANIONS = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "spiece.model", "tokenizer.model", "chat_template.jinja", "chat_template.json",
    "preprocessor_config.json", "image_processor_config.json", "processor_config.json", "generation_config.json",
    "normalizer.json", "README.md",
)  # fmt: skip
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_MOST_COMPANION_BYTES = 64 * 2**20


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json. Raises WeightsError."""
    file = folder / "config.json"
    if not file.is_file():
        raise WeightsError(f"{file} is missing; a checkpoint of transformers is a folder with config.json")
    return _json_object(file)


def _json_object(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{file} isn't JSON ({error}); copy it again") from error
    if not isinstance(document, dict):
        raise WeightsError(f"{file} holds a {type(document).__name__}, not an object; copy it again")
    return document


class Shards(Mapping[str, Tensor]):
    """The tensors of a folder by name, each read when asked for: one model.safetensors, or several and an index.

    `file` is the one that lists them. Raises WeightsError for pickles, for a damaged file, and for an index that
    names a file or a tensor that isn't there.
    """

    def __init__(self, folder: Path):
        whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
        self.file = whole if whole.is_file() else index
        if whole.is_file():
            self._files = dict.fromkeys(_open(whole).keys(), whole)
        elif index.is_file():
            self._files = _indexed(index)
        elif pickles := sorted(p.name for pattern in PICKLES for p in folder.glob(pattern)):
            raise WeightsError(
                f"{folder / pickles[0]} is a pickle, which can run code when read; load it where you trust it and "
                "save it with transformers' save_pretrained, which writes model.safetensors"
            )
        else:
            raise WeightsError(f"{whole} is missing, and {index.name} too; covered are safetensors, whole or sharded")
        self._open = {file: _open(file) for file in set(self._files.values())}

    def __getitem__(self, name: str) -> Tensor:
        return self._open[self._files[name]].get_tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _indexed(index: Path) -> dict[str, Path]:
    table = _json_object(index).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise WeightsError(f"{index} has no weight_map; copy it again")
    files: dict[str, Path] = {}
    for tensor, name in table.items():
        if not isinstance(name, str) or Path(name).name != name:  # an index may not point outside its folder
            raise WeightsError(f"{index} puts tensor {tensor} into {name!r}, which is no file beside it")
        files[tensor] = index.parent / name
    for file in sorted(set(files.values())):
        if not file.is_file():
            raise WeightsError(f"{file} is missing, which {index.name} names; copy it again")
        held = set(_open(file).keys())
        for tensor in (t for t, f in files.items() if f == file and t not in held):
            raise WeightsError(f"{file} lacks tensor {tensor} that {index.name} puts there; copy it again")
    return files


def _open(file: Path) -> Any:
    try:
        return safe_open(file, "pt")
    except (SafetensorError, OSError) as error:
        with file.open("rb") as raw:
            if raw.read(2) in (b"PK", b"\x80\x02", b"\x80\x04", b"\x80\x05"):
                raise WeightsError(f"{file} is a pickle in spite of its name, which can run code when read") from error
        raise WeightsError(f"{file} is damaged ({error}); copy it again") from error


def companions(folder: Path) -> dict[str, bytes]:
    """Tokenizer's and processor's files by name. Raises WeightsError over 64 MB."""
    found = {}
    for name in COMPANIONS:
        file = folder / name
        if file.is_file():
            if file.stat().st_size > _MOST_COMPANION_BYTES:
                raise WeightsError(f"{file} has {file.stat().st_size:,} bytes, the limit is {_MOST_COMPANION_BYTES:,}")
            found[name] = file.read_bytes()
    return found


def check_tokenizer(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises WeightsError where a token's number has no row in the embedding that `config` (theirs) describes."""
    text = config.get("text_config") or config
    if not isinstance(text, Mapping) or not isinstance(rows := text.get("vocab_size", config.get("vocab_size")), int):
        return
    rows += text.get("additional_vocab_size") or 0
    vocabulary: dict[str, int] = {}
    file = folder / "tokenizer.json"
    if file.is_file():
        try:
            vocabulary = FastTokenizer.from_file(str(file)).get_vocab(with_added_tokens=True)
        except Exception as error:  # the library raises bare Exception for every fault
            raise WeightsError(f"{file} can't be read as a tokenizer: {error}") from error
    elif (file := folder / "vocab.json").is_file():
        vocabulary = {t: n for t, n in _json_object(file).items() if isinstance(n, int)}
    if vocabulary and (largest := max(vocabulary, key=vocabulary.__getitem__)) and vocabulary[largest] >= rows:
        raise WeightsError(
            f"{file} doesn't fit: its token {largest!r} has number {vocabulary[largest]:,}, the model's embedding has "
            f"{rows:,} rows; copy the tokenizer that belongs to the weights"
        )


def new_folder(folder: Path) -> None:
    """Raises UsageError where writing `folder` would replace something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists; name a folder that doesn't, nothing is overwritten")

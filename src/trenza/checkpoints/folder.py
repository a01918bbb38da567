"""Our folder format: `config.json`, `model.safetensors`, and a tokenizer's files where there is one."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from trenza.errors import WeightsError


def save_folder(
    folder: Path, config: Mapping[str, Any], weights: Mapping[str, Tensor],
    extra: Mapping[str, str | bytes] | None = None,
) -> None:  # fmt: skip
    """Write all files beside their place and move them in one step, so that no half folder is ever seen.

    `extra` holds further files by name (tokenizer.json, chat_template.jinja, a model card).
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        (partial / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        whole = {name: tensor.contiguous() for name, tensor in weights.items()}
        save_file(whole, partial / "model.safetensors", {"format": "pt"})  # transformers asks whose tensors they are
        for name, content in (extra or {}).items():
            (partial / name).write_bytes(content.encode() if isinstance(content, str) else content)
        partial.chmod(0o755)  # mkdtemp and safetensors write for the owner alone
        (partial / "model.safetensors").chmod(0o644)
        old = partial.with_name(partial.name + ".old")
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and weights. Raises WeightsError naming the file that is missing or damaged."""
    parsed, weights = read_config(folder), folder / "model.safetensors"
    if not weights.is_file():
        raise WeightsError(f"{weights} is missing; a model folder has config.json and model.safetensors")
    try:
        return parsed, load_file(weights)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{weights} is damaged ({error}); restore it or train again") from error


def read_config(folder: Path) -> dict[str, Any]:
    """The object in `config.json`. Raises WeightsError naming the file that is missing or damaged."""
    config = folder / "config.json"
    if not config.is_file():
        raise WeightsError(f"{config} is missing; a model folder has config.json and model.safetensors")
    try:
        parsed = json.loads(config.read_text(encoding="utf-8"))
        if not isinstance(parsed, dict):
            raise ValueError(f"it holds a {type(parsed).__name__}, not an object")
    except ValueError as error:
        raise WeightsError(f"{config} isn't a JSON object: {error}; restore it or train again") from error
    return parsed


def fill(model: nn.Module, weights: Mapping[str, Tensor], file: Path, optional: tuple[str, ...] = ()) -> None:
    """Load `weights` into `model`; tensors whose name contains one of `optional` may be missing.

    Raises WeightsError naming the first tensor that is missing, unknown or of another shape.
    """
    expected = model.state_dict()
    for name, tensor in weights.items():
        if name not in expected:
            raise WeightsError(f"{file} holds a tensor {name} that {type(model).__name__} has no place for")
        if tensor.shape != expected[name].shape:
            raise WeightsError(
                f"{file}: tensor {name} has shape {list(tensor.shape)}, "
                f"its config asks for {list(expected[name].shape)}"
            )
    for name in expected.keys() - weights.keys():
        if not any(part in name for part in optional):
            raise WeightsError(f"{file} lacks tensor {name} that its config asks for")
    model.load_state_dict({n: t.to(expected[n].dtype) for n, t in weights.items()}, strict=False)

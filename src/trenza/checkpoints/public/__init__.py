"""Public checkpoints: folders in transformers' format to ours and back, one module for each class.

A module says which of our systems a class is (`SYSTEM`, the name in our config.json), makes an empty model of it
from our settings (`build`), reads theirs (`read`) and writes ours as theirs (`write`). A model has its settings, a
dataclass, as `config`; `read` and `write` use the names transformers uses.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from trenza.checkpoints.folder import fill, load_folder, save_folder
from trenza.checkpoints.public import blip2, chameleon, clip, fuyu, idefics, llava, paligemma, siglip, whisper
from trenza.checkpoints.public.files import Shards, check_tokenizer, companions, new_folder, read_config
from trenza.errors import WeightsError


class Format(Protocol):
    """What a module of this package has."""

    SYSTEM: str

    def build(self, config: Mapping[str, Any]) -> Any:
        """A model with weights of no meaning yet. config: our config.json without "system"."""
        ...

    def read(self, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Any:
        """Theirs to our model. Raises WeightsError naming the setting or the tensor that isn't covered."""
        ...

    def write(self, model: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Our model to their config.json and tensors. Raises WeightsError for what they have no place for."""
        ...


CLASSES: dict[str, Format] = {
    "Blip2ForConditionalGeneration": blip2,
    "CLIPModel": clip,
    "ChameleonForConditionalGeneration": chameleon,
    "FuyuForCausalLM": fuyu,
    "IdeficsForVisionText2Text": idefics,
    "LlavaForConditionalGeneration": llava,
    "PaliGemmaForConditionalGeneration": paligemma,
    "SiglipModel": siglip,
    "WhisperForConditionalGeneration": whisper,
}
SYSTEMS = {module.SYSTEM: module for module in CLASSES.values()}


def class_of(system: str) -> str:
    """transformers' name of one of our systems."""
    return next(name for name, module in CLASSES.items() if system == module.SYSTEM)


def read(folder: Path) -> tuple[str, nn.Module]:
    """A folder of transformers to the name of our system and our model.

    Raises WeightsError that names the file, the setting or tensor, and what is covered.
    """
    config = read_config(folder)
    covered = ", ".join(CLASSES)
    named = config.get("architectures")
    known = [name for name in named if name in CLASSES] if isinstance(named, list) else []
    if not known:
        raise WeightsError(f"{folder / 'config.json'}: architectures {named!r} isn't covered; covered: {covered}")
    weights = Shards(folder)
    check_tokenizer(folder, config)
    module = CLASSES[known[0]]
    try:
        return module.SYSTEM, module.read(config, weights)
    except KeyError as error:
        raise WeightsError(f"{folder / 'config.json'} lacks {error}, which a {known[0]} has") from error
    except WeightsError as error:
        raise WeightsError(
            f"{weights.file}, a {known[0]}: {error}; covered: {covered}, as transformers writes it"
        ) from error


def write(folder: Path, system: str, model: Any, extra: Mapping[str, bytes]) -> None:
    """Our model to a folder that `from_pretrained` loads, with a tokenizer's and a processor's files as `extra`."""
    config, weights = SYSTEMS[system].write(model)
    kinds = {str(t.dtype).removeprefix("torch.") for t in weights.values() if t.is_floating_point()}
    save_folder(folder, {**config, "dtype": kinds.pop() if len(kinds) == 1 else "float32"}, weights, extra)


def save(folder: Path, system: str, model: Any, extra: Mapping[str, bytes]) -> None:
    """Our model to a folder of ours."""
    save_folder(folder, {"system": system, **asdict(model.config)}, model.state_dict(), extra)


def load(folder: Path) -> tuple[str, nn.Module]:
    """A folder of ours to the name of its system and the model. Raises WeightsError."""
    config, weights = load_folder(folder)
    system = config.pop("system", None)
    if system not in SYSTEMS:
        covered = ", ".join(f"{module.SYSTEM} (as {name})" for name, module in CLASSES.items())
        raise WeightsError(f"{folder / 'config.json'}: system {system!r} has no public format; covered: {covered}")
    try:
        model = SYSTEMS[system].build(config)
    except WeightsError as error:
        raise WeightsError(f"{folder / 'config.json'}: {error}") from error
    # A model kept in half precision stays in it.
    model.to(next((t.dtype for t in weights.values() if t.is_floating_point()), torch.float32))
    fill(model, weights, folder / "model.safetensors")
    return system, model.eval().requires_grad_(False)


def import_folder(source: Path, out: Path) -> str:
    """transformers' folder to a new one of ours, whole or not at all; returns the name of the system."""
    new_folder(out)
    system, model = read(source)
    save(out, system, model, companions(source))
    return system


def export_folder(source: Path, out: Path) -> str:
    """Our folder to a new one of transformers, whole or not at all; returns the name of the system."""
    new_folder(out)
    system, model = load(source)
    write(out, system, model, companions(source))
    return system

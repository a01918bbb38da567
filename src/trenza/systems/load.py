"""From MODEL on a command line to a responder."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from trenza.checkpoints import parts
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.errors import WeightsError
from trenza.systems.llava import Braid, Llava, LlavaConfig
from trenza.systems.respond import LlavaResponder
from trenza.towers import language as language_tower
from trenza.towers import whisper as whisper_tower
from trenza.towers.language import LanguageModel
from trenza.towers.whisper import Whisper

DEFAULT = Path(__file__).parents[1] / "default"


def language(dtype: torch.dtype = torch.bfloat16) -> tuple[LanguageModel, Tokenizer]:
    """The pinned language model and its tokenizer, fetched on first use."""
    folder = parts.language_model_folder()
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    return language_tower.build(config, weights, dtype), Tokenizer(folder)


def whisper(dtype: torch.dtype = torch.float32) -> Whisper:
    """The pinned Whisper tiny.en, fetched on first use."""
    folder = parts.whisper_folder()
    config = json.loads((folder / "config.json").read_text())
    return whisper_tower.build(config, load_file(folder / "model.safetensors"), dtype)


def braid(folder: Path = DEFAULT) -> Braid:
    """The trained part from a folder of ours. Raises WeightsError naming the file that is wrong."""
    try:
        config = json.loads((folder / "config.json").read_text())
        made = Braid(LlavaConfig.from_dict(config))
        weights = load_file(folder / "model.safetensors")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder} isn't a folder that `trenza train` wrote: {error}") from error
    missing, unexpected = made.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
    missing = [m for m in missing if "classifier" not in m and "num_batches" not in m]
    if missing or unexpected:
        raise WeightsError(f"{folder}/model.safetensors lacks {missing[:3]} and has unknown {unexpected[:3]}")
    return made.eval().requires_grad_(False)


def responder(model: str | None = None) -> LlavaResponder:
    """MODEL is nothing (the embedded default) or a folder of ours. Raises WeightsError."""
    folder = Path(model) if model else DEFAULT
    trained = braid(folder)
    words, tokenizer = language()
    return LlavaResponder(Llava(words, whisper(), trained), tokenizer)

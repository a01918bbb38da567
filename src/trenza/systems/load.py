"""From MODEL on a command line to a responder."""

from pathlib import Path

import torch

from trenza.checkpoints import parts
from trenza.checkpoints.folder import fill, load_folder
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.errors import WeightsError
from trenza.systems.braid import Braid, BraidConfig, Braided
from trenza.systems.respond import LlavaResponder
from trenza.towers import language as language_tower
from trenza.towers import whisper as whisper_tower
from trenza.towers.language import LanguageModel
from trenza.towers.whisper import Whisper

DEFAULT = Path(__file__).parents[1] / "default"
# Nothing reads the first two when answering; the others are Whisper's own.
NOT_SHIPPED = ("classifier", "num_batches_tracked", "listener.embedding", "listener.positions")


def language(dtype: torch.dtype = torch.bfloat16) -> tuple[LanguageModel, Tokenizer]:
    """The pinned language model and its tokenizer, fetched on first use."""
    folder = parts.language_model_folder()
    return language_tower.build(*load_folder(folder), dtype), Tokenizer(folder)


def whisper(dtype: torch.dtype = torch.float32) -> Whisper:
    """The pinned Whisper tiny.en, fetched on first use."""
    return whisper_tower.build(*load_folder(parts.whisper_folder()), dtype)


def braid(whisper: Whisper, folder: Path = DEFAULT) -> Braid:
    """The trained part from a folder of ours. Raises WeightsError naming the file that is wrong."""
    config, weights = load_folder(folder)
    try:
        made = Braid(BraidConfig.from_dict(config), whisper)
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{folder}/config.json isn't a LLaVA braid of ours: {error!r}") from error
    fill(made, weights, folder / "model.safetensors", optional=NOT_SHIPPED)
    return made.eval().requires_grad_(False)


def responder(model: str | None = None) -> LlavaResponder:
    """MODEL is nothing (the embedded default) or a folder of ours. Raises WeightsError."""
    folder = Path(model) if model else DEFAULT
    ears = whisper()
    trained = braid(ears, folder)
    words, tokenizer = language()
    return LlavaResponder(Braided(words, ears, trained), tokenizer)

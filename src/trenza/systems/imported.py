"""Answers of models that `trenza import` read, whose tower and language model are inside them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from trenza.checkpoints import public
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.errors import WeightsError
from trenza.signals import Audio, Image, Signal
from trenza.systems.examples import Medium
from trenza.systems.system_responder import SystemResponder

FRAMES = 8  # of a video
# What was trained without a chat template is asked as BLIP-2 was (Li et al. 2023, section 4.1).
PLAIN = (
    "{{ bos_token }}{% for m in messages %}{{ 'Answer: ' if m['role'] == 'assistant' else 'Question: ' }}"
    "{{ m['content'] }}\n{% endfor %}Answer:"
)
# CLIP's, which its kin keep where their settings say nothing.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class Pictures:
    """Signals to media by the model's own tower, prepared as the checkpoint's preprocessor settings say.

    Sound has no tower here: it goes on empty, and the model says that it can't take it.
    """

    def __init__(self, model: Any, settings: dict[str, Any]):
        self.model, self.settings = model, settings
        size = model.config.vision.image_size
        crop = settings.get("crop_size") if settings.get("do_center_crop") else None
        self.crop = _side(crop, size) if crop else None
        self.size = self.crop or size
        self.shortest = _side(settings.get("size"), self.size)
        self.mean = torch.tensor(settings.get("image_mean") or MEAN)
        self.std = torch.tensor(settings.get("image_std") or STD)

    def __call__(self, signals: Sequence[Signal]) -> list[tuple[Medium, ...]]:
        return [self._media(signal) for signal in signals]

    def _media(self, signal: Signal) -> tuple[Medium, ...]:
        assert not isinstance(signal, str), "words are no medium"
        if isinstance(signal, Audio):
            return (Medium("audio", torch.zeros(1, 0, 0)),)
        if isinstance(signal, Image):
            return (Medium("image", self.model.see(self.pixels([signal.pixels]))),)
        chosen = np.linspace(0, len(signal.frames) - 1, min(FRAMES, len(signal.frames))).round().astype(int)
        seen = Medium("video", self.model.see(self.pixels(list(signal.frames[chosen]))))
        return (seen, *(self._media(signal.audio) if signal.audio is not None else ()))

    def pixels(self, frames: Sequence[np.ndarray]) -> Tensor:
        """uint8 [H, W, 3] each to normalised pixels [N, 3, size, size], in the model's type."""
        squares = np.stack([self._square(PIL.Image.fromarray(frame)) for frame in frames])
        scaled = (torch.from_numpy(squares).float() / 255 - self.mean) / self.std
        return scaled.permute(0, 3, 1, 2).to(self.model.vision.patch.weight.dtype)

    def _square(self, picture: PIL.Image.Image) -> np.ndarray:
        """The middle of the picture where the settings crop, else all of it squeezed."""
        bicubic = PIL.Image.Resampling.BICUBIC
        if self.crop is None:
            return np.array(picture.resize((self.size, self.size), bicubic))
        width, height = picture.size
        scale = self.shortest / min(width, height)
        picture = picture.resize((int(width * scale), int(height * scale)), bicubic)
        left, top = (picture.width - self.crop) // 2, (picture.height - self.crop) // 2
        return np.array(picture.crop((left, top, left + self.crop, top + self.crop)))


def _side(size: Any, otherwise: int) -> int:
    """Pixels, from what settings of several years call them."""
    if isinstance(size, dict):
        return size.get("shortest_edge") or size.get("height") or otherwise
    return size if isinstance(size, int) else otherwise


def _json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except ValueError as error:
        raise WeightsError(f"{file} isn't JSON ({error}); import the checkpoint again") from error


def responder(folder: Path) -> SystemResponder:
    """Of a folder that `trenza import` wrote. Raises WeightsError."""
    _, model = public.load(folder)
    settings = _json(folder / "preprocessor_config.json") or _json(folder / "processor_config.json").get(
        "image_processor", {}
    )
    tokenizer = Tokenizer(folder, PLAIN)
    system: Any = model
    positions = system.language.config.positions
    context = min(2048, positions) if positions else 2048
    return SystemResponder(system, tokenizer, Pictures(model, settings), _end(folder, tokenizer), context)


def _end(folder: Path, tokenizer: Tokenizer) -> int:
    """The token that ends an answer: what the checkpoint generates with, or its tokenizer's own."""
    named = _json(folder / "generation_config.json").get("eos_token_id")
    if isinstance(named, list) and named:
        named = named[0]
    if isinstance(named, int):
        return named
    word = _json(folder / "tokenizer_config.json").get("eos_token")
    word = word.get("content") if isinstance(word, dict) else word
    if not word:
        raise WeightsError(f"{folder} names no token that ends an answer; add eos_token to its tokenizer_config.json")
    return tokenizer.token(word)

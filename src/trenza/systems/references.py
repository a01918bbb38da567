"""The reference media that support is measured against: what an answer is worth without this evidence.

Grey and noise, and a few ordinary media of the same kind, so that no single odd one decides. The pictures
are from Noto Emoji (Apache-2.0); the two sentences were spoken by espeak-ng.
"""

import wave
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Pillow

from trenza.conversation import Conversation, Part
from trenza.signals import Audio, Image, Video
from trenza.systems.examples import Example, Medium, with_media

FOLDER = Path(__file__).parent / "reference_media"
PICTURES = ("house", "tree", "car", "person")
SENTENCES = ("weather", "station")


@cache
def pictures() -> tuple[Image, ...]:
    """Grey, noise and four ordinary pictures."""
    rng = np.random.default_rng(0)
    made = [np.full((96, 96, 3), 128, np.uint8), rng.integers(0, 256, (96, 96, 3), np.uint8)]
    for name in PICTURES:
        with Pillow.open(FOLDER / f"{name}.png") as image:
            made.append(np.asarray(image.convert("RGB")))
    return tuple(Image(pixels) for pixels in made)


@cache
def _sounds() -> tuple[np.ndarray, ...]:
    """Silence, noise and two spoken sentences, float32; repeated to the length asked for."""
    rng = np.random.default_rng(0)
    made = [np.zeros(16_000, np.float32), (rng.standard_normal(16_000) * 0.05).astype(np.float32)]
    for name in SENTENCES:
        with wave.open(str(FOLDER / f"{name}.wav")) as reader:
            samples = np.frombuffer(reader.readframes(reader.getnframes()), np.int16)
            made.append((samples / 32768).astype(np.float32))
    return tuple(made)


def references(signal: Image | Audio | Video) -> list[Image | Audio | Video]:
    """Reference media that are as long as `signal`: pictures for frames, sounds for sound."""
    if isinstance(signal, Image):
        return list(pictures())
    if isinstance(signal, Audio):
        return [Audio(np.resize(sound, len(signal.samples))) for sound in _sounds()]
    frames = len(signal.frames)
    sounds: list = references(signal.audio) if signal.audio is not None else [None] * len(_sounds())
    return [
        Video(np.broadcast_to(picture.pixels, (frames, *picture.pixels.shape)), signal.times, sound)
        for picture, sound in zip(pictures(), sounds, strict=False)
    ]


def shape(signal: Image | Audio | Video) -> tuple:
    """Media of one shape share their references."""
    if isinstance(signal, Image):
        return ("image",)
    if isinstance(signal, Audio):
        return ("audio", len(signal.samples))
    return ("video", tuple(signal.times), shape(signal.audio) if signal.audio else None)


def with_references(conversation: Conversation) -> list[Conversation]:
    """The conversation with every medium replaced: by the first of its references, by the second, and so on."""
    banks = {i: references(part.signal) for i, part in conversation.media() if not isinstance(part.signal, str)}
    if not banks:
        return []
    return [_replaced(conversation, {i: b[n] for i, b in banks.items()}) for n in range(min(map(len, banks.values())))]


def _replaced(conversation: Conversation, signals: dict[int, Image | Audio | Video]) -> Conversation:
    numbers = iter(range(len(conversation.parts)))
    messages = []
    for message in conversation.messages:
        parts = [(next(numbers), part) for part in message.parts]
        kept = tuple(Part(signals[i], p.origin, p.trust) if i in signals else p for i, p in parts)
        messages.append(replace(message, parts=kept))
    return Conversation(tuple(messages))


class Banks:
    """The reference media as a system senses them, once for media of one shape. sense: signals to each one's media."""

    def __init__(self, sense: Callable[[Sequence[Image | Audio | Video]], list[tuple[Medium, ...]]]):
        self.sense = sense
        self._kept: dict[tuple, list[tuple[Medium, ...]]] = {}

    def __call__(self, example: Example, signals: Sequence[Image | Audio | Video]) -> list[Example]:
        """The example with the first of the references in place of each of its signals, with the second, and so on."""
        banks = [self._bank(signal) for signal in signals]
        own = [m for e in (*example.before, example) for m in e.media]
        made = []
        for number in range(min(len(bank) for bank in banks)):
            instead = [m for bank in banks for m in bank[number]]
            assert len(instead) == len(own), "references have the media of what they stand for"
            made.append(with_media(example, iter(instead)))
        return made

    @torch.no_grad()
    def _bank(self, signal: Image | Audio | Video) -> list[tuple[Medium, ...]]:
        kind = shape(signal)
        if kind not in self._kept:
            self._kept[kind] = self.sense(references(signal))
        return self._kept[kind]

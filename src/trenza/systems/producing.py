"""Text to a picture or a sound: a native model writes codes, its codec makes them a signal."""

import wave
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Pillow

from trenza.checkpoints.tokenizer import Slot, Tokenizer
from trenza.errors import UsageError
from trenza.layers.sampling import sample
from trenza.signals import SAMPLE_RATE, Audio, Image
from trenza.systems.codecs import Codecs
from trenza.systems.examples import Example, Turn
from trenza.systems.native import Native


class Producer:
    def __init__(self, native: Native, tokenizer: Tokenizer, codecs: Codecs):
        self.native, self.tokenizer, self.codecs = native, tokenizer, codecs

    def __call__(
        self, text: str, kind: str = "image", temperature: float = 1.0, top_p: float = 0.95, seed: int = 0
    ) -> Image | Audio:
        """What `text` asks for: a picture of 64 pixels a side, or 3 s of sound. Raises UsageError for another kind."""
        words: list[int] = []
        for piece in self.tokenizer.prompt([("user", [0])]):
            words += self.tokenizer.encode(text) if isinstance(piece, Slot) else piece
        choose = partial(sample, temperature=temperature, top_p=top_p, rng=torch.Generator().manual_seed(seed))
        codes = self.native.produce(Example([], (), (Turn(words, []),)), kind, choose)
        return self.codecs.picture(codes) if kind == "image" else self.codecs.sound(codes)


def write(signal: Image | Audio, file: Path) -> None:
    """A PNG or a WAV of 16 bits. Raises UsageError when the file can't be written."""
    try:
        if isinstance(signal, Image):
            Pillow.fromarray(signal.pixels).save(file)
            return
        with wave.open(str(file), "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(SAMPLE_RATE)
            writer.writeframes((np.clip(signal.samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error}; name another file") from error

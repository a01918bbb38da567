"""Text to a signal, on a tiny native model and tiny codecs."""

import wave

import pytest
import torch
from PIL import Image as Pillow

from trenza.bridges.native import Codec, CodecConfig
from trenza.checkpoints.tokenizer import Slot
from trenza.errors import UsageError
from trenza.layers.block import BlockConfig
from trenza.systems.codecs import Codecs
from trenza.systems.native import CodeConfig, Native, NativeConfig
from trenza.systems.producing import Producer, write
from trenza.towers.language import LanguageConfig, LanguageModel

BLOCK = BlockConfig(32, 4, 48, kv_heads=2, head_width=8, bias="", norm="rms", activation="silu", gated=True)


class Words:
    """A token a letter, behind a template of two tokens."""

    def encode(self, text):
        return [ord(letter) % 40 for letter in text]

    def prompt(self, messages):
        return [[1, 2], Slot(0), [3]]


@pytest.fixture(scope="module")
def producer() -> Producer:
    torch.manual_seed(0)
    native = Native(
        NativeConfig({"image": CodeConfig(12, 64), "audio": CodeConfig(12, 75)}),
        LanguageModel(LanguageConfig(40, 2, BLOCK, 10_000.0, tied=True)),
    )
    made = {"image": CodecConfig(2, 3, (8, 8, 8), (3, 4)), "audio": CodecConfig(1, 80, (8, 8), (3, 4))}
    codecs = Codecs({kind: Codec(config) for kind, config in made.items()}).eval().requires_grad_(False)
    return Producer(native, Words(), codecs)


def test_a_picture_comes_the_same_from_the_same_seed_and_is_written(producer, tmp_path):
    first, again, other = (producer("Draw a dog.", temperature=50, top_p=1, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    write(first, tmp_path / "dog.png")
    with Pillow.open(tmp_path / "dog.png") as image:
        assert image.size == (64, 64)


def test_a_sound_of_three_seconds_is_written(producer, tmp_path):
    write(producer("Say hello.", "audio", temperature=0), tmp_path / "hello.wav")
    with wave.open(str(tmp_path / "hello.wav")) as reader:
        assert (reader.getframerate(), reader.getnframes()) == (16_000, 48_000)


def test_what_cannot_be_produced_or_written_is_said(producer, tmp_path):
    with pytest.raises(UsageError, match="can't produce video"):
        producer("Draw a dog.", "video")
    with pytest.raises(UsageError, match="can't be written"):
        write(producer("Draw a dog."), tmp_path / "missing" / "dog.png")

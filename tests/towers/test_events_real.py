"""The shipped detector on a spoken word, a sound of several events, and noise."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from trenza.checkpoints.parts import whisper_folder
from trenza.signals import decode
from trenza.systems import load

pytestmark = pytest.mark.real
RATE = 16_000


@pytest.fixture(scope="module")
def detector():
    return load.events(load.whisper())


@pytest.fixture(scope="module")
def spoken() -> torch.Tensor:
    return torch.tensor(decode("examples/spoken.wav").samples)


def words(row: torch.Tensor) -> str:
    vocabulary = Tokenizer.from_file(str(whisper_folder() / "tokenizer.json"))
    return vocabulary.decode([int(t) for t in row[4:24] if t >= 0]).strip()


def test_a_spoken_word_is_one_event_of_speech(detector, spoken):
    rows = detector.detect(spoken)
    assert len(rows) == 1 and rows[0, 0] > 0.5
    assert words(rows[0]) == "butterfly"


def test_a_word_and_a_tone_are_told_apart(detector, spoken):
    loud = spoken.abs() > 0.05 * spoken.abs().max()
    first, last = loud.nonzero()[[0, -1], 0].tolist()
    word = spoken[first : last + 1][:RATE]
    times = torch.arange(RATE // 2) / RATE
    tone = sum(0.1 / k * torch.sin(2 * np.pi * 330 * k * times) for k in range(1, 6)) * (-4 * times).exp()
    samples = torch.randn(4 * RATE, generator=torch.Generator().manual_seed(0)) * 3e-4
    samples[8000 : 8000 + len(word)] += word
    samples[40_000 : 40_000 + len(tone)] += tone
    rows = detector.detect(samples)
    assert rows.shape[0] == 2
    assert rows[0, 0] > 0.5 > rows[1, 0]
    assert abs(float(rows[0, 1]) - 0.5) < 0.1 and abs(float(rows[1, 1]) - 2.5) < 0.1


def test_noise_holds_no_event(detector):
    noise = torch.randn(4 * RATE, generator=torch.Generator().manual_seed(0)) * 3e-4
    assert len(detector.detect(noise)) == 0

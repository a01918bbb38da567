"""The detector of events with a judge that goes by loudness alone, over a tiny Whisper."""

import math

import pytest
import torch
from torch import nn

from trenza.towers import events, whisper
from trenza.towers.events import COLUMNS, EventConfig, EventDetector, Stretch, stretches

RATE = 16_000
HEARING = whisper.WhisperConfig(32, 2, 64, 2, 1)
NAMES = tuple((f"sound {i}", f"sonido {i}") for i in range(9))


class Loudness(nn.Module):
    """Inside where it is loud, begins where it was not loud a frame before; always speech."""

    def forward(self, features):
        loud = (features[..., -1:] > 1.5).float() * 40 - 20  # -30 dB
        before = torch.cat([torch.full_like(loud[:, :1], -20), loud[:, :-1]], 1)
        return torch.cat([loud, torch.where((loud > 0) & (before < 0), 20.0, -20.0), torch.full_like(loud, 20.0)], -1)


@pytest.fixture(scope="module")
def detector() -> EventDetector:
    torch.manual_seed(0)
    made = EventDetector(EventConfig(HEARING, NAMES), whisper.Whisper(HEARING))
    made.judge = Loudness()
    return made.eval().requires_grad_(False)


def beeps(seconds: float, *times: tuple[float, float, float]) -> torch.Tensor:
    """Faint noise with tones: (start, end, RMS)."""
    samples = torch.randn(int(seconds * RATE), generator=torch.Generator().manual_seed(1)) * 1e-4
    for start, end, rms in times:
        a, b = int(start * RATE), int(end * RATE)
        samples[a:b] = torch.sin(torch.arange(b - a) * 0.2) * rms * math.sqrt(2)
    return samples


def test_times_and_levels_are_those_of_the_sound(detector):
    rows = detector.detect(beeps(4, (0.5, 0.9, 0.1), (2.0, 3.0, 0.2)))
    assert rows.shape == (2, COLUMNS)
    assert torch.allclose(rows[:, 1:3], torch.tensor([[0.5, 0.9], [2.0, 3.0]]), atol=0.021)
    assert torch.allclose(rows[:, 3], torch.tensor([-20.0, -13.98]), atol=0.3)
    assert (rows[:, 0] > 0.9).all()


def test_names_are_numbers_in_the_config_by_falling_probability(detector):
    rows = detector.detect(beeps(4, (0.5, 0.9, 0.1)))
    numbers, chances = rows[0, 24:32], rows[0, 32:]
    assert len(set(numbers.tolist())) == 8 and set(numbers.tolist()) <= set(range(9))
    assert (chances.diff() <= 0).all() and 0 < chances.sum() <= 1.001
    words = rows[0, 4:24]
    assert ((words >= -1) & (words < HEARING.vocabulary)).all()


def test_an_event_over_the_border_of_two_windows_is_found_once(detector):
    rows = detector.detect(beeps(10, (3.2, 3.9, 0.1), (6.3, 6.8, 0.1), (9.5, 9.9, 0.1)))
    expected = torch.tensor([[3.2, 3.9], [6.3, 6.8], [9.5, 9.9]])
    assert torch.allclose(rows[:, 1:3], expected, atol=0.021)


def test_of_more_than_twelve_the_loudest_stay_in_order(detector):
    rows = detector.detect(beeps(15, *((i + 0.2, i + 0.5, 0.05 if i in (3, 7) else 0.1) for i in range(14))))
    assert rows[:, 1].round().int().tolist() == [i for i in range(14) if i not in (3, 7)]


@pytest.mark.parametrize("count", [0, 100, 4 * RATE])
def test_silence_holds_no_event(detector, count):
    assert detector.detect(torch.zeros(count)).shape == (0, COLUMNS)


def test_long_speech_is_one_event_heard_in_pieces(detector, monkeypatch):
    said = iter(range(1, 100))
    monkeypatch.setattr(
        events.hearing, "listen", lambda _, features: [(None, [next(said)] * 9) for _ in features]
    )  # fmt: skip
    rows = detector.detect(beeps(10, (1.0, 8.5, 0.1)))
    # Nine words a piece: two pieces fit into twenty columns, the next begins another event where they end.
    assert rows[0, 4:24].tolist() == [1.0] * 9 + [2.0] * 9 + [-1.0] * 2
    assert rows[0, 2] == rows[1, 1] and abs(float(rows[0, 1]) - 1.0) < 0.03 and abs(float(rows[-1, 2]) - 8.5) < 0.03


def judged(*runs: tuple[int, int], onsets: tuple[int, ...] = (), length: int = 200) -> torch.Tensor:
    probabilities = torch.zeros(length, 3)
    for start, end in runs:
        probabilities[start:end, 0] = 0.9
        probabilities[start:end, 2] = 0.8
    probabilities[list(onsets), 1] = 0.9
    return probabilities


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        (judged((10, 40), (45, 60), onsets=(10, 45)), [(10, 40), (45, 60)]),  # two words close together
        (judged((10, 40), (45, 60), onsets=(10,)), [(10, 60)]),  # a stop in the midst of a word
        (judged((10, 40), (90, 120), onsets=(10,)), [(10, 40), (90, 120)]),  # longer than a pause
        (judged((10, 60), onsets=(10, 35)), [(10, 35), (35, 60)]),  # no gap at all
        (judged((10, 60), onsets=(10, 14)), [(10, 60)]),  # a rough beginning is no second event
        (judged((10, 11), onsets=(10,)), []),  # a click
    ],
)
def test_frames_become_events(probabilities, expected):
    config = EventConfig(HEARING, NAMES)
    assert [(s.start, s.end) for s in stretches(probabilities, config)] == expected


def test_speech_is_cut_where_it_is_quiet():
    samples = beeps(8, (0.0, 2.2, 0.1), (2.4, 4.4, 0.1), (4.6, 6.0, 0.1))
    pieces = events._pieces(Stretch(0, 300, 1.0, 0), samples)
    cuts = [p.end / 50 for p in pieces[:-1]]
    assert len(cuts) == 2 and 2.2 <= cuts[0] <= 2.42 and 4.4 <= cuts[1] <= 4.62
    assert events._pieces(Stretch(0, 300, 0.0, 0), samples) == [Stretch(0, 300, 0.0, 0)]

"""What the namer of sounds learns from, and that it learns what can be told apart."""

import sys

import numpy as np
import pytest
import torch

from trenza.align import soundnamer
from trenza.align.soundnamer import rough_sounds, train_namer
from trenza.align.soundtracks import Clip
from trenza.checkpoints.folder import save_folder
from trenza.data.worlds.stock import Stock
from trenza.errors import WeightsError
from trenza.towers.events import AFTER, BEFORE, Namer

RATE = 16_000


def test_the_namer_learns_names_of_unequal_number():
    torch.manual_seed(0)
    centres, labels = torch.randn(4, 12) * 3, torch.tensor([0] * 80 + [1] * 10 + [2] * 10 + [3] * 10)
    namer = Namer(12, 16, 4)
    train_namer(namer, centres[labels] + torch.randn(110, 12) * 0.3, labels, steps=150, seed=0)
    tested = torch.arange(4).repeat(20)
    heard = namer(centres[tested] + torch.randn(80, 12) * 0.3).argmax(-1)
    assert (heard == tested).float().mean() > 0.95


def test_a_sound_stands_behind_as_much_silence_as_where_it_is_heard(monkeypatch):
    monkeypatch.setattr(soundnamer, "ROUGH_SHARE", 0.0)
    tone = Clip(np.sin(np.arange(RATE // 2) * 0.3).astype(np.float32), False, "tone")
    (made,) = rough_sounds([tone], Stock((), (), lambda *_: np.zeros(0, np.float32)), np.random.default_rng(1))
    before, after = round(BEFORE * RATE), round(AFTER * RATE)
    assert made.name == "tone" and len(made.samples) <= before + RATE // 2 + after
    heard, silent = made.samples[before : before + RATE // 10], made.samples[: before - 10]
    assert np.abs(heard).max() > 10 * np.abs(silent).max()


def test_a_detector_with_other_names_is_refused(tmp_path, monkeypatch):
    listener = {"width": 8, "heads": 2, "inner": 16, "encoder_layers": 1, "decoder_layers": 1}
    config = {"listener": listener, "names": [["moo", "mu"]], "width": 8, "inside": 0.5, "onset": 0.5, "pause": 0.6}
    save_folder(tmp_path / "detector", config, {"judge": torch.zeros(1)})
    told = ["soundnamer", "--detector", str(tmp_path / "detector"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", told)
    with pytest.raises(WeightsError, match="has other names than the sounds here"):
        soundnamer.main()
    assert not (tmp_path / "out").exists()

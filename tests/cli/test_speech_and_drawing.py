"""`trenza transcribe` and `trenza draw` over stand-ins for the models."""

import json

import numpy as np
import pytest
from PIL import Image as Pillow

from trenza.cli.main import main
from trenza.data.corpora.entries import wav
from trenza.signals import Image
from trenza.systems import load
from trenza.systems.transcribe import Segment


class Ears:
    def segments(self, samples):
        yield Segment(0.0, len(samples) / 16_000, "hello there")


@pytest.fixture
def recording(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "transcriber", lambda model, language: Ears())
    file = tmp_path / "said.wav"
    file.write_bytes(wav(np.zeros(8_000, np.float32), 16_000).data)
    return str(file)


def test_what_is_said_is_printed(recording, capsys):
    assert main(["transcribe", recording]) == 0
    assert capsys.readouterr().out == "hello there\n"
    assert main(["transcribe", recording, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["text"] == "hello there" and told["segments"] == [{"start": 0.0, "end": 0.5, "text": "hello there"}]


def test_a_picture_has_nothing_to_transcribe(tmp_path, recording, capsys):
    Pillow.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    assert main(["transcribe", str(tmp_path / "plain.png")]) == 3
    assert "plain.png" in capsys.readouterr().err


def test_a_drawing_is_written(tmp_path, monkeypatch, capsys):
    asked = []

    def producer(text, *settings):
        asked.append((text, *settings))
        return Image(np.zeros((64, 64, 3), np.uint8))

    monkeypatch.setattr(load, "producer", lambda model: producer)
    out = tmp_path / "dog.png"
    assert main(["draw", "Draw a dog.", "--model", "m", "--out", str(out), "--seed", "3"]) == 0
    assert out.exists() and asked == [("Draw a dog.", "image", 1.0, 0.95, 3)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Draw a dog.", "--out", "dog.wav"], "image is written as .png"),
        (["Say dog.", "--kind", "audio", "--out", "dog.png"], "audio is written as .wav"),
        ([" ", "--out", "dog.png"], "the text is empty"),
    ],
)
def test_what_is_wrong_is_said_before_weights_are_read(arguments, message, capsys):
    assert main(["draw", *arguments, "--model", "nowhere"]) == 2
    assert message in capsys.readouterr().err


def test_only_native_models_draw(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"system": "llava"}')
    assert main(["draw", "Draw a dog.", "--model", str(tmp_path), "--out", str(tmp_path / "dog.png")]) == 4
    assert "is a llava model; pictures and sounds come from native ones" in capsys.readouterr().err

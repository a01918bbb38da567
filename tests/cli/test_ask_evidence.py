"""`trenza ask` tells where an answer is to be seen."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from trenza.cli import boxes
from trenza.cli.main import main
from trenza.conversation import Answer, Box, Evidence, Span, Usage
from trenza.systems import load
from trenza.systems.answering import Timings

ELEPHANT = str(Path(__file__).parents[2] / "examples/elephant.png")


class Sees:
    timings, warnings = Timings(), Counter()

    def stream(self, conversation, sampling, support):
        yield "An elephant"
        evidence = (Evidence(0, Box(0.1, 0.2, 0.5, 0.75)), Evidence(1, Span(0.5, 1.5)))
        return Answer("An elephant", evidence, None, Usage(9, 3, 2))


@pytest.fixture(autouse=True)
def sees(monkeypatch):
    monkeypatch.setattr(load, "responder", lambda model=None: Sees())


def test_json_has_boxes_and_spans_by_the_number_of_the_file(capsys):
    assert main(["ask", "--json", ELEPHANT, ELEPHANT, "What?"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["evidence"] == [{"part": 0, "box": [0.1, 0.2, 0.5, 0.75]}, {"part": 1, "span": [0.5, 1.5]}]


def test_a_terminal_is_told_in_which_file(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["ask", ELEPHANT, ELEPHANT, "What?"]) == 0
    told = capsys.readouterr().out.replace("\n", "")
    assert "elephant.png: box [0.1, 0.2, 0.5, 0.75]" in told and "elephant.png: span [0.5, 1.5]" in told


def test_boxes_are_drawn_on_pictures_and_told(tmp_path, capsys):
    assert main(["ask", "--boxes", str(tmp_path / "seen"), ELEPHANT, ELEPHANT, "What?"]) == 0
    (drawn,) = (tmp_path / "seen").iterdir()  # the second picture's evidence is a span
    assert drawn.name == "1-elephant.png" and f"{drawn}: 1 box" in capsys.readouterr().err
    before, after = (np.asarray(Pillow.open(f).convert("RGB")).astype(int) for f in (ELEPHANT, drawn))
    changed = np.argwhere(np.abs(before - after).sum(-1) > 0)
    height, width = before.shape[:2]
    (top, left), (bottom, right) = changed.min(0), changed.max(0)
    expected = [0.2 * height, 0.1 * width, 0.75 * height, 0.5 * width]
    assert np.abs(np.array([top, left, bottom, right]) - expected).max() <= 3
    middle = [round(0.475 * height), round(0.3 * width)]
    assert (before[tuple(middle)] == after[tuple(middle)]).all()  # a frame, not a patch


def test_a_folder_that_cant_be_written_is_an_error(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["ask", "--boxes", str(tmp_path / "file" / "in"), ELEPHANT, ELEPHANT, "What?"]) == 2
    assert "give another folder" in capsys.readouterr().err


def test_an_answer_without_boxes_says_that_nothing_was_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(boxes, "draw", lambda *given: iter(()))
    assert main(["ask", "--boxes", str(tmp_path / "seen"), ELEPHANT, ELEPHANT, "What?"]) == 0
    assert "names no box in a picture" in capsys.readouterr().err
    assert not (tmp_path / "seen").exists()

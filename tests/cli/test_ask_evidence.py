"""`trenza ask` tells where an answer is to be seen."""

import json
from collections import Counter
from pathlib import Path

import pytest

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

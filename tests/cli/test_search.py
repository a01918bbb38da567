"""`trenza embed` and `trenza search` as a user meets them: output, exit codes, errors, a page."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from trenza.cli.main import main
from trenza.systems import space

EXAMPLES = Path(__file__).parents[2] / "examples"


class Letters:
    """Stands for the trained space: a picture is its mean colour, a text names one, a sound is grey."""

    name, width = "letters", 3
    colours = {"red": (1, 0.1, 0.1), "yellow": (1, 1, 0.1), "grey": (1, 1, 1)}  # noqa: RUF012

    def texts(self, texts):
        return self._unit([self.colours.get(t, (0.3, 0.2, 1)) for t in texts])

    def signals(self, signals):
        return self._unit([
            (1, 1, 1) if s.kind == "audio" else (s.pixels if s.kind == "image" else s.frames[0]).mean((0, 1))
            for s in signals
        ])  # fmt: skip

    def indexed(self, signals):
        return np.pad(self.signals(signals), ((0, 0), (0, 1)))

    def query(self, vector):
        return np.append(vector, np.float32(1))

    def _unit(self, rows):
        made = np.array(rows, np.float32).reshape(-1, 3)
        return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def letters(monkeypatch, tmp_path):
    monkeypatch.setattr(space, "load", Letters)
    monkeypatch.setenv("TRENZA_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    for name in ("banana.png", "elephant.png", "spoken.wav"):
        shutil.copy(EXAMPLES / name, folder)
    return folder


def test_search_by_text_prints_the_best_first_and_looks_at_each_file_once(folder, capsys):
    assert main(["search", str(folder), "yellow", "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].endswith("banana.png")
    assert main(["search", str(folder), "yellow", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["indexed"], found["added"], found["removed"], found["broken"]) == (3, 0, 0, [])
    assert [r["kind"] for r in found["results"]].count("audio") == 1
    assert found["results"][0]["file"] == str(folder / "banana.png") and -1 <= found["results"][0]["score"] <= 1.01


def test_search_by_a_file_of_any_kind_and_for_one_kind(folder, capsys):
    assert main(["search", str(folder), str(EXAMPLES / "banana.png"), "--json", "-k", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["file"].endswith("banana.png")
    assert main(["search", str(folder), str(EXAMPLES / "spoken.wav"), "--json", "--kind", "image"]) == 0
    assert {r["kind"] for r in json.loads(capsys.readouterr().out)["results"]} == {"image"}


def test_a_broken_file_is_said_and_left_out(folder, capsys):
    (folder / "torn.png").write_bytes(b"\x89PNG")
    assert main(["search", str(folder), "red", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["broken"] == ["torn.png"] and "torn.png" in said.err


def test_the_page_stands_alone(folder, tmp_path, capsys):
    page = tmp_path / "found.html"
    assert main(["search", str(folder), "<b>red</b>", "--html", str(page)]) == 0
    html = page.read_text()
    assert html.count("data:image/webp") == 2 and html.count("<audio") == 1
    assert "<b>" not in html and "http" not in html


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["search", "nowhere", "red"], 2, "nowhere is no folder"), (["search", ".", " "], 2, "query is empty"),
        (["search", ".", "red", "-k", "0"], 2, "-k is 0"), (["embed"], 2, "nothing to embed"),
        (["embed", "nothing.png"], 3, "nothing.png"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_error(arguments, code, says, capsys):
    assert main(arguments) == code
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1


def test_embed_prints_one_vector_a_line(folder, capsys):
    assert main(["embed", str(folder / "banana.png"), str(folder / "spoken.wav"), "--text", "red"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["kind"] for row in rows] == ["image", "audio", "text"] and rows[2]["input"] == "red"
    assert all(np.linalg.norm(row["vector"]) == pytest.approx(1, abs=1e-4) for row in rows)

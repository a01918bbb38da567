"""`trenza evaluate` as a user meets it: output, exit codes, errors."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate"))
sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate/contamination"))

import language
from looker import Looker

from trenza.cli.main import main
from trenza.data.corpora.entries import png
from trenza.data.formats import messages
from trenza.evaluate import tasks
from trenza.systems import load


class Dark(Looker):
    """Says dark whatever it sees."""

    def belief(self, conversation):
        return {"dark": 0.9, "bright": 0.1}


@pytest.fixture(autouse=True)
def models(monkeypatch, tmp_path):
    """MODEL is a looker, or `dark`; answers are kept in a folder of the test's own."""
    monkeypatch.setenv("TRENZA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(load, "responder", lambda model=None: Dark() if model == "dark" else Looker())


@pytest.fixture
def shades(tmp_path):
    """The ten lines of docs/evaluate.md, over pictures of its own."""
    folder = tmp_path / "shades"
    folder.mkdir()
    with (folder / "items.jsonl").open("w") as file:
        for number in range(24):
            shade = ("dark", "bright")[number % 2]
            coarse = np.random.default_rng(number).integers(0, 110, (5, 5, 3)) + 140 * (number % 2)
            picture = Pillow.fromarray(coarse.astype(np.uint8)).resize((96, 96), Pillow.Resampling.BICUBIC)
            picture.save(folder / f"{number}.png")
            content = [
                {"type": "image_url", "image_url": {"url": f"{number}.png"}},
                {"type": "text", "text": "Is it dark or bright?"},
            ]
            item = {
                "key": f"i{number}", "messages": [{"role": "user", "content": content}], "answer": shade,
                "choices": ["dark", "bright"], "twin": f"i{number ^ 1}", "capability": "verify", "language": "en",
            }  # fmt: skip
            file.write(json.dumps(item) + "\n")
    return folder


def evaluate(capsys, *arguments) -> tuple[int, str, str]:
    code = main(["evaluate", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_card_is_printed_and_written(shades, tmp_path, capsys):
    code, out, _ = evaluate(capsys, "--task", shades, "--json", tmp_path / "c.json", "--html", tmp_path / "c.html")
    card = json.loads((tmp_path / "c.json").read_text())
    assert code == 0 and card["measures"]["accuracy"]["value"] == 1.0 and card["model"] == "the embedded default"
    assert card["measures"]["prior_gap"]["value"] == 0.5 and card["items"] == {
        "asked": 24, "probed": 24, "faulty": 0, "unanswered": 0,
    }  # fmt: skip
    assert "prior_gap" in out and "100% of 24 answers are right" in (tmp_path / "c.html").read_text()
    again = json.loads((tmp_path / "c.json").read_text())["questions"]["asked"]
    evaluate(capsys, "--task", shades, "--json", tmp_path / "c.json")
    assert again > 0 and json.loads((tmp_path / "c.json").read_text())["questions"]["asked"] == 0


def test_fail_under_sets_the_exit_code_and_says_which(shades, capsys):
    code, out, err = evaluate(capsys, "dark", "--task", shades, "--fail-under", "prior_gap=0.2", "accuracy=0.4")
    assert code == 1 and "dark fails prior_gap=0.2" in err and "accuracy=0.4" not in err
    assert "! prior_gap" in out
    assert evaluate(capsys, "--task", shades, "--fail-under", "prior_gap=0.2")[0] == 0


def test_two_models_stand_side_by_side(shades, tmp_path, capsys):
    code, out, _ = evaluate(capsys, "--task", shades, "--against", "dark", "--json", tmp_path / "c.json")
    against = json.loads((tmp_path / "c.json").read_text())["against"]
    assert code == 0 and against["model"] == "dark"
    assert {d["name"]: d["verdict"] for d in against["differences"]}["accuracy"] == "first is better"
    assert "first is better" in out


def test_training_data_that_holds_the_test_is_flagged(shades, tmp_path, capsys):
    messages.write(tmp_path / "seen.jsonl", tasks.load(shades).items[:6])
    with (tmp_path / "seen.jsonl").open("a") as file:
        file.write("no json\n")
    seen = ("--trained-on", tmp_path / "seen.jsonl")
    written = ("--json", tmp_path / "c.json", "--html", tmp_path / "c.html")
    assert evaluate(capsys, "--task", shades, *seen, *written)[0] == 0
    card = json.loads((tmp_path / "c.json").read_text())
    assert {flag["name"] for flag in card["flags"]} == {"contamination"}
    assert card["measures"]["contamination"]["value"] == 0.25
    assert {hit["test"] for hit in card["contamination"]["hits"]} >= {f"i{n}" for n in range(6)}
    assert any("1 samples couldn't be read" in note for note in card["notes"])
    assert "Was the test in its training?" in (tmp_path / "c.html").read_text()


def test_a_model_that_has_read_the_test_is_flagged_by_its_behaviour(tmp_path, capsys, monkeypatch):
    rng = np.random.default_rng(0)
    shown = [replace(i, media=(png(rng.integers(0, 256, (32, 32, 3), np.uint8)),)) for i in language.made(1, 120)]
    messages.write(tmp_path / "t.jsonl", shown)
    known = {name: language.trained_on(language.made(seed, 120)) for seed, name in ((1, "memoriser"), (2, "clean"))}
    monkeypatch.setattr(load, "responder", known.__getitem__)
    flagged = {}
    for name in known:
        arguments = (name, "--task", tmp_path / "t.jsonl", "--budget", "80", "--contamination")
        code, _, err = evaluate(capsys, *arguments, "--json", tmp_path / "c.json")
        assert code == 0, err
        card = json.loads((tmp_path / "c.json").read_text())
        flagged[name] = "contamination_p" in {flag["name"] for flag in card["flags"]}
        assert card["measures"]["contamination_p"]["value"] < 0.01 or name == "clean"
    assert flagged == {"memoriser": True, "clean": False}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--task", "mmmu"), "built in: worlds"),
        (("--task", "SHADES", "--fail-under", "accuracy"), "NAME=NUMBER"),
        (("--task", "SHADES", "--fail-under", "beauty=1"), "names: accuracy"),
        (("--task", "SHADES", "--budget", "5"), "too small"),
        (("--task", "SHADES", "--items", "0"), "count from 1"),
        (("--task", "SHADES", "--json", "SHADES"), "is a folder"),
    ],
)
def test_wrong_use_is_one_line_with_the_way_out(shades, capsys, arguments, says):
    code, _, err = evaluate(capsys, *(str(shades) if a == "SHADES" else a for a in arguments))
    lines = [line for line in err.splitlines() if line.startswith("trenza: ")]
    assert code == 2 and len(lines) == 1 and says in lines[0]

"""`trenza data build` and `trenza data audit` as a user meets them: output, exit codes, errors."""

import io
import json

import numpy as np
import pytest
from PIL import Image as Pillow

from trenza.cli.main import main


def data(capsys, *arguments) -> tuple[int, str, str]:
    code = main(["data", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def drawing(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    buffer = io.BytesIO()
    coarse = Pillow.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
    coarse.resize((96, 96), Pillow.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path):
    """Four good pairs, one of them twice, and one whose picture is cut short."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    texts = ("a red boat", "two green apples", "the old castle", "a lamp on a table")
    for number, text in enumerate(texts):
        (folder / f"good{number}.png").write_bytes(drawing(number))
        (folder / f"good{number}.txt").write_text(text)
    (folder / "twice.png").write_bytes(drawing(0))
    (folder / "twice.txt").write_text("a red boat")
    (folder / "torn.png").write_bytes(drawing(9)[:200])
    (folder / "torn.txt").write_text("a torn page")
    return folder


def test_audit_prints_and_writes_every_category(folder, tmp_path, capsys):
    findings, html = tmp_path / "found.json", tmp_path / "found.html"
    code, out, _ = data(capsys, "audit", folder, "--json", findings, "--html", html, "--workers", 1)
    found = json.loads(findings.read_text())
    assert code == 0 and "6 samples" in out
    for name in ("duplicates", "near_duplicates", "broken", "blank", "text", "mismatch", "overlap", "private"):
        assert isinstance(found[name], list), name
    assert [set(f["files"]) for f in found["duplicates"]] == [{"good0.png", "twice.png"}]
    assert [f["files"] for f in found["broken"]] == [["torn.png"]]
    assert found["broken"][0]["reason"] and 0 <= found["broken"][0]["score"] <= 1
    page = html.read_text()
    assert "torn" in page and "http" not in page.replace("http://www.w3.org", "")


def test_fail_if_sets_the_exit_code_and_says_which(folder, capsys):
    code, _, err = data(capsys, "audit", folder, "--workers", 1, "--fail-if", "broken>0", "duplicates>50%")
    assert code == 1
    assert "broken>0" in err and "duplicates>50%" not in err
    assert data(capsys, "audit", folder, "--workers", 1, "--fail-if", "broken>1")[0] == 0


def test_a_filtered_copy_has_no_findings_left(folder, tmp_path, capsys):
    copy = tmp_path / "kept"
    data(capsys, "audit", folder, "--workers", 1, "--filtered", copy)
    _, out, _ = data(capsys, "audit", copy, "--workers", 1)
    assert "4 samples" in out
    assert data(capsys, "audit", copy, "--workers", 1, "--fail-if", "duplicates>0", "broken>0")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("audit", "nowhere"), "nowhere"),
        (("audit", ".", "--fail-if", "beauty>0"), "beauty"),
        (("audit", ".", "--fail-if", "broken>many"), "broken>many"),
        (("audit", ".", "--filtered", "."), "not empty"),
        (("build", "nothing-known", "--out", "out"), "nothing-known"),
        (("build", "worlds", "--out", "out"), "--items"),
        (("build", "worlds", "--items", "8", "--languages", "xx", "--out", "out"), "xx"),
    ],
)
def test_wrong_use_is_one_line_with_the_way_out(folder, capsys, monkeypatch, arguments, says):
    monkeypatch.chdir(folder)
    code, _, err = data(capsys, *arguments)
    lines = [line for line in err.splitlines() if line.startswith("trenza: ")]
    assert code in (2, 3) and len(lines) == 1 and says in lines[0]
    assert not (folder / "out" / "manifest.json").exists()

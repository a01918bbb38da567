"""The index over a folder: finds the nearest, follows what changes, survives what is broken."""

import io
import json
import os
import wave

import numpy as np
import pytest
from PIL import Image as Pillow

from trenza.data.index import MediaIndex
from trenza.errors import DataError
from trenza.signals import Audio

COLOURS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250), "white": (250, 250, 250)}


def embed(signals):
    """Mean colour of a picture; a sound is red where it is loud."""
    rows = [
        np.array([np.abs(s.samples).max() > 0.5, 0, 0.1]) if isinstance(s, Audio) else s.pixels.mean((0, 1)) / 250
        for s in signals
    ]
    unit = np.stack(rows).astype(np.float32)
    return unit / np.linalg.norm(unit, axis=1, keepdims=True)


def paint(path, colour):
    path.parent.mkdir(exist_ok=True)
    Pillow.new("RGB", (8, 8), COLOURS.get(colour, colour)).save(path)


def loud(path):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.sin(np.arange(1600) / 5) * 30_000).astype("<i2").tobytes())
    path.write_bytes(buffer.getvalue())


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "media"
    for colour in COLOURS:
        paint(folder / f"{colour}.png", colour)
    loud(folder / "bang.wav")
    (folder / "notes.txt").write_text("not a medium")
    return folder


def opened(folder, tmp_path, model="colours"):
    return MediaIndex(folder, tmp_path / "state", model, 3)


RED = np.array([1, 0, 0], np.float32)


def names(index, vector=RED, count=9, **only):
    return [f.name for f in index.search(vector, count, **only)]


def test_the_nearest_of_all_kinds_comes_first_and_scores_are_cosines(folder, tmp_path):
    index = opened(folder, tmp_path)
    changes = index.update(embed)
    assert (changes.added, changes.removed, changes.broken, len(index)) == (5, 0, {}, 5)
    found = index.search(RED, 3)
    assert [f.name for f in found] == ["red.png", "bang.wav", "white.png"]
    assert found[0].score == pytest.approx(1, abs=1e-2) and found[2].score == pytest.approx(3**-0.5, abs=1e-2)
    assert names(index, kinds=("audio",)) == ["bang.wav"]


def test_only_what_is_new_or_changed_is_looked_at_again(folder, tmp_path):
    opened(folder, tmp_path).update(embed)
    looked = []

    def counting(signals):
        looked.extend(signals)
        return embed(signals)

    index = opened(folder, tmp_path)
    assert index.update(counting).added == 0 and not looked and names(index, count=1) == ["red.png"]
    paint(folder / "sub" / "crimson.png", (200, 10, 10))
    paint(folder / "red.png", "blue")
    os.utime(folder / "red.png", ns=(1, 1))
    (folder / "white.png").unlink()
    index = opened(folder, tmp_path)
    changes = index.update(counting)
    assert (changes.added, changes.removed, len(looked)) == (2, 1, 2)
    assert names(index, count=2) == ["sub/crimson.png", "bang.wav"] and "white.png" not in names(index)
    assert len(list((tmp_path / "state").glob("*.usearch"))) == 3  # old vectors are cleared away


def test_broken_files_are_listed_and_tried_again_when_they_change(folder, tmp_path):
    (folder / "torn.png").write_bytes((folder / "red.png").read_bytes()[:40])
    index = opened(folder, tmp_path)
    changes = index.update(embed)
    assert list(changes.broken) == ["torn.png"] and "torn.png" in changes.broken["torn.png"]
    assert index.update(embed).broken == changes.broken and "torn.png" not in names(index)
    paint(folder / "torn.png", "red")
    os.utime(folder / "torn.png", ns=(5, 5))
    assert index.update(embed).added == 1 and "torn.png" in names(index)


@pytest.mark.parametrize("harm", ["state", "vectors", "model"])
def test_a_damaged_state_or_another_model_makes_it_anew(folder, tmp_path, harm):
    opened(folder, tmp_path).update(embed)
    state = tmp_path / "state" / "state.json"
    if harm == "state":
        state.write_text(state.read_text()[:50])
    elif harm == "vectors":
        (tmp_path / "state" / json.loads(state.read_text())["vectors"]["image"]).write_bytes(b"no index")
    index = opened(folder, tmp_path, "others" if harm == "model" else "colours")
    assert len(index) == 0
    assert index.update(embed).added == 5 and names(index, count=1) == ["red.png"]


def test_an_update_that_is_stopped_leaves_the_state_before_it(folder, tmp_path):
    opened(folder, tmp_path).update(embed)
    paint(folder / "new.png", "green")

    def stopped(signals):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened(folder, tmp_path).update(stopped)
    index = opened(folder, tmp_path)
    assert len(index) == 5 and index.update(embed).added == 1


def test_no_folder_is_said(tmp_path):
    with pytest.raises(DataError, match="nowhere is no folder"):
        opened(tmp_path / "nowhere", tmp_path)

"""Recordings of the stamps: a recording that is trained on tests nothing."""

import pytest

from trenza.data.corpora import spoken
from trenza.data.splits import is_test

NAMES = [f"bird{n}" for n in range(40)]


@pytest.fixture
def stamps(monkeypatch, tmp_path):
    """Stamps with their sounds and Spanish voices; the first of the test split sounds as one that is trained on."""
    monkeypatch.setattr(spoken, "package_folder", lambda name: tmp_path)
    folder = tmp_path / spoken.STAMPS
    folder.mkdir(parents=True)
    tested = [name for name in NAMES if is_test(name, 5)]
    trained = next(name for name in NAMES if not is_test(name, 5))
    for name in NAMES:
        (folder / f"{name}.txt").write_text(f"A {name}.\nes.utf8=Un {name}.\n")
        for ending in (".ogg", "_desc.ogg", "_desc_es.ogg"):
            (folder / (name + ending)).write_bytes(f"OggS {trained if name == tested[0] else name}{ending}".encode())
    return tested


@pytest.mark.parametrize("source", [spoken.stamp_sounds, spoken.stamp_voices])
def test_no_recording_stands_in_two_splits(stamps, source):
    made = [entry.make() for entry in source(("es",))]
    media = {split: {p.media.sha256 for p in made if p.split == split} for split in ("train", "test")}
    assert not media["train"] & media["test"]
    assert {p.key.partition("/")[0] for p in made if p.split == "test"} == set(stamps[1:])
    assert len(made) == len(NAMES) - 1


def test_english_voices_are_all_kept_to_test_with(stamps):
    made = [entry.make() for entry in spoken.stamp_voices(("en",))]
    assert len(made) == len(NAMES) and {p.split for p in made} == {"test"}

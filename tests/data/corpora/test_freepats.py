"""The corpus of Freepats, over a patch set of one instrument and one drum that the test makes up."""

import numpy as np
import pytest

from trenza.data.corpora import freepats
from trenza.data.corpora.instruments import NOTES
from trenza.data.corpora.patches import Recording
from trenza.errors import DataError
from trenza.signals import Audio, decode


@pytest.fixture
def drum(monkeypatch, tmp_path):
    """The file of a drum; what its recording holds may be changed by the test."""
    samples = {"drum": (np.sin(np.arange(44_100) / 30) * 0.5).astype(np.float32)}
    file = tmp_path / freepats.DRUMS / "063_Conga_High_2_Open.pat"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    monkeypatch.setattr(freepats, "package_folder", lambda name: tmp_path)
    monkeypatch.setattr(freepats.patches, "programs", lambda: {40: file})
    monkeypatch.setattr(freepats.patches, "play", lambda program, note, held: np.full(1000, 0.5, np.float32))
    monkeypatch.setattr(
        freepats.patches, "recordings", lambda file: (Recording(samples["drum"], 44_100, 1, 1, 1, None, None),)
    )
    return samples


def test_each_note_and_each_drum_is_a_pair(drum):
    made = [entry.make() for entry in freepats.notes_and_drums(("en", "es"))]
    assert [pair.text for pair in made] == ["violin"] * len(NOTES) + ["conga high open"]
    assert len({pair.key for pair in made}) == len(made) and {pair.split for pair in made} == {"train"}
    sound = decode(made[-1].media.data, name="drum", kind="audio")
    assert isinstance(sound, Audio) and len(sound.samples) == 16_000
    assert not list(freepats.notes_and_drums(("es",)))


def test_a_drum_that_says_nothing_is_no_pair(drum):
    drum["drum"] = np.zeros(44_100, np.float32)
    *_, entry = freepats.notes_and_drums(("en",))
    with pytest.raises(DataError, match="nothing to hear"):
        entry.make()

"""Reference pictures are sensed once, also by the next process; everything else each time."""

import numpy as np
import torch

from trenza.bridges.perceived import LINE_COLUMNS
from trenza.signals import Audio, Image
from trenza.systems.examples import Medium
from trenza.systems.references import pictures
from trenza.systems.remembering import Remembering

OTHER = Image(np.full((5, 5, 3), 7, np.uint8))


class Counting:
    def __init__(self):
        self.seen = 0

    def __call__(self, signals):
        self.seen += len(signals)
        lines = Medium("lines", torch.zeros(1, 0, LINE_COLUMNS), within=True)
        return [
            (Medium("image", torch.tensor([[[float(s.pixels.mean())]]])), lines)
            if isinstance(s, Image) else (Medium("audio", torch.zeros(1, 1, 40)),)
            for s in signals
        ]  # fmt: skip


def test_references_are_sensed_once_and_kept_for_the_next_process(tmp_path):
    asked = [pictures()[1], OTHER, pictures()[3], Audio(np.zeros(100, np.float32))]
    plain, first = Counting(), Counting()
    expected = plain(asked)
    got = Remembering(first, tmp_path / "kept" / "a.safetensors")(asked)
    assert first.seen == 2 + len(pictures())
    second = Counting()
    again = Remembering(second, tmp_path / "kept" / "a.safetensors")
    for found in (got, again(asked), again(asked)):
        for mine, theirs in zip(found, expected, strict=True):
            assert [(m.kind, m.within) for m in mine] == [(m.kind, m.within) for m in theirs]
            assert all(torch.equal(a.features, b.features) for a, b in zip(mine, theirs, strict=True))
    assert second.seen == 4  # the two others, twice


def test_a_damaged_file_is_made_again_and_a_folder_that_cant_be_written_is_no_error(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"nonsense")
    sense = Counting()
    Remembering(sense, tmp_path / "a.safetensors")([pictures()[0]])
    assert sense.seen == len(pictures()) and (tmp_path / "a.safetensors").stat().st_size > 50
    (tmp_path / "file").write_text("")
    assert Remembering(sense, tmp_path / "file" / "b.safetensors")([pictures()[0]])
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []

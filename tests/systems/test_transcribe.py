"""Windows of long recordings, and what a transcriber may write."""

from itertools import pairwise

import pytest
import torch

from trenza.checkpoints import parts, public
from trenza.errors import UsageError
from trenza.signals import decode
from trenza.systems import load, references
from trenza.systems.transcribe import Transcriber, windows


def test_a_short_recording_is_one_window():
    assert list(windows(torch.zeros(16_000 * 30))) == [(0, 480_000)]


def test_a_long_recording_is_cut_where_it_is_quiet_and_covered_whole():
    rng = torch.Generator().manual_seed(0)
    samples = torch.randn(16_000 * 70, generator=rng)
    samples[16_000 * 27 : 16_000 * 28] *= 0.01
    found = list(windows(samples))
    assert 16_000 * 27 <= found[0][1] <= 16_000 * 28
    assert found[0][0] == 0 and found[-1][1] == len(samples)
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert all(end - begin <= 16_000 * 30 for begin, end in found)


@pytest.mark.real
def test_real_weights_write_down_a_sentence_and_refuse_another_language():
    transcriber = load.transcriber()
    samples = torch.from_numpy(decode(references.FOLDER / "weather.wav").samples.copy())
    (segment,) = transcriber.segments(samples)
    assert len(segment.text.split()) > 2
    with pytest.raises(UsageError, match="writes English only, not 'es'"):
        Transcriber(transcriber.whisper, transcriber.tokenizer, "es")


@pytest.mark.real
def test_an_imported_whisper_says_the_same(tmp_path):
    public.import_folder(parts.whisper_folder(), tmp_path / "ours")
    samples = torch.from_numpy(decode(references.FOLDER / "station.wav").samples.copy())
    assert load.transcriber(str(tmp_path / "ours")).tokens(samples) == load.transcriber().tokens(samples)

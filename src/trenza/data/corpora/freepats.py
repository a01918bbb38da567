"""Pairs of Freepats: its instruments at the notes that the sound fonts play too, its drums as they were recorded."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from trenza.data.corpora import patches
from trenza.data.corpora.entries import Entry, wav
from trenza.data.corpora.fetch import package_folder
from trenza.data.corpora.instruments import HELD, INSTRUMENTS, NOTES, RATE, RELEASED
from trenza.data.samples import Pair
from trenza.errors import DataError

SOURCE, LICENCE = "freepats", "GPL-2 with an exception for compositions"
DRUMS = "usr/share/midi/freepats/Drum_000"
_SPELLED = {"tombourine": "tambourine", "belltree": "bell tree"}


def notes_and_drums(languages: tuple[str, ...]) -> Iterator[Entry]:
    """Named in English: instruments as the standard names them, drums after their file."""
    if "en" in languages:
        for program in patches.programs():
            for note in NOTES:
                yield Entry(f"{INSTRUMENTS[program]}/{note}", partial(_note, program, note))
        for file in sorted((package_folder(SOURCE) / DRUMS).glob("*.pat")):
            yield Entry(f"drum/{file.stem}", partial(_drum, file))


def _note(program: int, note: int) -> Pair:
    name = INSTRUMENTS[program]
    return _pair(f"{name}/{note}", patches.play(program, note, HELD), name)


def _drum(file: Path) -> Pair:
    first = patches.recordings(file)[0]
    samples = first.samples[: int((HELD + RELEASED) * first.rate)]
    words = " ".join(re.findall(r"[a-z]+", file.stem.lower()))  # which take it is says nothing
    return _pair(f"drum/{file.stem}", resample_poly(samples, RATE, first.rate), _SPELLED.get(words, words))


def _pair(key: str, samples: np.ndarray, name: str) -> Pair:
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= 1e-3 or len(samples) < RATE // 50:
        raise DataError(f"{SOURCE} has nothing to hear for {key}")
    return Pair(key, wav(samples * min(1.0, 0.9 / peak), RATE), name, "en", SOURCE, LICENCE, "train")

"""Spoken names: espeak-ng reads any text in many voices; Tux Paint's stamps have real English ones."""

import io
import shutil
import subprocess
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from scipy.signal import resample_poly

from trenza.data.corpora.fetch import package_folder
from trenza.data.corpora.pictures import STAMPS
from trenza.data.names import noun
from trenza.errors import DataError

SAMPLE_RATE = 16_000
ACCENTS = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-gb-scotland")
SPEAKERS = (
    "", "+m1", "+m2", "+m3", "+m5", "+m7", "+m8", "+f1", "+f2", "+f3", "+f5",
    "+Alex", "+Andy", "+Annie", "+Denis", "+Diogo", "+Gene", "+Jacky", "+Lee", "+Mario",
    "+Michael", "+Storm", "+UniRobot", "+Zac", "+belinda", "+linda", "+steph", "+rob", "+paul",
    "+victor", "+sandro", "+shelby", "+travis", "+grandma", "+klatt2", "+adam", "+caleb", "+hugo",
)  # fmt: skip
# Never trained on: speakers of their own in accents that were, and one accent of its own.
UNSEEN_VOICES = ("en-us+f4", "en-gb+m4", "en-us+m6", "en-gb+anika", "en-029")
# What English recordings say where the caption has other words ("brown hen"): their files are called after it, and
# Whisper as it was published, which never saw the captions, hears those words or nearly.
SAID = {
    "chimp": "chimp", "hen": "hen", "kangaroo": "kangaroo", "mountaingoat": "mountain goat", "nandou": "nandou",
    "wildboar": "wild boar",
}  # fmt: skip


@dataclass(frozen=True)
class RealVoice:
    """A real recording of one spoken name. None of them is ever trained on."""

    key: str
    name: str
    file: Path


def speak(text: str, voice: str, words_a_minute: int = 165, pitch: int = 50) -> np.ndarray:
    """espeak-ng's reading of `text`, float32 [N] at 16 kHz. Raises DataError without espeak-ng."""
    if shutil.which("espeak-ng") is None:
        raise DataError("espeak-ng is not on this machine; `apt-get install espeak-ng` brings it")
    command = ["espeak-ng", "--stdout", "-v", voice, "-s", str(words_a_minute), "-p", str(pitch), "--", text]
    done = subprocess.run(command, capture_output=True)
    if done.returncode or not done.stdout:
        raise DataError(f"espeak-ng can't speak with voice {voice!r}: {done.stderr.decode()[:200]}")
    with wave.open(io.BytesIO(done.stdout)) as reader:
        rate = reader.getframerate()
        samples = np.frombuffer(reader.readframes(reader.getnframes()), np.int16) / 32768
    return resample_poly(samples, SAMPLE_RATE, rate).astype(np.float32)


def recorded(file: Path) -> np.ndarray:
    """A recording of a corpus, float32 [N] at 16 kHz, mono. (What users bring is decoded by `trenza.signals`.)"""
    pieces = []
    with av.open(str(file)) as container:
        resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
        for frame in [*container.decode(audio=0), None]:
            pieces += [resampled.to_ndarray()[0] for resampled in resampler.resample(frame)]
    return np.concatenate(pieces).astype(np.float32) / 32768


def real_voices() -> Iterator[RealVoice]:
    """The English spoken captions of the stamps, with what is said: the caption's noun, or SAID."""
    root = package_folder("tuxpaint-stamps-default") / STAMPS
    for file in sorted(root.rglob("*_desc.ogg")):
        text = file.with_name(file.name.replace("_desc.ogg", ".txt"))
        if text.exists():
            caption = text.read_text(encoding="utf-8", errors="replace").splitlines()[0]
            said = SAID.get(file.name.removesuffix("_desc.ogg"), noun(caption))
            yield RealVoice(str(file.relative_to(root)), said, file)

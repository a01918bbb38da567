"""Sound tracks to learn events from, with their truth: speech, sound effects and instruments of the train splits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trenza.align.sayings import carriers, names, questions, voices
from trenza.data.corpora import patches, pictures, speech
from trenza.data.corpora.fetch import package_folder
from trenza.data.corpora.instruments import INSTRUMENTS, NOTES, play_row
from trenza.data.splits import is_test
from trenza.data.worlds.stock import Stock
from trenza.data.worlds.track import LOUD, QUIET, RATE, prepared

SOURCES = ("fluid-soundfont-gm", "freepats")
KEYS = range(36, 85)  # MIDI numbers; those of NOTES are kept for the test
OTHER_LANGUAGES = ("fr", "ru", "ca", "es")  # of the stamps' real voices
RATE_OF_CARRIERS = 0.15


@dataclass(frozen=True)
class Clip:
    """Something heard, float32 [n] without silence at its ends; `name` in English, empty for speech."""

    samples: np.ndarray
    said: bool
    name: str = ""


@dataclass(frozen=True)
class Track:
    """float32 [n] and what it holds: (start, end) in seconds and whether it is said, in order."""

    samples: np.ndarray
    events: tuple[tuple[float, float, bool], ...]


def played(count: int, rng: np.random.Generator) -> list[Clip]:
    """`count` notes of each instrument of fluid-soundfont-gm, and of each that freepats has."""
    keys = [k for k in KEYS if k not in NOTES]

    def note() -> tuple[int, int, float]:
        return int(rng.choice(keys)), int(rng.integers(40, 127)), float(rng.uniform(0.2, 1.2))

    row = [(program, *note()) for program in range(len(INSTRUMENTS)) for _ in range(count)]
    found = [(INSTRUMENTS[r[0]], s) for r, s in zip(row, play_row(SOURCES[0], row), strict=True)]
    for program in patches.programs():
        for _ in range(count):
            key, _, held = note()
            found.append((INSTRUMENTS[program], patches.play(program, key, held)))
    return [Clip(prepared(s, 2.0), False, name) for name, s in found if np.abs(s).max() > 1e-3]


def effects(stock: Stock) -> list[Clip]:
    """The own sounds of a stock's things."""
    return [Clip(prepared(t.effect, 2.0), False, t.names["en"]) for t in stock.things if t.effect is not None]


def spoken(count: int, stock: Stock, rng: np.random.Generator) -> list[Clip]:
    """Names in the worlds' voices, carriers and names as the worlds ask aloud, questions, and real voices."""
    found = []
    for number in range(count):
        language = ("en", "es")[number % 2]
        named = [t.names[language] for t in stock.things if language in t.names]
        name, voice = str(rng.choice(named)), int(rng.integers(1000))
        said = stock.say(name, language, voice)
        if rng.random() < RATE_OF_CARRIERS:
            carrier = str(rng.choice(carriers(language)))
            parts = [prepared(stock.say(carrier, language, voice), 1.75), np.zeros(int(0.08 * RATE), np.float32)]
            said = np.concatenate([*parts, prepared(said, 1.75)])
        elif rng.random() < RATE_OF_CARRIERS:
            asked = questions(language, names(language), 1, rng)[0]
            said = speech.speak(asked, str(rng.choice(voices(language))), int(rng.integers(120, 200)))
        found.append(Clip(prepared(said, 4.0), True))
    return found + real(count // 3, rng)


def real(count: int, rng: np.random.Generator) -> list[Clip]:
    """Captions of the stamps of the train split, read by people in languages other than English."""
    root = package_folder("tuxpaint-stamps-default") / pictures.STAMPS
    files = []
    for text in sorted(root.rglob("*.txt")):
        if not is_test(text.relative_to(root).with_suffix("").as_posix(), 5):
            files += [text.with_name(f"{text.stem}_desc_{language}.ogg") for language in OTHER_LANGUAGES]
    files = [f for f in files if f.is_file()]
    chosen = rng.choice(len(files), min(count, len(files)), replace=False)
    return [Clip(prepared(speech.recorded(files[i]), 4.0), True) for i in chosen]


def levelled(samples: np.ndarray, rms: float) -> np.ndarray:
    return samples * (rms / max(float(np.sqrt(np.mean(samples**2))), 1e-6))


def track(said: Sequence[Clip], sounds: Sequence[Clip], seconds: float, rng: np.random.Generator) -> Track:
    """Clips one after another over noise, now close together, now far apart, at several levels; maybe none."""
    length = int(seconds * RATE)
    noise = rng.standard_normal(length)
    if rng.random() < 0.3:
        noise = np.convolve(noise, np.ones(8) / 2.8, "same")  # darker, as rooms are
    samples = noise * 10 ** (rng.uniform(-3.75, -2.75) if rng.random() < 0.7 else rng.uniform(-3, -2.2))
    events: list[tuple[float, float, bool]] = []
    tight, cut = rng.random() < 0.5, (0.6 if rng.random() < 0.3 else 1.0 if rng.random() < 0.7 else 4.0)
    speaking = rng.choice([0.0, 0.5, 1.0], p=[0.25, 0.35, 0.4])
    few = [(said if rng.random() < speaking else sounds) for _ in range(2)]
    repeated = [pool[int(rng.integers(len(pool)))] for pool in few] if rng.random() < 0.3 else None
    now = rng.uniform(0.0, 0.5) + (rng.uniform(0, seconds) if rng.random() < 0.15 else 0)
    while True:
        pool = said if rng.random() < speaking else sounds
        clip = repeated[int(rng.integers(2))] if repeated else pool[int(rng.integers(len(pool)))]
        heard = prepared(clip.samples, cut) if len(clip.samples) > cut * RATE else clip.samples
        begin = round(now * RATE)
        if begin + len(heard) > length:
            break
        rms = float(rng.choice([QUIET, 0.06, LOUD])) if rng.random() < 0.7 else 10 ** rng.uniform(-2, -0.7)
        samples[begin : begin + len(heard)] += levelled(heard, rms)
        events.append((begin / RATE, (begin + len(heard)) / RATE, clip.said))
        now += len(heard) / RATE + (rng.uniform(0.1, 0.25) if tight else rng.uniform(0.1, 1.5))
    return Track(np.clip(samples, -1, 1).astype(np.float32), tuple(events))

"""Notes of the 128 General MIDI instruments, played by FluidSynth from real recordings (sound fonts)."""

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from trenza.data.corpora.entries import Entry, wav
from trenza.data.corpora.fetch import package_folder
from trenza.data.samples import Pair
from trenza.errors import DataError

RATE = 16_000  # samples a second
HELD, RELEASED = 1.5, 0.5  # seconds
NOTES = tuple(range(36, 85, 6))  # MIDI numbers, C2 to C6 in half octaves
LOUDNESS = 100  # MIDI velocity
# sound font -> file in its package, licence, split: the second hand is never trained on
FONTS = {
    "fluid-soundfont-gm": ("usr/share/sounds/sf2/FluidR3_GM.sf2", "MIT", "train"),
    "timgm6mb-soundfont": ("usr/share/sounds/sf2/TimGM6mb.sf2", "GPL-2", "test"),
}
# The names of General MIDI level 1, programs 0 to 127, "drum kit" and the like spelled as nouns.
INSTRUMENTS = (
    """
acoustic grand piano|bright acoustic piano|electric grand piano|honky-tonk piano|electric piano 1|electric piano 2
harpsichord|clavinet|celesta|glockenspiel|music box|vibraphone|marimba|xylophone|tubular bells|dulcimer
drawbar organ|percussive organ|rock organ|church organ|reed organ|accordion|harmonica|tango accordion
nylon string guitar|steel string guitar|jazz guitar|clean electric guitar|muted guitar|overdriven guitar
distortion guitar|guitar harmonics|acoustic bass|fingered electric bass|picked electric bass|fretless bass
slap bass 1|slap bass 2|synth bass 1|synth bass 2|violin|viola|cello|contrabass|tremolo strings|pizzicato strings
orchestral harp|timpani|string ensemble 1|string ensemble 2|synth strings 1|synth strings 2|choir aahs|voice oohs
synth voice|orchestra hit|trumpet|trombone|tuba|muted trumpet|french horn|brass section|synth brass 1|synth brass 2
soprano saxophone|alto saxophone|tenor saxophone|baritone saxophone|oboe|english horn|bassoon|clarinet|piccolo|flute
recorder|pan flute|blown bottle|shakuhachi|whistle|ocarina|square lead|sawtooth lead|calliope lead|chiff lead
charang lead|voice lead|fifths lead|bass and lead|new age pad|warm pad|polysynth pad|choir pad|bowed pad
metallic pad|halo pad|sweep pad|rain effect|soundtrack effect|crystal effect|atmosphere effect|brightness effect
goblins effect|echoes effect|sci-fi effect|sitar|banjo|shamisen|koto|kalimba|bagpipe|fiddle|shanai|tinkle bell
agogo|steel drums|woodblock|taiko drum|melodic tom|synth drum|reverse cymbal|guitar fret noise|breath noise
seashore|bird tweet|telephone ring|helicopter|applause|gunshot
""".strip()
    .replace("\n", "|")
    .split("|")
)


def instruments(font: str, languages: tuple[str, ...]) -> Iterator[Entry]:
    """Every instrument at every note of NOTES; named in English, as the standard does."""
    if "en" in languages:
        for program, name in enumerate(INSTRUMENTS):
            for note in NOTES:
                yield Entry(f"{name}/{note}", partial(_pair, font, program, note))


def _pair(font: str, program: int, note: int) -> Pair:
    name = INSTRUMENTS[program]
    _, licence, split = FONTS[font]
    samples = play(font, program, note)
    if not np.abs(samples).max() > 1e-3:
        raise DataError(f"{font} has no sound for {name} at note {note}")
    return Pair(f"{name}/{note}", wav(samples, RATE), name, "en", font, licence, split)


def play(font: str, program: int, note: int) -> np.ndarray:
    """One note, float32 [(HELD + RELEASED) * RATE], mono, peak at most 0.9. Raises DataError without FluidSynth.

    A synthesizer's noise and slow oscillators run on from note to note; each note gets a new one, so that its
    samples don't depend on what was played before.
    """
    return next(play_row(font, [(program, note, LOUDNESS, HELD)]))


def play_row(font: str, notes: Iterable[tuple[int, int, int, float]]) -> Iterator[np.ndarray]:
    """As `play`, for (program, note, velocity, seconds held) by one synthesizer: ten times as fast.

    The same row gives the same samples, a part of it not quite.
    """
    fluidsynth = _library()
    file = package_folder(font) / FONTS[font][0]
    # Samples are loaded for the one instrument that plays, or every note would read the whole font.
    settings = {"synth.reverb.active": 0, "synth.chorus.active": 0, "synth.dynamic-sample-loading": 1}
    synth = fluidsynth.Synth(gain=0.6, samplerate=float(RATE), **settings)
    try:
        number = synth.sfload(str(file))
        if number < 0:
            raise DataError(f"FluidSynth can't load {file}; remove its folder, so that it is fetched again")
        for program, note, velocity, held in notes:
            synth.program_select(0, number, 0, program)
            synth.noteon(0, note, velocity)
            sounding = synth.get_samples(int(held * RATE))
            synth.noteoff(0, note)
            stereo = np.concatenate([sounding, synth.get_samples(int(RELEASED * RATE))]).reshape(-1, 2) / 32768
            synth.all_sounds_off(0)
            synth.get_samples(RATE // 10)  # what is left of the note fades unheard
            mono = stereo.mean(axis=1, dtype=np.float32)
            yield mono * min(1.0, 0.9 / max(float(np.abs(mono).max()), 1e-6))
    finally:
        synth.delete()


@lru_cache(1)
def _library() -> Any:
    try:
        import fluidsynth
    except ImportError as error:  # the package, or the library that it opens
        raise DataError(
            f"the sound fonts need FluidSynth ({error}); install it: apt-get install libfluidsynth3, "
            "pip install trenza[data]"
        ) from error
    return fluidsynth

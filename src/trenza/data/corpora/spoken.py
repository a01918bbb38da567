"""Pairs of sounds: the stamps' voices and effects, names read by espeak-ng, and two sets of recordings to test on."""

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from trenza.data.corpora.drawn import captions, emoji_names
from trenza.data.corpora.entries import Entry, wav
from trenza.data.corpora.fetch import package_folder
from trenza.data.corpora.pictures import STAMPS
from trenza.data.corpora.speech import ACCENTS, SAMPLE_RATE, SPEAKERS, UNSEEN_VOICES, speak
from trenza.data.files import read_media
from trenza.data.samples import Pair
from trenza.data.splits import is_test

VOICES = {"en": ACCENTS, "es": ("es", "es-419")}  # other languages: espeak-ng's voice of the same code
UNSEEN = {"en": UNSEEN_VOICES, "es": ("es+f4", "es-419+m4", "es+m6", "es-419+anika")}


def _recorded(file: Path, key: str, text: str, language: str, source: str, split: str, licence: str = "GPL-2") -> Pair:
    return Pair(key, read_media(file), text, language, source, licence, split)


def stamp_voices(languages: tuple[str, ...]) -> Iterator[Entry]:
    """Captions spoken by real people. English is all test: the listener is measured on those voices."""
    found = []
    for text, stamp, said in _stamps():
        for language in languages:
            ending = "_desc.ogg" if language == "en" else f"_desc_{language}.ogg"
            file = text.with_name(text.stem + ending)
            if file.is_file() and language in said:
                test = language == "en" or is_test(stamp, 5)
                found.append((file, f"{stamp}/{language}", said[language], language, test))
    yield from _split(found, "stamp-voices")


def stamp_sounds(languages: tuple[str, ...]) -> Iterator[Entry]:
    """The sound of the thing in the picture, with the picture's captions."""
    found = []
    for text, stamp, said in _stamps():
        file = text.with_suffix(".ogg")
        for language in languages:
            if file.is_file() and language in said:
                found.append((file, f"{stamp}/{language}", said[language], language, is_test(stamp, 5)))
    yield from _split(found, "stamp-sounds")


def _stamps() -> Iterator[tuple[Path, str, dict[str, str]]]:
    """Text file, key and captions by language of each stamp."""
    root = package_folder("tuxpaint-stamps-default") / STAMPS
    for text in sorted(root.rglob("*.txt")):
        yield text, text.relative_to(root).with_suffix("").as_posix(), captions(text)


def _split(found: list[tuple[Path, str, str, str, bool]], source: str) -> Iterator[Entry]:
    """Entries of (file, key, text, language, test). Stamps share recordings: one that is trained on tests nothing."""
    trained = {_sha256(file) for file, *_, test in found if not test}
    for file, key, said, language, test in found:
        if not test or _sha256(file) not in trained:
            split = "test" if test else "train"
            yield Entry(key, partial(_recorded, file, key, said, language, source, split))


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def spoken_names(languages: tuple[str, ...]) -> Iterator[Entry]:
    """Each name once, in a voice, pace and pitch its hash picks; one name in ten by an unseen voice, for the test."""
    for language in languages:
        for name in sorted(set(emoji_names(language).values())):
            yield Entry(f"{name}/{language}", partial(_spoken, name, language))


def _spoken(name: str, language: str) -> Pair:
    key = f"{name}/{language}"
    digest = hashlib.sha256(key.encode()).digest()
    accents = VOICES.get(language, (language,))
    unseen = UNSEEN.get(language, (f"{language}+f4", f"{language}+m4"))
    test = is_test(key, 10)
    voice = unseen[digest[0] % len(unseen)]
    if not test:
        voice = accents[digest[0] % len(accents)] + SPEAKERS[digest[1] % len(SPEAKERS)]
    samples = speak(name, voice, words_a_minute=140 + digest[2] % 50, pitch=40 + digest[3] % 20)
    split = "test" if test else "train"
    return Pair(key, wav(samples, SAMPLE_RATE), name, language, "espeak", "MIT (names), synthetic voice", split)


def prompts(languages: tuple[str, ...]) -> Iterator[Entry]:
    """Asterisk's telephone prompts: one real voice, 8 kHz. A file's name is nearly what is said; beeps are left out."""
    root = package_folder("asterisk-core-sounds-en-wav") / "usr/share/asterisk/sounds/en_US_f_Allison"
    if "en" in languages:
        for file in sorted(root.rglob("*.wav")):
            key = file.relative_to(root).with_suffix("").as_posix()
            said = re.sub(r"[-_]+", " ", file.stem)
            if not re.search(r"beep|tone|silence|\d", file.stem):
                make = partial(_recorded, file, key, said, "en", "asterisk", "test", "CC BY-SA 3.0")
                yield Entry(key, make)


def readings(languages: tuple[str, ...]) -> Iterator[Entry]:
    """PocketSphinx's test recordings with their transcripts: a novel read aloud, and names of playing cards."""
    root = package_folder("pocketsphinx-testdata") / "usr/share/pocketsphinx/test/data"
    if "en" in languages:
        for folder in ("cards", "librivox"):
            transcripts = next((root / folder).glob("*transcription")).read_text(encoding="utf-8")
            for said, name in re.findall(r"<s> (.+?) +</s> \((.+?)\)", transcripts):
                key = f"{folder}/{name}"
                file = root / f"{key}.wav"
                yield Entry(key, partial(_recorded, file, key, said, "en", "pocketsphinx", "test", "BSD"))

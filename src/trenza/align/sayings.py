"""What the listener learns to write down: names, short questions and sentences in English and Spanish.

People read few texts in these, so their captions in languages near to Spanish are learned as well (HELPING).
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trenza.align.concepts import spoken_texts
from trenza.data.corpora import pictures
from trenza.data.corpora.drawn import captions
from trenza.data.corpora.fetch import package_folder
from trenza.data.corpora.speech import ACCENTS, SPEAKERS, UNSEEN_VOICES
from trenza.data.corpora.spoken import VOICES
from trenza.data.names import noun
from trenza.data.splits import is_test
from trenza.data.worlds.phrases import phrases

LONGEST = 40  # characters of a name
HELPING = ("ca", "fr", "ro")  # whose real voices are written down in their own words, never where nothing says so
REAL, HELP = 0.15, 0.15  # of the sayings are read by real voices in Spanish, in HELPING
OPEN = ("{x}", "{y}", "{colour}", "{n}")  # what a question may leave open to be spoken here


@dataclass(frozen=True)
class Saying:
    """A text to be spoken in a language (ISO 639-1); `file` has a real voice that says it."""

    text: str
    language: str
    file: Path | None = None


def written(text: str, language: str) -> str:
    """What the listener is to write for `text`: no article before a name, no marks but within words."""
    plain = re.sub(r"\s+", " ", re.sub(r"[¿?¡!«»“”\".,;:()\[\]]", " ", text)).strip()
    if language in HELPING:
        return plain
    articles = phrases(language).document["articles"] if language != "en" else "a"
    return re.sub(rf"^({articles})\s+", "", plain)


@functools.lru_cache
def names(language: str) -> list[str]:
    """Names of things in a language: the emoji's, people and symbols left out, and the stamps' of the train split."""
    found = {name for name, group in pictures.emoji_table(language).values() if group in pictures.THINGS}
    root = package_folder("tuxpaint-stamps-default") / pictures.STAMPS
    for stamp in pictures.stamps():
        if not stamp.test:
            caption = captions(root / f"{stamp.key}.txt").get(language)
            if caption and len(caption.split()) <= 4:
                found.add(written(noun(caption), language))
    return sorted(name for name in found if re.fullmatch(r"[^\W\d_][\w' ’-]+", name) and len(name) <= LONGEST)


def carriers(language: str) -> tuple[str, str]:
    """What worlds ask aloud with, before a name: which colour it has, where it is."""
    said = phrases(language)
    return said.word("aloud_colour"), said.word("aloud_where")


def questions(language: str, named: list[str], count: int, rng: np.random.Generator) -> list[str]:
    """Questions as the worlds ask them, about things: "What colour is the cow?"; half of them those asked aloud."""
    said = phrases(language)
    wordings = [text for texts in said.document["questions"].values() for text in texts]
    wordings = [re.split(r"(?<=\?) ", text)[0] for text in wordings]
    wordings = [text for text in wordings if re.findall(r"{\w+}", text) == [o for o in OPEN if o in text]]
    wordings = [text for text in wordings if len(text) <= LONGEST]
    colours = list(said.document["colours"].values())
    made = []
    for _ in range(count):
        x, y = rng.choice(named, 2)
        if rng.random() < 0.5:
            carrier = carriers(language)[int(rng.random() >= 0.5)]
            made.append(carrier if rng.random() < 0.2 else f"{carrier} {x}?")
        else:
            wording = str(rng.choice(wordings))
            made.append(wording.format(x=x, y=y, colour=rng.choice(colours), n=rng.integers(1, 10)))
    return made


def real(language: str, test: bool = False) -> list[Saying]:
    """Captions of stamps of the train (or test) split, read by a real voice; the English ones are all for tests."""
    root = package_folder("tuxpaint-stamps-default") / pictures.STAMPS
    found = []
    for text in sorted(root.rglob("*.txt")):
        stamp = text.relative_to(root).with_suffix("").as_posix()
        file, said = text.with_name(f"{text.stem}_desc_{language}.ogg"), captions(text).get(language)
        if file.is_file() and said and len(said) <= LONGEST and is_test(stamp, 5) == test:
            found.append(Saying(said.lower(), language, file))
    return found


def voices(language: str) -> list[str]:
    """Every accent with every speaker that training may use."""
    accents = ACCENTS if language == "en" else VOICES[language]
    return [a + s for a in accents for s in SPEAKERS if a + s not in UNSEEN_VOICES]


def draw(count: int, rng: np.random.Generator) -> list[Saying]:
    """`count` sayings in random order: real voices as said above, of the others names to seven parts in nine."""
    helping = [saying for language in HELPING for saying in real(language)]
    drawn = [
        pool[i]
        for pool, share in ((real("es"), REAL), (helping, HELP))
        for i in rng.integers(len(pool), size=int(share * count))
    ]
    share = (count - len(drawn)) // 9
    texts, weights = spoken_texts()
    drawn += [Saying(str(t), "en") for t in rng.choice(texts, 4 * share, p=np.array(weights) / sum(weights))]
    spanish = names("es")
    drawn += [Saying(str(t), "es") for t in rng.choice(spanish, 3 * share)]
    for language, named in (("en", [t for t in texts if not t.startswith("a ")]), ("es", spanish)):
        drawn += [Saying(t, language) for t in questions(language, named, share, rng)]
    return [drawn[i] for i in rng.permutation(len(drawn))]

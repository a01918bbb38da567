"""The words that the default's detectors can say, in English and Spanish, and their spelling for the language model."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer as Vocabulary
from torch import nn

from trenza.align.concepts import SHAPES
from trenza.bridges.events import BESIDE, LOUD, EventTokens
from trenza.bridges.lines import LineTokens
from trenza.bridges.objects import EXTREMES, ONLY, WAYS, ObjectTokens, TrackTokens
from trenza.bridges.perceived import DIGITS, Numerals, spelled
from trenza.bridges.vocabulary import spell
from trenza.checkpoints.folder import read_config
from trenza.checkpoints.parts import whisper_folder
from trenza.data.corpora.drawn import captions, emoji_names
from trenza.data.corpora.fetch import package_folder
from trenza.data.corpora.pictures import STAMPS, stamps
from trenza.data.names import noun
from trenza.data.worlds.drawing import COLOURS
from trenza.data.worlds.phrases import phrases
from trenza.systems import load
from trenza.towers import figures
from trenza.towers.hearing import END

LANGUAGES = ("en", "es")  # of the names, in their order
# What the tables of pictures call things, which no other source has in Spanish.
PAINT = {"black": "negro", "brown": "marrón", "teal": "verde azulado"}
OF_TABLES = {
    "circle": "círculo", "rectangle": "rectángulo", "triangle": "triángulo", "t-shirt or top": "camiseta o top",
    "trousers": "pantalón", "pullover": "jersey", "dress": "vestido", "coat": "abrigo", "sandal": "sandalia",
    "shirt": "camisa", "sneaker": "zapatilla de deporte", "bag": "bolso", "ankle boot": "botín",
}  # fmt: skip
Encode = Callable[[str], list[int]]


@dataclass(frozen=True)
class Lexicon:
    """names, sounds: (English, Spanish) of each number that the detectors say. heard: texts of Whisper's tokens."""

    names: list[tuple[str, str]]
    sounds: list[tuple[str, str]]
    heard: list[str]

    @torch.no_grad()
    def spell(self, bridge: nn.Module, encode: Encode) -> None:
        """Fill a bridge's tables of words."""
        if isinstance(bridge, ObjectTokens | TrackTokens | EventTokens | LineTokens):
            pairs = self.sounds if isinstance(bridge, EventTokens) else self.names
            english, spanish = zip(*pairs, strict=True)
            # As questions have them, so that the same tokens are found: behind a space, and in Spanish between quotes.
            spaced = spelled([f" {name}" for name in english], encode)
            bridge.names.spelling.copy_(torch.stack([spaced, spelled(spanish, encode)]))
        for part in bridge.modules():
            if isinstance(part, Numerals):
                part.digits.copy_(torch.tensor([encode(str(digit))[0] for digit in range(DIGITS)]))
                part.words.copy_(torch.tensor([encode(f" {word}")[0] for word in part.says]))
        if isinstance(bridge, LineTokens):
            bridge.colon.copy_(torch.tensor(encode(":")[:1]))
        if isinstance(bridge, ObjectTokens):
            bridge.keys.copy_(torch.tensor([encode(f" {word}")[0] for word in (*EXTREMES, ONLY)]))
            own = [[phrases(language).colour(colour) for colour in COLOURS] for language in LANGUAGES]
            bridge.colours.spelling.copy_(_spaced(own, encode))
        if isinstance(bridge, TrackTokens):
            own = [[phrases(language).word(way) for way in WAYS] for language in LANGUAGES]
            bridge.ways.spelling.copy_(_spaced(own, encode))
        if isinstance(bridge, EventTokens):
            bridge.words.copy_(spell(self.heard, encode))
            bridge.loudest.copy_(torch.tensor(encode(f" {LOUD}")[:1]))
            bridge.beside.copy_(torch.tensor(encode(f" {BESIDE}")[:1]))


def _spaced(words: Sequence[Sequence[str]], encode: Encode) -> torch.Tensor:
    """Words of each language behind a space, int32 [languages, N, SLOTS]."""
    return torch.stack([spelled([f" {word}" for word in own], encode) for own in words])


@functools.cache
def of_the_default() -> Lexicon:
    """What the shipped detectors were trained to say; read once, since a training asks for it several times."""
    names = [*translated(read_config(load.OBJECTS)["names"]), *figures.NAMES]
    sounds = [(english, spanish) for english, spanish in read_config(load.EVENTS)["names"]]
    ears = whisper_words()
    return Lexicon(names, sounds, [ears.decode([number]) for number in range(END)])


def whisper_words() -> Vocabulary:
    return Vocabulary.from_file(str(whisper_folder() / "tokenizer.json"))


def translated(names: Sequence[str]) -> list[tuple[str, str]]:
    """(English, Spanish) of each name. Stamps of the test split lend their captions to no name."""
    english, spanish = emoji_names("en"), emoji_names("es")
    known = {noun(name): noun(spanish[points]) for points, name in english.items() if points in spanish}
    root = package_folder("tuxpaint-stamps-default") / STAMPS
    for stamp in stamps():
        said = {} if stamp.test else captions(root / f"{stamp.key}.txt")
        if "en" in said and "es" in said:
            known.setdefault(noun(said["en"]), _noun(said["es"]))
    for name, spanish_name in OF_TABLES.items():
        known.setdefault(name, spanish_name)
    known |= {f"{paint} {shape}": f"{OF_TABLES[shape]} {own}" for paint, own in PAINT.items() for shape in SHAPES}
    return [(name, known.get(name, name)) for name in names]


def _noun(caption: str) -> str:
    """A Spanish caption without its article."""
    first, _, rest = noun(caption).partition(" ")
    return rest if first in ("un", "una", "unos", "unas", "el", "la", "los", "las") and rest else noun(caption)

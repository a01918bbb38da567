"""What a question names is likelier to be shown than what it doesn't name: a thing that may be it is taken for it.

Detectors weigh thousands of names, as if each were as likely as the other. Who asks for a cow has left one of them, so
a thing that is an ox by 0.5 and a cow by 0.2 is the cow that is asked for (Bayes' rule; in Torralba 2003, "Contextual
Priming for Object Detection", the scene says what is likely, here the question does). So is one that was heard. Names
that aren't among a thing's rivals stay as unlikely as they were.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from trenza.bridges.events import EventTokens
from trenza.bridges.lines import LineTokens
from trenza.bridges.objects import ObjectTokens, TrackTokens
from trenza.bridges.perceived import (
    EVENT_COLUMNS,
    LINE_COLUMNS,
    NAME,
    NONE,
    OWNER,
    RIVALS,
    SLOTS,
    SOUND,
    SPEECH,
    WORDS,
)
from trenza.conversation import Conversation
from trenza.systems.examples import Example, Medium, with_media

# How many times: chosen on drawings by a hand that a tower wasn't tuned on, four to a picture, where more found hardly
# any more of what was there, and took ever more things for others of nearly the same meaning.
LIKELIER = 12.0
WORD = re.compile(r"\w+")
QUOTES = "«“\"'"
ARTICLES = ("a", "an", "un", "una")
# What questions are full of without meaning the name that it is; behind such an article, or quoted, it means it.
COMMON = {
    "on", "up", "one", "two", "three", "four", "five", "seven", "eight", "nine", "orange", "pink", "does", "times",
    "flat", "train", "pick", "sales",
    "uno", "dos", "tres", "cuatro", "cinco", "siete", "ocho", "nueve", "naranja", "rosa", "negra", "blanca", "hay",
    "mas", "menos", "mayor", "menor", "sobre", "fuerte", "bajo", "llama", "numeros", "pie", "sal",
}  # fmt: skip
IRREGULAR = {"man": "men", "child": "children", "person": "people", "mouse": "mice", "goose": "geese", "foot": "feet",
             "tooth": "teeth"}  # fmt: skip
PARTING = ("de", "del", "con", "en", "a", "para", "sin")  # behind it a Spanish name has its number already
OES = ("potato", "tomato", "volcano", "mosquito", "buffalo")
ACUTE, DIAERESIS = "\u0301\u0308"  # which people leave out
Bridge = ObjectTokens | TrackTokens | EventTokens | LineTokens
Asked = Mapping[str, Sequence[Sequence[int]]]  # by kind of medium: of each name the numbers that are called so
Table = dict[tuple[str, ...], list[int]]


class Questions:
    """Finds the names that a question asks for. bridges: by kind of medium. decode: tokens of a name to its text."""

    def __init__(self, bridges: Mapping[str, nn.Module], decode: Callable[[list[int]], str]):
        self.bridges = {k: b for k, b in bridges.items() if isinstance(b, Bridge)}
        self.decode = decode
        self.names: dict[str, list[list[str]]] = {}
        self.cut: dict[str, list[list[bool]]] = {}  # whose tokens fill all slots, so that the end may be cut off
        for kind, bridge in self.bridges.items():
            spelled = bridge.names.spelling.tolist()
            self.names[kind] = [[decode([t for t in tokens if t != NONE]) for tokens in own] for own in spelled]
            self.cut[kind] = [[NONE not in tokens for tokens in own] for own in spelled]
        self.tables = {kind: _table(names, self.cut[kind]) for kind, names in self.names.items()}

    def whole(self, kind: str) -> list[list[str]]:
        """Names in each language, by number; empty where the end may be cut off."""
        both = zip(self.names.get(kind, ()), self.cut.get(kind, ()), strict=True)
        return [["" if cut else name for name, cut in zip(*own, strict=True)] for own in both]

    def __call__(self, conversation: Conversation, media: Sequence[Medium]) -> Asked:
        """What is heard and what the user's words name, the last words' names last; in each kind's own numbers."""
        words = (m.parts for m in conversation.messages if m.role == "user")
        text = "\n".join(p.signal for parts in words for p in parts if isinstance(p.signal, str))
        heard = [told for medium in media for told in self._heard(medium)]
        found: dict[str, list[tuple[int, ...]]] = {}
        for kind, table in self.tables.items():
            # A sound isn't likelier for being likeliest.
            asks = [told for spoken, told in heard if spoken or kind != "audio"]
            groups = [numbers for told in (*asks, text) for numbers in _found(told, table)]
            found[kind] = list(dict.fromkeys(reversed(groups)))[::-1]
        return found

    def _heard(self, sound: Medium) -> Iterator[tuple[bool, str]]:
        """Whether it was said, and what; or in each language what a sound is likeliest called."""
        bridge = self.bridges.get(sound.kind)
        if not isinstance(bridge, EventTokens):
            return
        for row in sound.features.flatten(0, 1).tolist():
            if row[SPEECH] > 0.5:
                said = [bridge.words[1, int(word)].tolist() for word in row[WORDS] if word >= 0]
                yield True, self.decode([t for tokens in said for t in tokens if t != NONE])
            else:
                yield from ((False, own[int(row[SOUND.start])]) for own in self.names[sound.kind])


def likelier(medium: Medium, asked: Asked) -> Medium:
    """What may be one of these names is it LIKELIER times as likely; the medium itself where nothing changes."""
    if medium.kind not in asked:
        return medium
    rows = medium.features.flatten(0, 1)
    own = {EVENT_COLUMNS: SOUND, LINE_COLUMNS: OWNER}.get(rows.shape[1], NAME)
    numbers, chances = rows[:, own].float().split(RIVALS, 1)
    meant = torch.isin(numbers, torch.tensor([n for some in asked[medium.kind] for n in some], dtype=numbers.dtype))
    if not bool((meant & (chances > 0)).any()):
        return medium
    raised = chances * torch.where(meant, LIKELIER, 1.0)
    raised = raised * (chances.sum(1, keepdim=True) / raised.sum(1, keepdim=True).clamp(min=1e-9))
    order = raised.argsort(dim=1, descending=True, stable=True)
    made: Tensor = rows.clone()
    made[:, own] = torch.cat([numbers.gather(1, order), raised.gather(1, order)], 1).to(rows.dtype)
    return replace(medium, features=made.unflatten(0, medium.features.shape[:2]))


def looked_for(example: Example, asked: Asked) -> Example:
    """The example with media as they are perceived by who looks for these names."""
    media = [piece for piece in example.prefix if isinstance(piece, Medium)]
    return with_media(example, (likelier(medium, asked) for medium in media))


def _table(languages: Sequence[Sequence[str]], cut: Sequence[Sequence[bool]]) -> Table:
    """Names' words, in the singular and the plural, to their numbers. cut: whose end may be cut off, in the midst of a
    word perhaps; then what stands before it will do where it is no other's."""
    table: Table = {}
    begun: Table = {}
    for names, plural, filled in zip(languages, (_english, _spanish), cut, strict=False):
        for number, name in enumerate(names):
            words = tuple(WORD.findall(_folded(name)))
            for form in {words, plural(words)} if words else ():
                _add(table, form, number)
            if filled[number] and len(words) > 2:
                _add(begun, words[:-1], number)
    return {words: numbers for words, numbers in begun.items() if len(numbers) == 1} | table


def _add(table: Table, words: tuple[str, ...], number: int) -> None:
    if number not in table.setdefault(words, []):
        table[words].append(number)


def _found(text: str, table: Table) -> Iterator[tuple[int, ...]]:
    """Of each name in a text the numbers: the longest that begins at a word, and no other within it."""
    folded = _folded(text)
    said = list(WORD.finditer(folded))
    words = [one[0] for one in said]
    at = 0
    while at < len(words):
        quoted = said[at].start() > 0 and folded[said[at].start() - 1] in QUOTES
        meant = words[at] not in COMMON or quoted or (at > 0 and words[at - 1] in ARTICLES)
        lengths = range(min(SLOTS, len(words) - at), 0 if meant else 1, -1)
        length = next((n for n in lengths if tuple(words[at : at + n]) in table), 0)
        if length:
            yield tuple(table[tuple(words[at : at + length])])
        at += max(length, 1)


def _folded(text: str) -> str:
    """Without case, and without the accents that people leave out."""
    plain = unicodedata.normalize("NFD", text.casefold())
    return unicodedata.normalize("NFC", plain.translate({ord(accent): None for accent in (ACUTE, DIAERESIS)}))


def _english(words: tuple[str, ...]) -> tuple[str, ...]:
    """The plural."""
    *first, last = words
    for word, many in IRREGULAR.items():
        if last == word or (word == "man" and last.endswith(word) and last != "human"):
            return *first, last.removesuffix(word) + many
    if last.endswith(("ife", "lf", "af")):
        return *first, last.removesuffix("e").removesuffix("f") + "ves"
    if last.endswith("y") and last[-2:-1] not in tuple("aeiou"):
        return *first, last[:-1] + "ies"
    return *first, last + ("es" if last.endswith(("s", "x", "z", "ch", "sh", *OES)) else "s")


def _spanish(words: tuple[str, ...]) -> tuple[str, ...]:
    """The plural of all words, up to the first that belongs to none ("caballo de mar")."""
    until = next((i for i, word in enumerate(words) if word in PARTING), len(words))
    made = [
        word if word.endswith("s") else word + "s" if word[-1] in "aeiou" else word.removesuffix("z") + "ces"
        if word.endswith("z") else word + "es"
        for word in words[:until]
    ]  # fmt: skip
    return *made, *words[until:]

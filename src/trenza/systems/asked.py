"""What a question names is likelier to be shown than what it doesn't name: a thing that may be it is taken for it.

Detectors weigh thousands of names, as if each were as likely as the other. Who asks for a cow has left one of them, so
a thing that is an ox by 0.5 and a cow by 0.2 is the cow that is asked for (Bayes' rule; in Torralba 2003, "Contextual
Priming for Object Detection", the scene says what is likely, here the question does). So is one that was heard. Names
that aren't among a thing's rivals stay as unlikely as they were.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from trenza.bridges.events import EventTokens
from trenza.bridges.lines import LineTokens
from trenza.bridges.objects import ObjectTokens, TrackTokens
from trenza.bridges.perceived import CHANCES, EVENT_COLUMNS, LINE_COLUMNS, NONE, NUMBERS, OWNER, RIVALS, SAID, SLOTS
from trenza.conversation import Conversation
from trenza.systems.examples import Example, Medium, with_media

# How many times: chosen on drawings by a hand that a detector wasn't tuned on (twemoji), four to a picture. What is
# there is called by the name that is asked for in 80% (61 without), what isn't in 1% (0.2), and in 8% (2) where that is
# a name of nearly the same meaning.
LIKELIER = 12.0
SPEECH = 0  # column of an event
WORDS, SOUND = slice(4, 4 + SAID), slice(4 + SAID, EVENT_COLUMNS)  # of an event what was said, and its rivals
NAME = slice(NUMBERS.start, CHANCES.stop)  # of a thing or a track, its rivals
WORD = re.compile(r"\w+")
# Names that questions are full of without meaning them: numbers, places, colours.
COMMON = frozenset(
    ("on", "up", "one", "two", "three", "hay", "más", "dos", "tres", "sobre", "orange", "naranja", "rosa")
)
Bridge = ObjectTokens | TrackTokens | EventTokens | LineTokens
Asked = Mapping[str, Sequence[int]]  # by kind of medium, numbers of names


class Questions:
    """Finds the names that a question asks for. bridges: by kind of medium. decode: tokens of a name to its text."""

    def __init__(self, bridges: Mapping[str, nn.Module], decode: Callable[[list[int]], str]):
        self.bridges = {k: b for k, b in bridges.items() if isinstance(b, Bridge)}
        self.decode = decode
        self.names: dict[str, list[list[str]]] = {}
        self.tables: dict[str, dict[tuple[str, ...], list[int]]] = {}
        for kind, bridge in self.bridges.items():
            self.names[kind] = [[self._spelled(tokens) for tokens in own] for own in bridge.names.spelling.tolist()]
            self.tables[kind] = _table(self.names[kind])

    def __call__(self, conversation: Conversation, media: Sequence[Medium]) -> Asked:
        """Numbers of the names in its last words and in what is heard, the words' last; in each kind's own."""
        words = [[p.signal for p in m.parts if isinstance(p.signal, str)] for m in conversation.messages]
        text = " ".join(next((own for own in reversed(words) if own), []))
        heard = [told for medium in media if medium.kind == "audio" for told in self._heard(medium)]
        return {
            kind: list(dict.fromkeys(n for told in (*heard, text) for n in _found(told, table)))
            for kind, table in self.tables.items()
        }

    def _spelled(self, tokens: Sequence[int]) -> str:
        """A name's text; of one that has been cut, without what may be half a word."""
        text = self.decode([t for t in tokens if t != NONE])
        return text if NONE in tokens[:SLOTS] else text.rpartition(" ")[0]

    def _heard(self, sound: Medium) -> Iterator[str]:
        """What was said, and in each language what a sound is likeliest called."""
        bridge = self.bridges.get(sound.kind)
        if not isinstance(bridge, EventTokens):
            return
        for row in sound.features.flatten(0, 1).tolist():
            if row[SPEECH] > 0.5:
                said = [bridge.words[1, int(word)].tolist() for word in row[WORDS] if word >= 0]
                yield self.decode([t for tokens in said for t in tokens if t != NONE])
            else:
                yield from (own[int(row[SOUND.start])] for own in self.names[sound.kind])


def likelier(medium: Medium, asked: Asked) -> Medium:
    """What may be one of these names is it LIKELIER times as likely; the medium itself where nothing changes."""
    if medium.kind not in asked:
        return medium
    rows = medium.features.flatten(0, 1)
    own = {EVENT_COLUMNS: SOUND, LINE_COLUMNS: OWNER}.get(rows.shape[1], NAME)
    numbers, chances = rows[:, own].float().split(RIVALS, 1)
    meant = torch.isin(numbers, torch.tensor(list(asked[medium.kind]), dtype=numbers.dtype))
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


def _table(languages: Sequence[Sequence[str]]) -> dict[tuple[str, ...], list[int]]:
    table: dict[tuple[str, ...], list[int]] = {}
    for names in languages:
        for number, name in enumerate(names):
            words = tuple(WORD.findall(name.casefold()))
            if words and not (len(words) == 1 and words[0] in COMMON) and number not in table.setdefault(words, []):
                table[words].append(number)
    return table


def _found(text: str, table: Mapping[tuple[str, ...], Sequence[int]]) -> Iterator[int]:
    """Numbers of the names in a text: the longest that begins at a word, and no other within it; maybe in the
    plural."""
    words, longest = WORD.findall(text.casefold()), max(map(len, table), default=0)
    at = 0
    while at < len(words):
        step = 1
        for length in range(min(longest, len(words) - at), 0, -1):
            *first, last = words[at : at + length]
            numbers = [n for form in _singular(last) for n in table.get((*first, form), ())]
            if numbers:
                yield from numbers
                step = length
                break
        at += step


def _singular(word: str) -> Iterator[str]:
    """What a word may be the plural of, itself first."""
    yield word
    for ending, instead in (("ies", "y"), ("ves", "f"), ("ces", "z"), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) >= len(ending) + 2:
            yield word[: -len(ending)] + instead

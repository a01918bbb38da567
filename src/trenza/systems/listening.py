"""What is said beside a picture is mostly about what it shows, so it is heard again by who knows what that is.

A question asked aloud is a few words, and its noun, which nothing before it foretells, is misheard soonest. A sound
that is given with pictures is heard with the names of their things in mind (`towers/expected.py`). Videos, and their
own sound, stay as they were.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from trenza.bridges.perceived import CHANCES, EVENT_COLUMNS, NUMBERS, OBJECT_COLUMNS, SPEECH
from trenza.signals import Audio, Signal
from trenza.systems.examples import Medium

MAYBE = 0.1  # probability from which a thing's rival is a name of what is shown
MOST = 24  # names
REMEMBERED = 128  # sounds with names
Seen = Mapping[int, tuple[Medium, ...]]  # by number of its part, a signal's media


class Listening:
    """beside: a sound and names to what is heard; None: nothing is heard again. names: in each language, by number,
    what things in pictures are called; empty where that isn't known to its end."""

    def __init__(self, beside: Callable[[Audio, Sequence[str]], Medium] | None, names: Sequence[Sequence[str]]):
        self.beside, self.names = beside, names
        self._heard: dict[tuple[str, ...], Medium] = {}

    def __call__(self, signals: Sequence[tuple[int, Signal]], seen: Seen) -> Seen:
        """What was perceived of signals by themselves to what is of them beside each other."""
        spoken = [(i, s) for i, s in signals if isinstance(s, Audio) and _speaks(seen[i])]
        if self.beside is None or not spoken:
            return seen
        found: dict[str, float] = {}
        for chance, name in (one for media in seen.values() for medium in media for one in self._shown(medium)):
            found[name] = max(chance, found.get(name, 0.0))
        shown = tuple(sorted(found, key=lambda name: -found[name]))[:MOST]
        return {**seen, **{i: (self._again(sound, shown),) for i, sound in spoken}} if shown else seen

    def _shown(self, medium: Medium) -> Iterator[tuple[float, str]]:
        if medium.kind == "image" and medium.features.shape[-1] == OBJECT_COLUMNS:
            for row in medium.features.flatten(0, 1).tolist():
                for number, chance in zip(row[NUMBERS], row[CHANCES], strict=True):
                    names = (own[int(number)].strip() for own in self.names) if chance >= MAYBE else ()
                    yield from ((chance, name) for name in names if name)

    def _again(self, sound: Audio, shown: tuple[str, ...]) -> Medium:
        key = (sound.content_hash, *shown)
        if key not in self._heard:
            assert self.beside is not None
            self._heard[key] = self.beside(sound, shown)
        while len(self._heard) > REMEMBERED:
            self._heard.pop(next(iter(self._heard)))
        return self._heard[key]


def _speaks(media: Sequence[Medium]) -> bool:
    heard = [m.features for m in media if m.kind == "audio" and m.features.shape[-1] == EVENT_COLUMNS]
    return any(bool((events[..., SPEECH] > 0.5).any()) for events in heard)

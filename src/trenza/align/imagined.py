"""Media that never were, perceived with the detectors' errors: nothing is drawn or heard, so they cost little.

Single things, words and sounds, as people show them first: worlds show several at once. What one picture, two pictures,
a voice or a clip of one thing hold is asked in the words of newcomers (`questions.py`), with what isn't there and where
it is. And scenes and recordings of several, asked what has to be judged (`drills.py`), and forms, charts and screens
(`page_drills.py`), the only ones that are drawn: these take the most examples.
"""

from collections.abc import Iterator

import numpy as np

from trenza.align import (
    album_drills,
    crossing_drills,
    drills,
    film_drills,
    hands,
    listings,
    page_drills,
    shape_drills,
    sound_drills,
    tallies,
)
from trenza.align.concepts import table_shapes
from trenza.align.conversations import Asked, Talk
from trenza.align.described import PICTURES, VIDEOS
from trenza.align.drills import Drill, Known
from trenza.align.hands import Hand
from trenza.align.imagined_media import Truth, truth_of
from trenza.align.lexicon import Lexicon
from trenza.align.questions import HINTS, OF_PAIRS
from trenza.align.simulated import Simulated
from trenza.align.truths import named, place, things
from trenza.conversation import WHOLE, Evidence
from trenza.data.worlds.asking import box_text, point_text
from trenza.systems.abstaining import absent
from trenza.systems.examples import Medium

PRESENT = {
    "en": ("Is there {} in the picture?", "Is this {}?", "Do you see {} here?", "Is {} shown?"),
    "es": ("¿Hay «{}» en la imagen?", "¿Es esto «{}»?", "¿Se ve «{}» aquí?"),
}
KINDS = tuple(
    kind
    for kind, times in {
        "picture": 4, "pictures": 3, "voice": 1, "sound": 1, "video": 1, "scene": 9, "album": 6, "tallied": 2,
        "recording": 3, "recordings": 2, "crossing": 5, "aloud": 7, "moving": 1, "happening": 3, "page": 8, "shape": 8,
    }.items()
    for _ in range(times)
)  # fmt: skip
ENGLISH = 0.6  # of them
LONGEST = 5  # words of a name: of longer ones, whole captions, no more than the beginning is perceived
MOST, MISSING, SILENT = 5, 4, 2  # different names in one; of things and of sounds that aren't in it
JUDGED: dict[str, tuple[Drill, ...]] = {
    "scene": (drills.side_by_side,) * 3
    + (drills.sizes,) * 2
    + (drills.extremes,) * 2
    + (drills.colours,) * 3
    + (drills.numbers,) * 3
    + (drills.presence,)
    + (drills.written,) * 3
    + (listings.listing,) * 3
    + (listings.which, listings.caption, tallies.more, tallies.counts, album_drills.same_colour),
    "album": (
        drills.which_picture,
        *(drills.changed,) * 2,
        drills.same,
        *(listings.listing_of_one,) * 2,
        *album_drills.DIFFERING,
    ),
    "tallied": (*(album_drills.more_in,) * 3, listings.listing_of_one),
    "recording": (
        *(drills.order,) * 2,
        *(drills.loudness,) * 2,
        *(listings.heard,) * 2,
        *(tallies.times,) * 2,
        tallies.more_often,
        tallies.sound_counts,
        *sound_drills.OF_ONE,
    ),
    "recordings": sound_drills.OF_TWO,
    "crossing": crossing_drills.OF_A_NAME,
    "aloud": (crossing_drills.aloud,) * 2,
    "moving": film_drills.OF_MOVES,
    "happening": film_drills.OF_CHANGES,
}


class Asking:
    """Questions about imagined media, in their language."""

    def __init__(
        self, truth: tuple[Truth, ...], language: str, missing: list[str], silent: list[str], rng: np.random.Generator
    ):
        self.truth, self.language, self.missing, self.rng = truth, language, missing[0], rng
        self.known = Known(Talk("", (), (), truth, language), rng, missing, silent)

    def one_of(self, some: tuple[str, ...]) -> str:
        return some[self.rng.integers(len(some))]

    def name(self, question: str, part: int = 0) -> Asked:
        """What it is; in English now and then with a hint at the form of the answer."""
        thing = things(self.truth[part])[0]
        where = place(thing)
        assert where is not None
        hint = self.one_of(HINTS) if self.language == "en" else ""
        return Asked(question + hint, thing["name"], (Evidence(part, where),), "", (self.known.told(thing, {}),))

    def where(self) -> Asked:
        thing: Truth = self.truth[0]["objects"][0]
        box = place(thing)
        if self.known.coin():
            return self.known.asked("box", box_text(box), thing, x=thing["name"])  # type: ignore[arg-type]
        x0, y0, x1, y1 = thing["box"]
        return self.known.asked("point", point_text((x0 + x1) / 2, (y0 + y1) / 2), thing, x=thing["name"])

    def nowhere(self) -> Asked:
        return self.known.asked("box", absent(self.missing, self.language), WHOLE, x=self.missing)

    def picture(self) -> list[Asked | None]:
        pairs = OF_PAIRS[self.language]["image"]
        return [self.name(self.one_of(pairs)), self.name(self.one_of(pairs)), *self.about()]

    def about(self) -> list[Asked | None]:
        there = [drills.presence(self.known), self.present()]
        return [*self.known.shuffled(there), self.where() if self.known.coin() else self.nowhere()]

    def present(self) -> Asked:
        """Is it there, in plainer words than worlds have."""
        holds = self.known.coin()
        thing: Truth = self.truth[0]["objects"][0]
        name = thing["name"] if holds else self.missing
        article = "" if self.language != "en" else "an " if name[:1] in "aeiou" else "a "
        question = self.one_of(PRESENT[self.language]).format(article + name)
        where = place(thing) if holds else WHOLE
        assert where is not None
        said = self.known.words.word("yes" if holds else "no")
        return Asked(question, said, (Evidence(0, where),), "", (named(name, self.language),))

    def pictures(self) -> list[Asked | None]:
        own = PICTURES[self.language]
        named = [self.name(self.one_of(own["forms"]).format(own["words"][p]), p) for p in (0, 1)]
        return [*named, drills.which_picture(self.known), drills.which_picture(self.known)]

    def voice(self) -> list[Asked | None]:
        return [self.name(self.one_of(OF_PAIRS[self.language]["speech"])) for _ in range(2)]

    def sound(self) -> list[Asked | None]:
        return [self.name(self.one_of(OF_PAIRS[self.language]["audio"])) for _ in range(2)]

    def video(self) -> list[Asked | None]:
        return [self.name(self.one_of(VIDEOS[self.language])) for _ in range(2)]

    def judged(self, kind: str) -> list[Asked | None]:
        return [drill(self.known) for drill in self.known.shuffled(JUDGED[kind])]


def made(lexicon: Lexicon, rng: np.random.Generator) -> Iterator[tuple[tuple[Truth, ...], list[Asked]]]:
    """Without end: what imagined media hold, and what is asked of them."""
    known = [pair for pair in lexicon.names if max(len(name.split()) for name in pair) <= LONGEST]
    own = [pair for pair in lexicon.sounds if pair in {*known}]  # things' own sounds
    english = {name for name, _ in lexicon.names}
    kinds = [kind for kind in KINDS if kind != "shape" or english >= {shape.name for shape in table_shapes()}]
    while True:
        language, column = ("en", 0) if rng.random() < ENGLISH else ("es", 1)
        kind = kinds[rng.integers(len(kinds))]
        if kind == "page":
            page, about = page_drills.page(language, rng)
            yield (page,), about
            continue
        if kind == "shape":  # asked in English, whatever was drawn
            shown, about = shape_drills.picture(rng)
            yield (shown,), about
            continue
        some = rng.choice(len(known), MOST + MISSING, replace=False)
        names = list(dict.fromkeys(known[i][column] for i in some))
        names, missing = names[:MOST], names[MOST:]
        if not missing:  # several of them have the same Spanish name
            continue
        some = rng.choice(len(lexicon.sounds), MOST + SILENT, replace=False)
        sounds = [lexicon.sounds[i][column] for i in some]
        sounds, silent = sounds[:MOST], sounds[MOST:]
        both = [own[i][column] for i in rng.permutation(len(own))[:2]]
        truth = truth_of(kind, language, names, sounds, both, rng)
        asking = Asking(truth, language, missing, silent, rng)
        drilled: list[Asked | None] = asking.judged(kind) if kind in JUDGED else getattr(asking, kind)()
        asked = {one.question: one for one in drilled if one is not None}
        if asked:  # nothing, where a sound is called as a thing is that is said
            yield truth, list(asked.values())


def perceived(
    lexicon: Lexicon, simulated: Simulated, count: int, rng: np.random.Generator
) -> Iterator[tuple[tuple[Medium, ...], tuple[Asked, ...]]]:
    """So many of them as conversations: media as the detectors would perceive them, and questions."""
    some = made(lexicon, rng)
    for _ in range(count):
        asked: tuple[Asked, ...] = ()
        while not asked:
            media, asked = _seen(simulated, *next(some), rng)
        yield media, asked


def _seen(
    simulated: Simulated, truth: tuple[Truth, ...], asked: list[Asked], rng: np.random.Generator
) -> tuple[tuple[Medium, ...], tuple[Asked, ...]]:
    """Of several things now and then in a hand that wasn't learned; then not all can be asked."""
    shown = {thing["name"] for one in truth for thing in one.get("objects", ())}
    if len(shown) < 2 or rng.random() >= hands.SHARE:
        return tuple(m for t in truth for m in simulated.medium(t, rng)), tuple(asked)
    hand = Hand(simulated.name_count)
    media = tuple(m for t in truth for m in simulated.medium(t, rng, hand))
    numbers = {name: simulated.names[name] for name in shown}
    places = {name: hand.place(n) for name, n in numbers.items() if n in hand.taken}  # the others were missed
    return media, tuple(hands.answerable(asked, places))

"""Media that never were, perceived with the detectors' errors: nothing is drawn or heard, so they cost little.

Single things, words and sounds, as people show them first: worlds show several at once. What one picture, two pictures,
a voice or a clip of one thing hold is asked in the words of newcomers (`questions.py`), with what isn't there and where
it is. And scenes and recordings of several, asked what has to be judged (`drills.py`), and forms, charts and screens
(`page_drills.py`), the only ones that are drawn: these take the most examples.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from trenza.align import drills, listings, page_drills, tallies
from trenza.align.conversations import Asked, Talk
from trenza.align.described import PICTURES, VIDEOS
from trenza.align.drills import Drill, Known
from trenza.align.lexicon import Lexicon
from trenza.align.questions import HINTS, OF_PAIRS
from trenza.align.simulated import Simulated
from trenza.align.truths import named, place, things
from trenza.conversation import WHOLE, Evidence
from trenza.data.worlds.asking import box_text, point_text
from trenza.data.worlds.drawing import COLOURS
from trenza.data.worlds.pictures import pseudoword
from trenza.systems.abstaining import absent
from trenza.systems.examples import Medium
from trenza.towers.objects import EDGE
from trenza.towers.pages import UNDER

PRESENT = {
    "en": ("Is there {} in the picture?", "Is this {}?", "Do you see {} here?", "Is {} shown?"),
    "es": ("¿Hay «{}» en la imagen?", "¿Es esto «{}»?", "¿Se ve «{}» aquí?"),
}
KINDS = tuple(
    kind
    for kind, times in {
        "picture": 5, "pictures": 3, "voice": 1, "sound": 1, "video": 1, "scene": 7, "album": 4, "recording": 2,
        "page": 7,
    }.items()
    for _ in range(times)
)  # fmt: skip
ENGLISH = 0.6  # of them
MOST, MISSING = 5, 4  # different names in one; that aren't in it
PAINTED = 0.6  # of a scene's things
LABELLED = 0.25  # of the scenes
LABEL = (0.16, 0.078)  # of a side: how wide and high what is written under a thing
CHANGED = 0.6  # of two pictures' things one is another
JUDGED: dict[str, tuple[Drill, ...]] = {
    "scene": (drills.side_by_side,) * 3
    + (drills.sizes,) * 2
    + (drills.extremes,) * 2
    + (drills.colours,) * 3
    + (drills.numbers,) * 3
    + (drills.presence,)
    + (drills.written,) * 3
    + (listings.listing,) * 3
    + (listings.which, listings.caption, tallies.more, tallies.counts),
    "album": (drills.which_picture, *(drills.changed,) * 2, drills.same, *(listings.listing_of_one,) * 2),
    "recording": (
        *(drills.order,) * 2,
        *(drills.loudness,) * 2,
        *(listings.heard,) * 2,
        tallies.times,
        tallies.times,
        tallies.more_often,
        tallies.sound_counts,
    ),
}
SECONDS, FRAMES = 3.0, 12  # of a clip
Truth = dict[str, Any]


def _box(rng: np.random.Generator) -> list[float]:
    """Most of a picture."""
    x0, y0 = rng.uniform(EDGE, 0.25, 2)
    x1, y1 = rng.uniform(0.75, 1 - EDGE, 2)
    return [float(v) for v in (x0, y0, x1, y1)]


def _picture(name: str, rng: np.random.Generator) -> Truth:
    return {"objects": [{"name": name, "box": _box(rng), "colour": ""}]}


def _sound(name: str, said: bool, rng: np.random.Generator) -> Truth:
    start = float(rng.uniform(0.0, 1.0))
    end = start + float(rng.uniform(0.3, 2.0))
    return {"sounds": [{"name": name, "said": said, "start": start, "end": end, "rms": float(rng.uniform(0.02, 0.2))}]}


def _video(name: str, rng: np.random.Generator) -> Truth:
    times = (np.arange(FRAMES) * SECONDS / FRAMES).tolist()
    return {"times": times, "objects": [{"name": name, "boxes": [_box(rng)] * FRAMES}], "sounds": []}


def _small(rng: np.random.Generator) -> list[float]:
    width, height = rng.uniform(0.12, 0.4, 2)
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return [float(v) for v in (x, y, x + width, y + height)]


def _scene(names: list[str], rng: np.random.Generator, several: bool = True) -> Truth:
    """Each name once; where there may be several, now and then the first more often."""
    more = int(rng.integers(4)) if several and rng.random() < 0.4 else 0
    objects: list[Truth] = []
    for name in [*names, *names[:1] * more]:
        x0, y0, x1, y1 = box = _small(rng)
        colour = list(COLOURS)[rng.integers(len(COLOURS))] if rng.random() < PAINTED else ""
        objects.append({"name": name, "box": box, "size": math.sqrt((x1 - x0) * (y1 - y0)), "colour": colour})
    if several and rng.random() < LABELLED:
        for thing in objects[: len(names)]:
            _label(thing, [other["box"] for other in objects if other is not thing], rng)
    return {"objects": objects}


def _label(thing: Truth, others: list[list[float]], rng: np.random.Generator) -> None:
    """A word that nobody knows under a thing, where there is room and no other thing is."""
    wide, high = LABEL
    x = min(max((thing["box"][0] + thing["box"][2] - wide) / 2, 0.0), 1 - wide)
    y = thing["box"][3] + float(rng.uniform(0, 0.1))
    free = all(x + wide < box[0] or x > box[2] or y + high < box[1] or y > box[3] + UNDER for box in others)
    if y + high < 1 and free:
        thing |= {"label": pseudoword(rng), "label_box": [x, y, x + wide, y + high]}


def _album(names: list[str], rng: np.random.Generator) -> tuple[Truth, Truth]:
    """Two pictures of the same, or of the same but for one thing."""
    count = int(rng.integers(2, 4))
    before = _scene(names[:count], rng, several=False)
    after = [dict(thing) for thing in before["objects"]]
    if rng.random() < CHANGED:
        after[rng.integers(count)] |= {"name": names[count], "colour": ""}
    return before, {"objects": after}


def _recording(names: list[str], said: list[bool], rng: np.random.Generator) -> Truth:
    """One behind the other, in any order."""
    sounds, end = [], 0.0
    for i in rng.permutation(len(names)):
        start = end + float(rng.uniform(0.1, 0.5))
        end = start + float(rng.uniform(0.2, 0.9))
        loud = float(10 ** rng.uniform(-1.7, -0.7))
        sounds.append({"name": names[i], "said": said[i], "start": start, "end": end, "rms": loud})
    return {"sounds": sounds}


class Asking:
    """Questions about imagined media, in their language."""

    def __init__(self, truth: tuple[Truth, ...], language: str, missing: list[str], rng: np.random.Generator):
        self.truth, self.language, self.missing, self.rng = truth, language, missing[0], rng
        self.known = Known(Talk("", (), (), truth, language), rng, missing)

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


def _truth(kind: str, names: list[str], sounds: list[str], rng: np.random.Generator) -> tuple[Truth, ...]:
    """Of media of one of KINDS, from names of things and of sounds."""
    match kind:
        case "picture":
            return (_picture(names[0], rng),)
        case "pictures":
            return (_picture(names[0], rng), _picture(names[1], rng))
        case "video":
            return (_video(names[0], rng),)
        case "voice":
            return (_sound(names[0], True, rng),)
        case "sound":
            return (_sound(sounds[0], False, rng),)
        case "scene":
            return (_scene(names[: int(rng.integers(2, 6))], rng),)
        case "album":
            return _album(names, rng)
    said = [bool(rng.random() < 0.5) for _ in range(int(rng.integers(2, 4)))]
    return (_recording([(names if spoken else sounds)[i] for i, spoken in enumerate(said)], said, rng),)


def made(lexicon: Lexicon, rng: np.random.Generator) -> Iterator[tuple[tuple[Truth, ...], list[Asked]]]:
    """Without end: what imagined media hold, and what is asked of them."""
    while True:
        language, column = ("en", 0) if rng.random() < ENGLISH else ("es", 1)
        kind = KINDS[rng.integers(len(KINDS))]
        if kind == "page":
            page, about = page_drills.page(language, rng)
            yield (page,), about
            continue
        some = rng.choice(len(lexicon.names), MOST + MISSING, replace=False)
        names = list(dict.fromkeys(lexicon.names[i][column] for i in some))
        names, missing = names[:MOST], names[MOST:]
        sounds = [lexicon.sounds[i][column] for i in rng.choice(len(lexicon.sounds), MOST, replace=False)]
        truth = _truth(kind, names, sounds, rng)
        asking = Asking(truth, language, missing, rng)
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
        truth, asked = next(some)
        yield tuple(m for t in truth for m in simulated.medium(t, rng)), tuple(asked)

"""Single things, words and sounds, as people show them first: imagined, and perceived with the detectors' errors.

Worlds show several things at once. What one picture, two pictures, a voice or a clip of one thing hold is asked here in
the words of newcomers (`questions.py`), with what isn't there and where it is; nothing is drawn or heard.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from trenza.align import drills
from trenza.align.conversations import Asked, Talk
from trenza.align.described import PICTURES, VIDEOS
from trenza.align.drills import Known
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
KINDS = ("picture",) * 6 + ("pictures",) * 2 + ("voice", "sound", "video")
ENGLISH = 0.6  # of them
MOST = 5  # questions about one
SECONDS, FRAMES = 3.0, 12  # of a clip
Truth = dict[str, Any]


def _box(rng: np.random.Generator) -> list[float]:
    """Most of a picture."""
    x0, y0 = rng.uniform(0.0, 0.25, 2)
    x1, y1 = rng.uniform(0.75, 1.0, 2)
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


class Asking:
    """Questions about imagined media of one thing each, in their language."""

    def __init__(self, truth: tuple[Truth, ...], language: str, missing: str, rng: np.random.Generator):
        self.truth, self.language, self.missing, self.rng = truth, language, missing, rng
        self.known = Known(Talk("", (), (), truth, language), rng, [missing])

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


def imagined(lexicon: Lexicon, rng: np.random.Generator) -> Iterator[tuple[tuple[Truth, ...], list[Asked]]]:
    """Without end: what imagined media hold, and what is asked of them."""
    while True:
        language, column = ("en", 0) if rng.random() < ENGLISH else ("es", 1)
        kind = KINDS[rng.integers(len(KINDS))]
        one, two, missing = (lexicon.names[i][column] for i in rng.choice(len(lexicon.names), 3, replace=False))
        truth: tuple[Truth, ...]
        if kind == "picture":
            truth = (_picture(one, rng),)
        elif kind == "pictures":
            truth = (_picture(one, rng), _picture(two, rng))
        elif kind == "video":
            truth = (_video(one, rng),)
        elif kind == "voice":
            truth = (_sound(one, True, rng),)
        else:
            truth = (_sound(lexicon.sounds[rng.integers(len(lexicon.sounds))][column], False, rng),)
        asking = Asking(truth, language, missing, rng)
        some: list[Asked | None] = getattr(asking, kind)()
        made = {asked.question: asked for asked in some if asked is not None}
        yield truth, list(made.values())[:MOST]


def perceived(
    count: int, lexicon: Lexicon, simulated: Simulated, rng: np.random.Generator
) -> Iterator[tuple[tuple[Medium, ...], tuple[Asked, ...]]]:
    """So many of them as conversations: media as the detectors would perceive them, and questions."""
    some = imagined(lexicon, rng)
    for _ in range(count):
        truth, asked = next(some)
        yield tuple(m for t in truth for m in simulated.medium(t, rng)), tuple(asked)

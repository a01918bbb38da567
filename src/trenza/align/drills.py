"""More questions about media whose truth is known, mostly of yes or no: judging takes more examples than finding.

Media are paid for once, so five questions more cost little. What is true is drawn as often as what isn't, and the
places come as questions name them (`conversations.ordered`), so that the answer can be read off them.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trenza.align.absent import REMEMBERED
from trenza.align.conversations import Asked, Talk, drawn
from trenza.align.questions import spoken
from trenza.align.rationales import ALONG, middle, spaced
from trenza.align.truths import named, place, worded
from trenza.bridges.events import LOUD
from trenza.bridges.objects import BIGGEST, ONLY, SMALLEST
from trenza.conversation import WHOLE, Box, Evidence
from trenza.data.worlds.asking import box_text, span_text
from trenza.data.worlds.drawing import COLOURS
from trenza.data.worlds.phrases import Phrases, languages, phrases
from trenza.towers.pages import under

MOST = 5  # questions more about one talk
APART = 1 / 8  # of a side between the middles of what is compared
LARGER, LOUDER = 1.25, 1.25  # times, at least, that the largest and the loudest surpass what is next
WHICH = 0.3  # of the comparisons ask which of two, the others whether
Truth = dict[str, Any]  # what a world says of a medium, or of a thing or sound in it


def _name(thing: Truth) -> str:
    return thing["name"]


class Known:
    """What a world says of a talk's media, and the words to ask about it with."""

    def __init__(self, talk: Talk, rng: np.random.Generator, absent: list[str], silent: list[str] | None = None):
        """absent, silent: names of things and of sounds that may be asked for where they aren't."""
        self.rng, self.absent, self.silent = rng, absent, silent or []
        self.words: Phrases = phrases(talk.language)
        self.truth: tuple[Truth, ...] = talk.truth
        self.counts = [Counter(t["name"] for t in (*m.get("objects", ()), *m.get("sounds", ()))) for m in self.truth]

    def coin(self) -> bool:
        return bool(self.rng.random() < 0.5)

    def shuffled(self, values: Iterable[Any]) -> list[Any]:
        given = list(values)
        return [given[i] for i in self.rng.permutation(len(given))]

    def alone(self, kind: str = "objects") -> list[Truth]:
        """The things or sounds of the first medium whose name stands for one of them only, in random order."""
        return self.shuffled(t for t in self.truth[0].get(kind, ()) if self.counts[0][t["name"]] == 1)

    def reworded(self, asked: Asked, wordings: Sequence[str], **said: str) -> Asked:
        """The same, asked in one of these wordings."""
        question = wordings[int(self.rng.integers(len(wordings)))].format(**said)
        return replace(asked, question=spoken(question, self.words.language))

    def called(self, sound: Truth) -> str:
        return self.words.word("said" if sound["said"] else "sounded", x=sound["name"])

    def two(self, kind: str = "objects") -> tuple[Truth, Truth] | None:
        """Of those that stand alone; None where there are fewer."""
        some = self.alone(kind)
        return (some[0], some[1]) if len(some) > 1 else None

    def asked(
        self, template: str, answer: str | bool, *where: Any, rationale: str = "", key: str = "", **said: str
    ) -> Asked:
        """where: a thing or sound of the first medium, or (medium, thing). rationale, ALONG: see `rationales.py`. key:
        what all of them are asked by, where it isn't their name."""
        if isinstance(answer, bool):
            answer = self.words.word("yes" if answer else "no")
        places = [w if isinstance(w, tuple) else (0, w) for w in where]
        at = [(part, thing if isinstance(thing, Box) else place(thing), thing) for part, thing in places]
        found = tuple(Evidence(part, where) for part, where, _ in at if where is not None)
        names = tuple(self.told(thing, said) for _, where, thing in at if where is not None)
        question = spoken(self.words.question(template, self.rng, **said), self.words.language)
        keys = (spaced(key),) * len(names) if key else ()
        return Asked(question, answer, found, rationale, names, ALONG.get(template, ""), keys)

    def told(self, thing: Truth | Box, said: dict[str, str]) -> str:
        """What is at a place as detectors word it; at the place of what isn't there, what is asked for."""
        if isinstance(thing, Box):
            return named(said["x"], self.words.language)
        return worded(thing, self.words.language)

    def compared(
        self, one: Truth, two: Truth, holds: bool, whether: str, which: str, called: Callable[[Truth], str] = _name
    ) -> Asked:
        """Whether the one surpasses the other, or less often which of them does."""
        if self.rng.random() < WHICH:
            return self.asked(which, (one if holds else two)["name"], one, two, x=one["name"], y=two["name"])
        surpassing = named((one if holds else two)["name"], self.words.language)
        return self.asked(whether, holds, one, two, rationale=surpassing, x=called(one), y=called(two))


# --- one picture ----------------------------------------------------------------------------------


def side_by_side(known: Known) -> Asked | None:
    """Is one thing left of, or above, another? Or: which of the two is?"""
    axis = int(known.coin())
    relation = ("left", "above")[axis]
    pair = known.two()
    if pair is None:
        return None
    first, second = (middle(thing, axis) for thing in pair)
    if abs(first - second) < APART:
        return None
    return known.compared(*pair, first < second, f"is_{relation}", f"more_{relation}")


def sizes(known: Known) -> Asked | None:
    pair = known.two()
    if pair is None:
        return None
    first, second = (thing["size"] for thing in pair)
    if max(first, second) < LARGER * min(first, second):
        return None
    return known.compared(*pair, first > second, "is_bigger", "bigger")


def extremes(known: Known) -> Asked | None:
    """Where the largest thing is, or which is the smallest."""
    objects = known.truth[0].get("objects", ())
    if len(objects) < 2:
        return None
    biggest = known.coin()
    thing, rival = sorted(objects, key=lambda t: t["size"], reverse=biggest)[:2]
    if max(thing["size"], rival["size"]) < LARGER * min(thing["size"], rival["size"]):
        return None
    if biggest:
        return known.asked("box_of_biggest", box_text(place(thing)), thing, key=BIGGEST)  # type: ignore[arg-type]
    return known.asked("smallest", thing["name"], thing, key=SMALLEST)


def colours(known: Known) -> Asked | None:
    """Is a thing of a colour? If not, of another thing's colour more often than of none's."""
    painted = [t for t in known.alone() if t["colour"]]
    if not painted:
        return None
    thing = painted[0]
    own = known.words.colour(thing["colour"])
    if known.rng.random() < WHICH:
        return known.asked("colour", own, thing, rationale=spaced(own), x=thing["name"])
    everything = [t["colour"] for t in known.truth[0]["objects"]]
    if known.rng.random() < WHICH and everything.count(thing["colour"]) == 1:
        if known.coin():
            return known.asked("box_of_colour", box_text(place(thing)), thing, key=own, colour=own)  # type: ignore[arg-type]
        return known.asked("thing_of_colour", thing["name"], thing, key=own, colour=own)
    holds = known.coin()
    others = [t["colour"] for t in painted if t["colour"] != thing["colour"]]
    if not others or known.rng.random() < 0.3:
        others = [c for c in COLOURS if c != thing["colour"]]
    colour = thing["colour"] if holds else known.shuffled(others)[0]
    asked = known.words.colour(colour)
    return known.asked("is_colour", holds, thing, rationale=spaced(own), x=thing["name"], colour=asked)


def presence(known: Known) -> Asked | None:
    there, missing = known.alone(), [n for n in known.absent if n not in known.counts[0]]
    if not there or not missing:
        return None
    if known.coin():
        return known.asked("present", True, there[0], x=there[0]["name"])
    return known.asked("present", False, WHOLE, x=known.shuffled(missing)[0])


def numbers(known: Known) -> Asked | None:
    """How many are there, or is it so many?"""
    if not known.counts[0]:
        return None
    name = known.shuffled(known.counts[0])[0]
    count = known.counts[0][name]
    some = sorted((t for t in known.truth[0]["objects"] if t["name"] == name), key=lambda t: middle(t, 0))
    if known.rng.random() < 0.4:
        return known.asked("count", str(count), *some, x=name)
    holds = known.coin()
    other = count + (1 if count == 1 or known.coin() else -1)
    asked = str(count if holds else other)
    return known.asked("is_count", holds, *some, rationale=spaced(str(count)), x=name, n=asked)


def written(known: Known) -> Asked | None:
    """What is written under a thing, or under which thing it is, or where; or whether it is that."""
    some = known.shuffled(t for t in known.alone() if "label" in t)
    if not some:
        return None
    thing = some[0]
    name, label, plate = thing["name"], thing["label"], Box(*thing["label_box"])
    own = under(worded(thing, known.words.language), label)
    match int(known.rng.integers(4 if len(some) > 1 else 3)):
        case 0:
            asked = known.asked("label", label, plate, x=name)
        case 1:
            asked = known.asked("box_of_label", box_text(plate), plate, label=label, x=name)
        case 2:
            asked = known.asked("owner", name, plate, thing, label=label, x=name)
        case _:
            holds = known.coin()
            said = label if holds else some[1]["label"]
            asked = known.asked("is_label", holds, plate, rationale=label, x=name, label=said)
    return replace(asked, named=(own, *asked.named[1:]))


# --- two pictures, a sound ------------------------------------------------------------------------


def _only(known: Known) -> list[list[Truth]]:
    """Of each of two pictures the things whose name the other doesn't show."""
    return [[t for t in known.truth[part]["objects"] if t["name"] not in known.counts[1 - part]] for part in (0, 1)]


def which_picture(known: Known) -> Asked | None:
    """Of a thing that only one of two pictures shows."""
    part = int(known.coin())
    only = known.shuffled(t for t in _only(known)[part] if known.counts[part][t["name"]] == 1)
    if not only:
        return None
    answer = known.words.word(("first", "second")[part])
    return known.asked("which_picture", answer, (part, only[0]), x=only[0]["name"])


def changed(known: Known) -> Asked | None:
    """What became what, or what only the first picture has; of pictures that differ in one thing."""
    before, after = _only(known)
    if len(before) != 1 or len(after) != 1:
        return None
    if known.coin():
        return known.asked("only_in_first", before[0]["name"], (0, before[0]), key=ONLY)
    words = known.words.word("change", x=before[0]["name"], y=after[0]["name"])
    return known.asked("changed", words, (0, before[0]), (1, after[0]), key=ONLY)


def same(known: Known) -> Asked | None:
    """Do both show the same? What differs tells that they don't, all that they show that they do."""
    only = _only(known)
    there = only if any(only) else [sorted(m["objects"], key=lambda t: middle(t, 0)) for m in known.truth]
    places = [(part, thing) for part in (0, 1) for thing in there[part]]
    names = named(", ".join(dict.fromkeys(thing["name"] for _, thing in places)), known.words.language)
    return known.asked("same", not any(only), *places, rationale=names, key=ONLY if any(only) else "")


def order(known: Known) -> Asked | None:
    pair = known.two("sounds")
    if pair is None:
        return None
    first, second = (sound["start"] for sound in pair)
    return known.compared(*pair, first < second, "is_before", "first", known.called)


def loudness(known: Known) -> Asked | None:
    """Is one sound louder than another? Or: when is the loudest?"""
    pair = known.two("sounds")
    if pair is None:
        return None
    one, two = pair
    loudest, next_ = sorted(known.truth[0]["sounds"], key=lambda s: -s["rms"])[:2]
    if known.rng.random() < WHICH and loudest["rms"] > LOUDER * next_["rms"]:
        return known.asked("loudest", span_text(place(loudest)), loudest, key=LOUD)  # type: ignore[arg-type]
    if max(one["rms"], two["rms"]) < LOUDER * min(one["rms"], two["rms"]):
        return None
    louder = named(max(pair, key=lambda s: s["rms"])["name"], known.words.language)
    holds = one["rms"] > two["rms"]
    return known.asked("is_louder", holds, one, two, rationale=louder, x=known.called(one), y=known.called(two))


Drill = Callable[[Known], Asked | None]
DRILLS: dict[tuple[str, ...], tuple[Drill, ...]] = {
    ("image",): (*(side_by_side,) * 3, *(sizes,) * 2, extremes, *(colours,) * 3, *(presence,) * 2, numbers),
    ("image", "image"): (which_picture, which_picture),
    ("audio",): (order, order, loudness),
}


def with_drills(some: Iterable[Talk]) -> Iterator[Talk]:
    """The talks; those about known things with at most MOST questions more."""
    recent = {language: deque[str](maxlen=REMEMBERED) for language in languages()}
    for talk in some:
        kinds = tuple(m.kind for m in talk.media)
        of = "sounds" if kinds == ("audio",) else "objects"
        whole = len(talk.truth) == len(kinds) and all(isinstance(m, dict) and m.get(of) for m in talk.truth)
        if not whole or kinds not in DRILLS or talk.language not in recent:
            yield talk
            continue
        known = Known(talk, drawn("drills", talk), list(recent[talk.language]))
        recent[talk.language].extend(name for counts in known.counts for name in counts)
        made = [asked for drill in known.shuffled(DRILLS[kinds]) if (asked := drill(known))]
        before = {asked.question for asked in talk.asked}
        more = {asked.question: asked for asked in made if asked.question not in before}
        yield replace(talk, asked=(*talk.asked, *list(more.values())[:MOST]))

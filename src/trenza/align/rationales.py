"""What an answer is read off, in a word: the count, the colour, the name of the one further left, what was heard; and
what a thing is asked by, where it isn't its name.

Yes or no is then a comparison of that word with the question's, and needs no second look at places or sounds. It stands
between the places and the answer (`systems/places.py`), worded as questions have it, so that equal words are equal
tokens. What is asked by its colour, its size or as what only one picture shows has that word before its name where it
was perceived (`bridges/objects.py`); written first, the name follows.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from trenza.align.truths import Thing, named, thing_at
from trenza.bridges.events import LOUD
from trenza.bridges.objects import BIGGEST, ONLY, SMALLEST
from trenza.conversation import Evidence
from trenza.data.samples import Item
from trenza.data.worlds.phrases import phrases
from trenza.towers.pages import HIGHEST

Told = Callable[[Sequence[Thing], Item], str]  # of the things at an answer's evidence


def spaced(word: str) -> str:
    """Behind a space, as a word stands in a question that doesn't quote it."""
    return f" {word}"


def middle(thing: Thing, axis: int) -> float:
    """0: x, 1: y."""
    return (thing["box"][axis] + thing["box"][axis + 2]) / 2


def _foremost(key: Callable[[Thing], float]) -> Told:
    """The name of the one with the least of something."""
    return lambda some, item: named(min(some, key=key)["name"], item.language)


def _colour(thing: Thing, item: Item) -> str:
    return spaced(phrases(item.language).colour(thing["colour"]))


def _number(some: Sequence[Thing], item: Item) -> str:
    return spaced(str(len(some)))


def _numbers(some: Sequence[Thing], item: Item) -> str:
    """How many there are of each name, in the order of the question."""
    return spaced(", ".join(str(n) for n in Counter(t["name"] for t in some).values()))


def _names(some: Sequence[Thing], item: Item) -> str:
    """Each once."""
    return named(", ".join(dict.fromkeys(t["name"] for t in some)), item.language)


def _across(item: Item) -> bool:
    """Whether a caption tells what is left of what, and not above."""
    return phrases(item.language).word("caption_left", x="|", y="|").split("|")[1] in item.question


def _caption(some: Sequence[Thing], item: Item) -> str:
    """Both names along the relation, since a caption may name what isn't there."""
    return _names(sorted(some, key=lambda t: middle(t, 0 if _across(item) else 1)), item)


def _way(some: Sequence[Thing], item: Item) -> str:
    boxes = [b for b in some[0]["boxes"] if b]
    x, y = ((boxes[-1][i] + boxes[-1][i + 2] - boxes[0][i] - boxes[0][i + 2]) for i in (0, 1))
    way = ("right" if x > 0 else "left") if abs(x) > abs(y) else ("down" if y > 0 else "up")
    return spaced(phrases(item.language).word(way))


def _heard(some: Sequence[Thing], item: Item) -> str:
    """The last that is heard: a name, alone or behind the words that ask for it."""
    sounds = next(m["sounds"] for m in item.truth["media"] if "sounds" in m)
    return named(sounds[-1]["name"], item.language)


def _aloud(some: Sequence[Thing], item: Item) -> str:
    """The colour where that is asked; a place is its own rationale."""
    colours = phrases(item.language).document["colours"].values()
    return spaced(item.answer) if item.answer in colours else ""


def higher(some: Sequence[Thing]) -> str:
    """The values, then the name of the highest."""
    highest = max(some, key=lambda t: t["value"])["name"]
    return spaced(", ".join([*(str(t["value"]) for t in some), highest]))


def _value(some: Sequence[Thing], item: Item) -> str:
    return str(some[0]["value"])


TOLD: dict[str, Told] = {
    "is_left": _foremost(lambda t: middle(t, 0)),
    "is_above": _foremost(lambda t: middle(t, 1)),
    "caption": _caption,
    "is_bigger": _foremost(lambda t: -t["size"]),
    "colour": lambda some, item: _colour(some[0], item),
    "is_colour": lambda some, item: _colour(some[0], item),
    "is_count": _number,
    "more": _numbers,
    "is_label": lambda some, item: some[0]["label"],
    "same": _names,
    "is_before": _foremost(lambda t: t["start"]),
    "is_louder": _foremost(lambda t: -t["rms"]),
    "is_times": _number,
    "more_often": _numbers,
    "is_seen": _heard,
    "aloud": _aloud,
    "way": _way,
    "is_way": _way,
    "is_field": _value,
    **dict.fromkeys(("is_on", "is_off", "make_on", "make_off", "book_or_ask"), _value),
    **dict.fromkeys(("which_on", "which_off"), lambda some, item: spaced(", ".join(t["value"] for t in some))),
    "is_higher": lambda some, item: higher(some),
}
ROW = "row"  # no scale: all that a picture shows, in the order in which it stands
# The scale on which the places of a template's evidence are compared.
ALONG = {
    "describe": ROW,
    "is_left": "across", "more_left": "across", "is_above": "down", "more_above": "down", "is_bigger": "size",
    "bigger": "size", "is_before": "time", "first": "time", "is_louder": "loudness", "louder": "loudness",
    **dict.fromkeys(("count", "is_count", "more", "counts"), "number"),
    **dict.fromkeys(("times_1", "times_2", "is_times", "more_often", "sound_counts"), "number"),
}  # fmt: skip
Key = Callable[[Thing, Item], str]


def along(item: Item) -> str:
    """The scale that an item of worlds compares on; none where it doesn't."""
    template = item.truth.get("template", "") if isinstance(item.truth, dict) else ""
    if not template or not any(kind in medium for medium in item.truth["media"] for kind in ("objects", "sounds")):
        return ""  # buttons have places, and no ranks
    return ("across" if _across(item) else "down") if template == "caption" else ALONG.get(template, "")


def _only(thing: Thing, item: Item) -> str:
    """Where both pictures show the same nothing is in one only."""
    return "" if item.answer == phrases(item.language).word("yes") else spaced(ONLY)


KEYS: dict[str, Key] = {
    "box_of_colour": _colour,
    "thing_of_colour": _colour,
    "box_of_biggest": lambda thing, item: spaced(BIGGEST),
    "smallest": lambda thing, item: spaced(SMALLEST),
    "only_in_first": _only,
    "changed": _only,
    "same": _only,
    "loudest": lambda thing, item: spaced(LOUD),
    "highest": lambda thing, item: HIGHEST,
    "box_of_highest": lambda thing, item: HIGHEST,
    "mover": lambda thing, item: _way([thing], item),
}


def keys_of(item: Item, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """What each place of an item of worlds is asked by; empty where that is its name."""
    key = KEYS.get(item.truth.get("template", "")) if isinstance(item.truth, dict) else None
    media = item.truth.get("media", ()) if isinstance(item.truth, dict) else ()
    if key is None:
        return ()
    some = [thing_at(e.where, media[e.part]) if e.part < len(media) else {} for e in evidence]
    return tuple(key(thing, item) if thing else "" for thing in some)


def of_item(item: Item, evidence: Sequence[Evidence]) -> str:
    """Of an item of worlds whose template has one; of all others none."""
    told = TOLD.get(item.truth.get("template", "")) if isinstance(item.truth, dict) else None
    if told is None:
        return ""
    media = item.truth["media"]
    some = [thing_at(e.where, media[e.part]) for e in evidence if e.part < len(media)]
    return told(some, item) if some and all(some) else ""

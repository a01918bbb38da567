"""Questions about two pictures that worlds don't ask, in newcomers' words: what either has alone, what both have, which
has more of something, whether something has its colour in both."""

from dataclasses import replace
from typing import Any

from trenza.align.conversations import Asked
from trenza.align.drills import Drill, Known
from trenza.align.rationales import middle, spaced
from trenza.bridges.objects import ONLY
from trenza.systems.places import MOST_EVIDENCE

Truth = dict[str, Any]
RARE = 0.1  # of the scenes that show no two things of a colour, which most are, are asked for them
ALONE = {
    "en": (
        ("What is only in the first picture?", "What does the first picture have that the second doesn't?",
         "What is missing from the second picture?"),
        ("What is only in the second picture?", "What does the second picture have that the first doesn't?",
         "What is new in the second picture?"),
    ),
    "es": (
        ("¿Qué hay solo en la primera imagen?", "¿Qué hay en la primera imagen que no esté en la segunda?",
         "¿Qué falta en la segunda imagen?"),
        ("¿Qué hay solo en la segunda imagen?", "¿Qué hay en la segunda imagen que no esté en la primera?",
         "¿Qué hay de nuevo en la segunda imagen?"),
    ),
}  # fmt: skip
BOTH = {
    "en": ("What is in both pictures?", "Which things do the two pictures share?", "What do both pictures show?"),
    "es": ("¿Qué hay en las dos imágenes?", "¿Qué cosas tienen en común las dos imágenes?", "¿Qué muestran ambas?"),
}
MORE = {
    "en": ("In which picture does the {x} appear more often?", "Which picture has more of this: {x}?"),
    "es": ("¿En qué imagen aparece más veces «{x}»?", "¿Cuál de las dos imágenes tiene más de esto: {x}?"),
}

COLOUR = {
    "en": (
        ("Are the {x} and the {y} of the same colour?", "Do the {x} and the {y} have the same colour?"),
        ("Is the {x} of the same colour in both pictures?", "Does the {x} have the same colour in the two pictures?"),
    ),
    "es": (
        ("¿Son del mismo color «{x}» y «{y}»?", "¿Tienen «{x}» y «{y}» el mismo color?"),
        ("¿Es «{x}» del mismo color en las dos imágenes?", "¿Tiene «{x}» el mismo color en las dos imágenes?"),
    ),
}


def alone(known: Known) -> Asked | None:
    """What only the first, or only the second, picture shows."""
    part = int(known.coin())
    only = [t for t in known.truth[part]["objects"] if t["name"] not in known.counts[1 - part]]
    if len(only) != 1:
        return None
    asked = known.asked("only_in_first", only[0]["name"], (part, only[0]), key=ONLY)
    return known.reworded(asked, ALONE[known.words.language][part])


def both(known: Known) -> Asked | None:
    """What both show, from left to right."""
    there = [
        [(part, t) for t in sorted(known.truth[part]["objects"], key=lambda t: middle(t, 0))
         if t["name"] in known.counts[1 - part]]
        for part in (0, 1)
    ]  # fmt: skip
    names = ", ".join(dict.fromkeys(t["name"] for _, t in there[0]))
    if not names or len(there[0]) + len(there[1]) > MOST_EVIDENCE:
        return None
    return known.reworded(known.asked("same", names, *there[0], *there[1]), BOTH[known.words.language])


def more_in(known: Known) -> Asked | None:
    """Which picture has more of something; all of them in either tell it."""
    name = known.shuffled(known.counts[0])[0]
    some = [[(part, t) for t in known.truth[part]["objects"] if t["name"] == name] for part in (0, 1)]
    one, two = (len(own) for own in some)
    if one == two or one + two > MOST_EVIDENCE:
        return None
    places = [p for own in some for p in sorted(own, key=lambda p: middle(p[1], 0))]
    answer = known.words.word("first" if one > two else "second")
    asked = known.asked("which_picture", answer, *places, rationale=spaced(f"{one}, {two}"), x=name)
    return known.reworded(asked, MORE[known.words.language], x=name)


def same_colour(known: Known) -> Asked | None:
    """Whether two things are of one colour; of two pictures, whether one is in both."""
    painted = [t for t in known.alone() if t["colour"]]
    pairs = [((0, t), (0, other)) for t in painted for other in painted if t is not other]
    album = len(known.truth) > 1
    if album:
        twins = [t for t in known.truth[1]["objects"] if t["colour"] and known.counts[1][t["name"]] == 1]
        pairs = [((0, t), (1, other)) for t in painted for other in twins if t["name"] == other["name"]]
    alike = [one["colour"] == other["colour"] for (_, one), (_, other) in pairs]
    if not album and not any(alike) and known.rng.random() > RARE:
        return None  # else a scene's "no" would be foretold by the wording
    holds = known.coin() if len({*alike}) == 2 else any(alike)
    fitting = known.shuffled(pair for pair, same in zip(pairs, alike, strict=True) if same == holds)
    if not fitting:
        return None
    one, two = fitting[0]
    words = [known.words.colour(thing["colour"]) for _, thing in (one, two)]
    said = {"x": one[1]["name"], "y": two[1]["name"]}
    told = known.asked("more_left", holds, one, two, rationale=spaced(", ".join(words)), **said)
    return known.reworded(replace(told, along=""), COLOUR[known.words.language][int(album)], **said)


DIFFERING: tuple[Drill, ...] = (alone, alone, both, same_colour)

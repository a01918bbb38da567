"""Questions about one picture. Each world is one edit: replace, swap places, colours, sizes or labels, recount."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trenza.conversation import WHOLE, Box
from trenza.data.worlds.asking import Side, World, box_text, json_text, point_text, seen
from trenza.data.worlds.drawing import COLOURS, SIZE
from trenza.data.worlds.scene import Placed, Shot, Slot, contrasting_ground, slots
from trenza.data.worlds.stock import Thing, held_out

APART = SIZE / 8  # pixels between centres before "left of" is asked


class Picture:
    """The two shots of an edit, and sides of questions made from them."""

    def __init__(self, world: World, before: list[Placed], after: list[Placed]):
        ground = contrasting_ground(world.stock, before, world.rng)
        self.world = world
        self.a, self.b = world.shoot(before, ground), world.shoot(after, ground)

    def ask(
        self, template: str, capability: str, answers: tuple[str, str], boxes: tuple[Sequence[Box], Sequence[Box]],
        choices: Sequence[str] = (), **words: str,
    ) -> None:  # fmt: skip
        """The question with its answer and evidence on either side; the answers are the choices if none are given."""
        sides = [
            self.side(shot, answer, evidence)
            for shot, answer, evidence in zip((self.a, self.b), answers, boxes, strict=True)
        ]
        self.world.twins(template, capability, sides, choices or answers, **words)

    def side(self, shot: Shot, answer: str, boxes: Sequence[Box]) -> Side:
        return Side((shot.media,), (shot.truth(self.world.language),), answer, seen(*boxes))

    def both(self, *things: Thing) -> tuple[list[Box], list[Box]]:
        return [self.a.box(t) for t in things], [self.b.box(t) for t in things]


def sides_of(world: World, count: int) -> list[float]:
    return [float(world.rng.uniform(56, 100)) for _ in range(count)]


def names(world: World, things: Sequence[Thing]) -> list[str]:
    return [t.names[world.language] for t in things]


def some_colour(world: World, thing: Thing) -> str:
    """A colour for one thing in four; the rest keep their own. Pairs kept from training stay out of it."""
    colour = list(COLOURS)[world.rng.integers(len(COLOURS))]
    return colour if world.rng.random() < 0.25 and not held_out(thing.names["en"], colour) else ""


def placed(world: World, things: Sequence[Thing], places: Sequence[Slot]) -> list[Placed]:
    return [Placed(t, s, some_colour(world, t)) for t, s in zip(things, places, strict=True)]


def replaced(world: World) -> None:
    """One thing becomes another in the same place."""
    things = world.chooser().things_apart(6, anchored=2)
    z, x, y, w, absent, missing = things
    places = slots(sides_of(world, 3), world.rng, apart=APART)
    before = placed(world, [z, x, w], places)
    after = [before[0], replace(before[1], thing=y, colour=some_colour(world, y)), before[2]]
    picture = Picture(world, before, after)
    (nx, ny, nz), yes_no = names(world, (x, y, z)), world.yes_no()
    in_x, in_y = [picture.a.box(x)], [picture.b.box(y)]
    picture.ask(
        "describe", "describe", (_listing(world, picture.a), _listing(world, picture.b)),
        (picture.a.boxes, picture.b.boxes),
    )  # fmt: skip
    picture.ask("which", "describe", (nx, ny), (in_x, in_y), world.shuffled(names(world, (x, y, absent, missing))),
                listed=", ".join(world.shuffled(names(world, (x, y, absent, missing)))))  # fmt: skip
    if world.coin():
        picture.ask("present", "verify", yes_no, (in_x, [WHOLE]), x=nx)
    else:
        picture.ask("present", "verify", yes_no[::-1], ([WHOLE], in_y), x=ny)
    relation, first = _relation(world, before[1].slot, before[0].slot)
    asked, right = (nx, yes_no) if world.coin() else (ny, yes_no[::-1])
    pair = (asked, nz) if first else (nz, asked)
    caption = world.phrases.word(f"caption_{relation}", x=pair[0], y=pair[1])
    evidence = ([*in_x, picture.a.box(z)], [*in_y, picture.b.box(z)])
    picture.ask("caption", "verify", right, evidence, caption=caption)


def _listing(world: World, shot: Shot) -> str:
    order = sorted(shot.placed, key=lambda p: p.slot.x)
    return world.phrases.word("listing", things=", ".join(names(world, [p.thing for p in order])))


def _relation(world: World, one: Slot, other: Slot) -> tuple[str, bool]:
    """A relation along a random axis, and whether `one` comes first in it."""
    return ("left", one.x < other.x) if world.coin() else ("above", one.y < other.y)


def swapped(world: World) -> None:
    """Two things change places."""
    x, y, *others = world.chooser().things_apart(3 + int(world.coin()), anchored=1)
    places = slots(sides_of(world, 2 + len(others)), world.rng, apart=APART)
    before = placed(world, [x, y, *others], places)
    after = [before[0].at(places[1]), before[1].at(places[0]), *before[2:]]
    picture = Picture(world, before, after)
    asked, other = world.shuffled((x, y))
    a, b = picture.a.box(asked), picture.b.box(asked)
    (name, rival), yes_no = names(world, (asked, other)), world.yes_no()
    picture.ask("box", "locate", (box_text(a), box_text(b)), ([a], [b]), x=name)
    points = (point_text(*picture.a.point(asked)), point_text(*picture.b.point(asked)))
    picture.ask("point", "locate", points, ([a], [b]), x=name)
    relation, first = _relation(world, places[0], places[1])
    holds = first == (asked is x)  # "asked is left of other", on side A
    picture.ask(f"is_{relation}", "verify", yes_no if holds else yes_no[::-1], picture.both(asked, other),
                x=name, y=rival)  # fmt: skip
    relation, first = _relation(world, places[0], places[1])
    most = names(world, (x, y) if first else (y, x))
    one, two = world.shuffled(most)
    picture.ask(f"more_{relation}", "compare", (most[0], most[1]), picture.both(x, y), x=one, y=two)


def recoloured(world: World) -> None:
    """Two things exchange their colours. All things here are of one colour each, so a colour names one thing."""
    count = 3 + int(world.coin())
    things, hues = world.chooser().coloured(count, list(COLOURS))
    places = slots(sides_of(world, count), world.rng)
    before = [Placed(t, s, c) for t, s, c in zip(things, places, hues, strict=True)]
    after = [replace(before[0], colour=hues[1]), replace(before[1], colour=hues[0]), *before[2:]]
    picture = Picture(world, before, after)
    colours = [world.phrases.colour(c) for c in hues[:2]]
    which, hue = int(world.coin()), int(world.coin())
    asked, name, colour = things[which], names(world, things)[which], colours[hue]
    answers = (colours[which], colours[1 - which])
    everything = [world.phrases.colour(c) for c in COLOURS]
    picture.ask("colour", "describe", answers, picture.both(asked), everything, x=name)
    yes_no = world.yes_no() if which == hue else world.yes_no()[::-1]
    picture.ask("is_colour", "verify", yes_no, picture.both(asked), x=name, colour=colour)
    on_a, on_b = things[hue], things[1 - hue]  # who wears `colour` on either side
    a, b = picture.a.box(on_a), picture.b.box(on_b)
    picture.ask("box_of_colour", "locate", (box_text(a), box_text(b)), ([a], [b]), colour=colour)
    answers = (on_a.names[world.language], on_b.names[world.language])
    picture.ask("thing_of_colour", "describe", answers, ([a], [b]), names(world, things), colour=colour)


def recounted(world: World) -> None:
    """One of n + 1 things becomes one of the n others, so that the other kind is in the majority."""
    x, y = world.chooser().things_apart(2, anchored=1)
    few = 1 if world.coin() else 3  # 1 or 2, 3 or 4: each count is as frequent as any other
    kinds = [x] * few + [y] * (few + 1)
    side = float(world.rng.uniform(48, 66)) if few == 3 else float(world.rng.uniform(60, 90))
    places = slots([side] * len(kinds), world.rng)
    before = [Placed(t, s) for t, s in zip(kinds, places, strict=True)]
    after = [replace(p, thing=x) if i == few else p for i, p in enumerate(before)]
    picture = Picture(world, before, after)
    asked = x if world.coin() else y
    name = asked.names[world.language]
    counts = (few, few + 1) if asked is x else (few + 1, few)
    boxes = (picture.a.all_boxes(asked), picture.b.all_boxes(asked))
    every = (picture.a.boxes, picture.b.boxes)
    picture.ask("count", "describe", (str(counts[0]), str(counts[1])), boxes, ["1", "2", "3", "4"], x=name)
    claimed = few + int(world.coin())
    yes_no = world.yes_no() if claimed == counts[0] else world.yes_no()[::-1]
    picture.ask("is_count", "verify", yes_no, boxes, x=name, n=str(claimed))
    one, two = world.shuffled(names(world, (x, y)))
    nx, ny = names(world, (x, y))
    picture.ask("more", "compare", (ny, nx), every, x=one, y=two)
    first, second = world.shuffled([(nx, few, few + 1), (ny, few + 1, few)])
    answers = tuple(json_text({first[0]: first[i], second[0]: second[i]}) for i in (1, 2))
    picture.ask("counts", "extract", (answers[0], answers[1]), every, x=first[0], y=second[0])


def resized(world: World) -> None:
    """A big and a small thing exchange their sizes, each in its place."""
    things = world.chooser().things_apart(3, anchored=1)
    x, y = things[:2]
    places = slots([104, 104, 70], world.rng)
    small = [replace(s, side=44.0) for s in places[:2]]
    middle = replace(places[2], side=66.0)
    before = placed(world, things, [places[0], small[1], middle])
    after = [before[0].at(small[0]), before[1].at(places[1]), before[2]]
    picture = Picture(world, before, after)
    (nx, ny), yes_no = names(world, (x, y)), world.yes_no()
    one, two = world.shuffled((nx, ny))
    picture.ask("bigger", "compare", (nx, ny), picture.both(x, y), x=one, y=two)
    one, two = world.shuffled((nx, ny))
    picture.ask("is_bigger", "verify", yes_no if one == nx else yes_no[::-1], picture.both(x, y), x=one, y=two)
    a, b = picture.a.box(x), picture.b.box(y)
    picture.ask("box_of_biggest", "locate", (box_text(a), box_text(b)), ([a], [b]))
    picture.ask("smallest", "compare", (ny, nx), ([picture.a.box(y)], [picture.b.box(x)]), names(world, things))


def relabelled(world: World) -> None:
    """Two written labels change places."""
    things = world.chooser().things_apart(3, anchored=1)
    # Four letters make a word nobody knows, so only reading it helps.
    labels = _pseudowords(world, 5)
    places = slots([float(world.rng.uniform(54, 72)) for _ in things], world.rng, foot=22)
    before = [replace(p, label=label) for p, label in zip(placed(world, things, places), labels, strict=False)]
    after = [replace(before[0], label=labels[1]), replace(before[1], label=labels[0]), before[2]]
    picture = Picture(world, before, after)
    which, word = int(world.coin()), int(world.coin())
    asked, name, label = things[which], names(world, things)[which], labels[word]
    boxes = _under(picture.a, which), _under(picture.b, which)
    picture.ask("label", "describe", (labels[which], labels[1 - which]), boxes, labels, x=name)
    on_a, on_b = _under(picture.a, word), _under(picture.b, 1 - word)
    picture.ask("box_of_label", "locate", (box_text(on_a[0]), box_text(on_b[0])), (on_a, on_b), label=label)
    yes_no = world.yes_no() if which == word else world.yes_no()[::-1]
    picture.ask("is_label", "verify", yes_no, boxes, x=asked.names[world.language], label=label)
    owners = (names(world, things)[word], names(world, things)[1 - word])
    evidence = ([*on_a, picture.a.boxes[word]], [*on_b, picture.b.boxes[1 - word]])
    picture.ask("owner", "describe", owners, evidence, names(world, things), label=label)


def _under(shot: Shot, index: int) -> list[Box]:
    box = shot.label_boxes[index]
    return [box] if box is not None else []


def _pseudowords(world: World, count: int) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < count:
        words[pseudoword(world.rng)] = None
    return list(words)


def pseudoword(rng: np.random.Generator) -> str:
    """Four letters that make a word nobody knows."""
    return "".join(rng.choice(list(part)) for part in ("BDFKLMNPRSTVZ", "AEIOU") * 2)


FAMILIES = (replaced, swapped, recoloured, recounted, resized, relabelled)

"""Questions about two pictures: what changed, which one has it, do they show the same."""

from dataclasses import replace

from trenza.conversation import Evidence
from trenza.data.worlds import pictures
from trenza.data.worlds.asking import Side, World, seen
from trenza.data.worlds.scene import Shot, contrasting_ground, slots
from trenza.data.worlds.stock import Thing


def compared(world: World) -> None:
    """The second picture differs in one thing, and always in its ground; twins have them the other way round."""
    z, x, y, w = world.chooser().things_apart(4, anchored=2)
    places = slots(pictures.sides_of(world, 3), world.rng)
    before = pictures.placed(world, [z, x, w], places)
    after = [before[0], replace(before[1], thing=y, colour=""), before[2]]
    here, there = (contrasting_ground(world.stock, before, world.rng) for _ in range(2))
    p, q, same = (world.shoot(s, g) for s, g in ((before, here), (after, there), (before, there)))
    (nx, ny, nz, nw), word = pictures.names(world, (x, y, z, w)), world.phrases.word
    changes = word("change", x=nx, y=ny), word("change", x=ny, y=nx)
    forth, back = _evidence((p, q), x, y), _evidence((q, p), x, y)
    _ask(world, "changed", "compare", ((p, q), (q, p)), changes, (forth, back), changes)
    asked, right = (nx, ("first", "second")) if world.coin() else (ny, ("second", "first"))
    answers = word(right[0]), word(right[1])
    box, parts = (p.box(x), (0, 1)) if asked == nx else (q.box(y), (1, 0))
    where = seen(box, part=parts[0]), seen(box, part=parts[1])
    _ask(world, "which_picture", "compare", ((p, q), (q, p)), answers, where, answers, x=asked)
    only = tuple(seen(shot.box(thing)) for shot, thing in ((p, x), (q, y)))
    _ask(world, "only_in_first", "compare", ((p, q), (q, p)), (nx, ny), (only[0], only[1]), (nx, ny, nz, nw))
    alike = (*seen(*p.boxes), *seen(*same.boxes, part=1))
    yes_no = world.yes_no()
    _ask(world, "same", "verify", ((p, same), (p, q)), yes_no, (alike, forth), yes_no)


def _evidence(shots: tuple[Shot, Shot], x: Thing, y: Thing) -> tuple[Evidence, ...]:
    return tuple(
        e for part, shot in enumerate(shots) for p, box in zip(shot.placed, shot.boxes, strict=True)
        if p.thing is x or p.thing is y for e in seen(box, part=part)
    )  # fmt: skip


def _ask(
    world: World, template: str, capability: str, shots: tuple[tuple[Shot, Shot], tuple[Shot, Shot]],
    answers: tuple[str, str], evidence: tuple[tuple[Evidence, ...], tuple[Evidence, ...]],
    choices: tuple[str, ...], **words: str,
) -> None:  # fmt: skip
    sides = [
        Side(tuple(s.media for s in pair), tuple(s.truth(world.language) for s in pair), answer, proof)
        for pair, answer, proof in zip(shots, answers, evidence, strict=True)
    ]
    world.twins(template, capability, sides, choices, **words)


FAMILIES = (compared,)

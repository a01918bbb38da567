"""Questions that need a picture and a sound at once.

Two pictures by two sounds make four items in two twin pairs. Each answer comes once with either picture and once
with either sound, so that whoever sees only one medium is at chance.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from trenza.conversation import Box
from trenza.data.worlds import pictures
from trenza.data.worlds.asking import Side, World, heard, point_text, seen
from trenza.data.worlds.drawing import COLOURS
from trenza.data.worlds.recordings import Recording, record
from trenza.data.worlds.scene import Placed, Shot, contrasting_ground, slots
from trenza.data.worlds.stock import Thing
from trenza.data.worlds.track import RATE, Event, prepared, starts, truth

SPOKEN_SECONDS = 3.5


def heard_and_seen(world: World) -> None:
    """Is what you hear in the picture? And where?"""
    things, sounds = _things_with_sounds(world)
    x, y, z = things
    places = slots(pictures.sides_of(world, 3), world.rng)
    with_both = pictures.placed(world, [x, y, z], places)
    with_x = [with_both[0], with_both[2]]
    with_y = [replace(with_both[1], slot=places[0]), with_both[2]]
    exchanged = [with_both[0].at(places[1]), with_both[1].at(places[0]), with_both[2]]
    ground = contrasting_ground(world.stock, with_both, world.rng)
    yes, no = world.yes_no()
    for scene, there, absent in ((with_x, x, y), (with_y, y, x)):
        shot = world.shoot(scene, ground)
        sides = [
            _side(world, shot, sounds[there.key], yes, shot.all_boxes(there)),
            _side(world, shot, sounds[absent.key], no, shot.boxes),
        ]
        world.twins("is_seen", "cross", sides, (yes, no))
    for scene in (with_both, exchanged):
        shot = world.shoot(scene, ground)
        points = [point_text(*shot.point(t)) for t in (x, y)]
        sides = [
            _side(world, shot, sounds[t.key], point, shot.all_boxes(t)) for t, point in zip((x, y), points, strict=True)
        ]
        world.twins("where_heard", "cross", sides, points)


def _things_with_sounds(world: World) -> tuple[list[Thing], dict[str, Recording]]:
    """Three things, and a recording for each of the first two."""
    chooser = world.chooser()
    audible = [t for t in chooser.things if t.effect is not None]
    if len(audible) >= 8 and world.coin():
        for _ in range(20):
            things = chooser.things_apart(2, anchored=1, audible=True)
            third = chooser.beside(things)
            if third is not None:
                return [*things, third], {t.key: _recorded(world, t, t.effect, said=False) for t in things}
    things = chooser.things_apart(3, anchored=1)
    voice = int(world.rng.integers(1000))
    say = world.stock.say
    return things, {
        t.key: _recorded(world, t, say(t.names[world.language], world.language, voice), said=True) for t in things[:2]
    }


def _recorded(world: World, thing: Thing, samples: np.ndarray | None, said: bool) -> Recording:
    assert samples is not None
    clip = prepared(samples)
    (time,) = starts([len(clip)], world.rng)
    return record(world, [Event(thing.names[world.language], clip, time, said)])


def _side(world: World, shot: Shot, sound: Recording, answer: str, boxes: Sequence[Box]) -> Side:
    media, events = sound
    evidence = (*seen(*boxes), *heard(*(e.span for e in events), part=1))
    return Side((shot.media, media), (shot.truth(world.language), truth(events)), answer, evidence)


def asked_aloud(world: World) -> None:
    """The question is spoken; the text only says so. What colour is the cow? Where is the cow?"""
    things, hues = world.chooser().coloured(3, list(COLOURS))
    x, y, _ = things
    places = slots(pictures.sides_of(world, 3), world.rng)
    before = [Placed(t, s, c) for t, s, c in zip(things, places, hues, strict=True)]
    recoloured = [replace(before[0], colour=hues[1]), replace(before[1], colour=hues[0]), before[2]]
    exchanged = [before[0].at(places[1]), before[1].at(places[0]), before[2]]
    ground = contrasting_ground(world.stock, before, world.rng)
    first, other, moved = (world.shoot(scene, ground) for scene in (before, recoloured, exchanged))
    voice = int(world.rng.integers(1000))
    # Two choices: of more, the picture alone would rule out those that it doesn't show.
    choices = [world.phrases.colour(c) for c in hues[:2]]
    spoken = {t.key: _spoken(world, "aloud_colour", t, voice) for t in (x, y)}
    for shot in (first, other):
        sides = []
        for t in (x, y):
            colour = next(p.colour for p in shot.placed if p.thing is t)
            sides.append(_side(world, shot, spoken[t.key], world.phrases.colour(colour), shot.all_boxes(t)))
        world.twins("aloud", "cross", sides, choices)
    spoken = {t.key: _spoken(world, "aloud_where", t, voice) for t in (x, y)}
    for shot in (first, moved):
        points = [point_text(*shot.point(t)) for t in (x, y)]
        sides = [
            _side(world, shot, spoken[t.key], point, shot.all_boxes(t)) for t, point in zip((x, y), points, strict=True)
        ]
        world.twins("aloud", "cross", sides, points)


def _spoken(world: World, carrier: str, thing: Thing, voice: int) -> Recording:
    """A carrier phrase and a name, each said once and kept, so that no question need be spoken anew."""
    name = thing.names[world.language]
    clips = [
        prepared(world.stock.say(text, world.language, voice), SPOKEN_SECONDS / 2)
        for text in (world.phrases.word(carrier), name)
    ]
    start = 0.2
    pause = start + len(clips[0]) / RATE + 0.08
    events = [Event(world.phrases.word(carrier), clips[0], start, True), Event(name, clips[1], round(pause, 2), True)]
    return record(world, events)


FAMILIES = (heard_and_seen, asked_aloud)

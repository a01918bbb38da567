"""Questions about films: which way things move, what appears or vanishes when, and what happens at a sound."""

import numpy as np

from trenza.conversation import Box, Evidence, Span
from trenza.data.worlds.asking import Side, World, box_text, span_text
from trenza.data.worlds.drawing import SIZE
from trenza.data.worlds.film import FPS, FRAMES, SECONDS, Actor, Film, Place, film, shoot
from trenza.data.worlds.recordings import clips
from trenza.data.worlds.scene import Placed, Slot, contrasting_ground
from trenza.data.worlds.track import Event, faint_noise, mixed, prepared

WAYS = ("left", "right", "up", "down")


def _ground(world: World, actors: list[Actor]) -> np.ndarray:
    """The ground has to stand out from each actor where it is first seen."""
    placed = []
    for actor in actors:
        place = next(p for p in actor.places if p)
        placed.append(Placed(actor.thing, Slot(place[0], place[1], actor.side)))
    return contrasting_ground(world.stock, placed, world.rng)


def _made(ground: np.ndarray, actors: list[Actor], events: list[Event], noise: np.ndarray) -> Film:
    frames, boxes = shoot(ground, actors)
    return Film(film(frames, mixed(events, noise)), tuple(actors), boxes, tuple(events))


def _side(world: World, shown: Film, answer: str, evidence: tuple[Evidence, ...]) -> Side:
    return Side((shown.media,), (shown.truth(world.language),), answer, evidence)


def _whole(*boxes: Box | None) -> tuple[Evidence, ...]:
    """The region that things cover in a film."""
    found = [b for b in boxes if b]
    x0, y0 = min(b.x0 for b in found), min(b.y0 for b in found)
    return (Evidence(0, Box(x0, y0, max(b.x1 for b in found), max(b.y1 for b in found))),)


def moving(world: World) -> None:
    """Two things move opposite ways; the edit turns both round."""
    things = world.chooser().things_apart(2, anchored=1)
    upright = world.coin()
    ways = WAYS[2:] if upright else WAYS[:2]
    lanes = [SIZE * 0.27, SIZE * 0.73]
    sides = [float(world.rng.uniform(60, 96)) for _ in things]
    paths: list[tuple[Place, ...]] = []
    for lane, side in zip(lanes, sides, strict=True):
        along = np.linspace(SIZE - side / 2 - 4, side / 2 + 4, FRAMES)  # towards the left, or up
        paths.append(tuple((lane, float(v)) if upright else (float(v), lane) for v in along))
    turned = int(world.coin())  # which of the two goes right or down before the edit
    takes = []
    for edit in (0, 1):
        goes = [(i + turned + edit) % 2 for i in (0, 1)]  # 0: as the path, 1: the path backwards
        takes.append([
            Actor(t, s, p[::-1] if g else p) for t, s, p, g in zip(things, sides, paths, goes, strict=True)
        ])  # fmt: skip
    ground, noise = _ground(world, takes[0]), faint_noise(world.rng, SECONDS)
    a, b = (_made(ground, take, [], noise) for take in takes)
    way = {w: world.phrases.word(w) for w in WAYS}
    which = int(world.rng.integers(2))
    asked = things[which].names[world.language]
    before = way[ways[(which + turned) % 2]]
    after = way[ways[(which + turned + 1) % 2]]
    path = _whole(*a.boxes[which])
    all_ways = list(way.values())
    world.twins("way", "describe", [_side(world, a, before, path), _side(world, b, after, path)], all_ways, x=asked)
    claimed = before if world.coin() else after
    yes_no = world.yes_no() if claimed == before else world.yes_no()[::-1]
    sides_ = [_side(world, shown, answer, path) for shown, answer in zip((a, b), yes_no, strict=True)]
    world.twins("is_way", "verify", sides_, yes_no, x=asked, way=claimed)
    goal = int(world.rng.integers(2))
    movers = [(goal - turned - edit) % 2 for edit in (0, 1)]
    answers = [things[m].names[world.language] for m in movers]
    sides_ = [_side(world, s, n, _whole(*s.boxes[m])) for s, n, m in zip((a, b), answers, movers, strict=True)]
    one, two = world.shuffled(answers)
    world.twins("mover", "compare", sides_, answers, way=way[ways[goal]], x=one, y=two)
    ends = [shown.boxes[which][-1] for shown in (a, b)]
    sides_ = [
        _side(world, shown, box_text(box), (Evidence(0, box), Evidence(0, Span(SECONDS - 1 / FPS, SECONDS))))
        for shown, box in zip((a, b), ends, strict=True)
        if box
    ]
    world.twins("box_at_end", "locate", sides_, [s.answer for s in sides_], x=asked)


def happening(world: World) -> None:
    """One thing comes (or goes) early, another late, and a sound starts with one of the two."""
    x, y, z = world.chooser().things_apart(3, anchored=1)
    comes = world.coin()
    early = int(world.rng.integers(2, 5))
    late = int(world.rng.integers(early + 2, 9))
    spots = [(SIZE * 0.26, 0.0), (SIZE * 0.74, 0.0)]
    spots = [(s[0], float(world.rng.uniform(60, SIZE - 60))) for s in world.shuffled(spots)]
    sides = [float(world.rng.uniform(64, 100)) for _ in spots]
    takes = []
    for first, second in ((early, late), (late, early)):
        actors = []
        for thing, spot, side, change in zip((x, y), spots, sides, (first, second), strict=True):
            places: tuple[Place, ...] = tuple(spot if (i >= change) == comes else None for i in range(FRAMES))
            actors.append(Actor(thing, side, places))
        takes.append(actors)
    ground, noise = _ground(world, takes[0]), faint_noise(world.rng, SECONDS)
    (clip,) = clips(world, [z])
    # Cut so that it ends within the film even when it starts with the late change.
    event = Event(clip.name, prepared(clip.clip, min(0.7, SECONDS - late / FPS)), 0.0, clip.said)
    sounds = [Event(event.name, event.clip, frame / FPS, event.said) for frame in (early, late)]
    shown = {(t, s): _made(ground, takes[t], [sounds[s]], noise) for t in (0, 1) for s in (0, 1)}
    names = [t.names[world.language] for t in (x, y)]
    for take in (0, 1):
        both = []
        for sound in (0, 1):
            which = (take + sound) % 2
            proof = (*_whole(*shown[take, sound].boxes[which]), Evidence(0, sounds[sound].span))
            both.append(_side(world, shown[take, sound], names[which], proof))
        world.twins("comes_at_sound" if comes else "goes_at_sound", "cross", both, names)
    spans = [event.span for event in sounds]
    both = [_side(world, shown[0, s], span_text(spans[s]), (Evidence(0, spans[s]),)) for s in (0, 1)]
    world.twins("sound_when", "locate", both, [s.answer for s in both])
    which = int(world.rng.integers(2))
    both = [_seen_side(world, shown[take, 0], which, (early, late)[(take + which) % 2], comes) for take in (0, 1)]
    world.twins("seen_when", "locate", both, [s.answer for s in both], x=names[which])


def _seen_side(world: World, shown: Film, which: int, change: int, comes: bool) -> Side:
    span = Span(change / FPS, SECONDS) if comes else Span(0.0, change / FPS)
    return _side(world, shown, span_text(span), (*_whole(*shown.boxes[which]), Evidence(0, span)))


FAMILIES = (moving, happening)

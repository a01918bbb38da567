"""What imagined media hold: single things, scenes, albums, recordings, films and what is heard beside a picture."""

import math
from typing import Any

import numpy as np

from trenza.align import crossing_drills, film_drills, sound_drills
from trenza.data.worlds.drawing import COLOURS
from trenza.data.worlds.pictures import pseudoword
from trenza.towers.boxes import EDGE
from trenza.towers.pages import UNDER

PAINTED = 0.6  # of a scene's things
LABELLED = 0.25  # of the scenes
LABEL = (0.16, 0.078)  # of a side: how wide and high what is written under a thing
CHANGED = 0.5  # of two pictures' things one is another
SECONDS, FRAMES = 3.0, 12  # of a clip
UNSEEN = 0.5  # of what is heard beside a picture isn't in it
REPAINTED = 4 / 7  # of what has a colour in both; one of eight gets its own again, so that half keep theirs
REPEATED = 0.5  # of the recordings have a sound more than once
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
    objects = [{"name": name, "boxes": [_box(rng)] * FRAMES}]
    return {"times": times, "objects": objects, **film_drills.nothing_heard(rng)}


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
    for thing in after:
        if thing["colour"] and rng.random() < REPAINTED:
            thing["colour"] = list(COLOURS)[rng.integers(len(COLOURS))]
    if rng.random() < CHANGED:
        after[rng.integers(count)] |= {"name": names[count], "colour": ""}
    return before, {"objects": after}


def truth_of(
    kind: str, language: str, names: list[str], sounds: list[str], both: list[str], rng: np.random.Generator
) -> tuple[Truth, ...]:
    """Of media of one of KINDS, from names of things, of sounds and of what is both."""
    spoken = rng.random() < 0.5
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
        case "tallied":
            some = names[: int(rng.integers(1, 3))]
            return _scene(some, rng), _scene(some, rng)
        case "crossing":
            if both and rng.random() < 0.5:  # a thing's own sound, of the first or of one that isn't shown
                names, spoken = [*both, *(n for n in names if n not in both)], False
            else:
                spoken = True
            shown = names[1:] if rng.random() < UNSEEN else names
            scene = _scene(shown[: int(rng.integers(1, 5))], rng, several=False)
            return (scene, crossing_drills.heard(names[0], spoken, rng))
        case "aloud":
            scene = _scene(names[: int(rng.integers(2, 5))], rng, several=False)
            return (scene, crossing_drills.asked_aloud(names[0], language, rng))
        case "moving":
            return (film_drills.moving(names, rng),)
        case "happening":
            return (film_drills.happening(names, names[2] if spoken else sounds[0], bool(spoken), rng),)
    said = [bool(rng.random() < 0.5) for _ in range(int(rng.integers(2, 4)))]
    if kind == "recordings":
        said.append(said[-1])
        some = [(names if told else sounds)[i] for i, told in enumerate(said)]
        return sound_drills.two_recordings(some, said, rng)
    some = [(names if told else sounds)[i] for i, told in enumerate(said)]
    return (sound_drills.recording(some, said, rng, REPEATED),)

"""Scenes to learn objects from, drawn as they are needed out of what the training split may show."""

import functools
import io
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image as Pillow

from trenza.align import augment
from trenza.align.concepts import table_shapes
from trenza.align.redrawn import redrawn
from trenza.data.corpora.pictures import EMOJI_STYLES, UNSEEN_STYLE, Picture, emoji
from trenza.data.worlds import drawing
from trenza.data.worlds.drawing import COLOURS
from trenza.data.worlds.scene import Placed, Shot, contrasting_ground, shoot, slots
from trenza.data.worlds.sources import CUT, stock_of, trimmed
from trenza.data.worlds.stock import Chooser, Thing, held_out
from trenza.errors import DataError

HUES = tuple(COLOURS)
LABELLED, TINTED, RESTYLED = 0.12, 0.25, 0.5  # shares of scenes with labels, and of things in a colour or another hand
REDRAWN = 0.75  # of the restyled emoji
FOOT = 22.0  # pixels under a thing, for its label


@dataclass(frozen=True)
class Scene:
    """pixels uint8 [256, 256, 3]; boxes float32 [n, 4], y0 x0 y1 x1 in 0..1; colours: 0 its own, then `COLOURS`.

    A name is empty where nobody knows it.
    """

    pixels: np.ndarray
    boxes: np.ndarray
    names: list[str]
    colours: list[int]


def scene_of(shot: Shot) -> Scene:
    """As it is read back from its file."""
    with Pillow.open(io.BytesIO(shot.media.data)) as image:
        pixels = np.asarray(image.convert("RGB"))
    boxes = np.array([(b.y0, b.x0, b.y1, b.x1) for b in shot.boxes], np.float32)
    colours = [1 + HUES.index(p.colour) if p.colour else 0 for p in shot.placed]
    return Scene(pixels, boxes, [p.thing.names["en"] for p in shot.placed], colours)


def draw(rng: np.random.Generator) -> Scene:
    """One to nine things, all different or a few of one kind, small or large, on any ground."""
    while True:
        try:
            return scene_of(_shot(rng))
        except DataError:  # no room for the sides drawn, or a thing wholly hidden: draw others
            continue


def _shot(rng: np.random.Generator) -> Shot:
    stock = stock_of("train", ("en",))
    chooser = Chooser(stock, "train", "en", rng)
    labelled = bool(rng.random() < LABELLED)
    things, sides = _kinds(chooser, rng)
    placed = []
    foot = FOOT if labelled else 0.0
    sides = [min(side, drawing.SIZE - foot) for side in sides]  # one that fills the picture leaves room for its label
    for thing, slot in zip(things, slots(sides, rng, foot=foot), strict=True):
        colour = HUES[rng.integers(len(HUES))] if rng.random() < TINTED else ""
        if colour and held_out(thing.names["en"], colour):
            colour = ""
        if not colour and rng.random() < RESTYLED:
            thing = restyled(thing, rng)
        label = "".join(rng.choice(list("ABDEFIKLMNOPRSTUVZ"), 4)) if labelled and rng.random() < 0.7 else ""
        placed.append(Placed(thing, slot, colour, label))
    return shoot(placed, contrasting_ground(stock, placed, rng))


def _kinds(chooser: Chooser, rng: np.random.Generator) -> tuple[list[Thing], list[float]]:
    manner = rng.random()
    if manner < 0.35:  # up to five of one thing, beside up to four of another
        few = chooser.things_apart(2, anchored=1)
        counts = (int(rng.integers(1, 6)), int(rng.integers(0, 5)))
        things = [few[0]] * counts[0] + [few[1]] * counts[1]
        side = float(rng.uniform(44, 92 if len(things) < 5 else 66))
        return things, [side] * len(things)
    if manner < 0.85:
        things = chooser.things_apart(int(rng.integers(2, 7)), anchored=0)
        return things, [float(rng.uniform(40, 112)) for _ in things]
    things = chooser.things_apart(int(rng.integers(1, 3)), anchored=0)
    return things, [float(rng.uniform(90, 240 if len(things) == 1 else 130)) for _ in things]


@functools.lru_cache
def _drawings() -> dict[str, Picture]:
    """The emoji of training's hands, by the keys of things."""
    return {f"{hand}/{p.key}": p for hand in EMOJI_STYLES if hand != UNSEEN_STYLE for p in emoji(hand)}


def restyled(thing: Thing, rng: np.random.Generator) -> Thing:
    """The thing as another hand might have drawn it: an emoji's shapes anew, of others the shades, fills and lines."""
    if thing.key in _drawings() and rng.random() < REDRAWN:
        pixels = trimmed(redrawn(_drawings()[thing.key], rng).rgba(CUT))
        return thing if pixels is None else replace(thing, rgba=pixels)
    drawn = torch.Generator().manual_seed(int(rng.integers(2**31)))
    rgba = torch.from_numpy(thing.rgba.copy()).permute(2, 0, 1)[None].float() / 255
    rgba = torch.nn.functional.pad(rgba, (3, 3, 3, 3))
    premultiplied = torch.cat([rgba[:, :3] * rgba[:, 3:], rgba[:, 3:]], 1)
    lined = augment.outline(premultiplied, drawn, 0.6)
    alpha = lined[:, 3:]
    colour = augment.flatten_shades(augment.recolour(lined[:, :3] / alpha.clamp(min=1e-3), drawn), drawn)
    pixels = (torch.cat([colour, alpha], 1)[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    return Thing(thing.key, thing.style, thing.group, thing.subgroup, thing.names, pixels)


def lone(rng: np.random.Generator) -> Scene:
    """One thing that fills most of a picture, more often than not on white."""
    stock = stock_of("train", ("en",))
    thing = stock.things[rng.integers(len(stock.things))]
    side = float(rng.uniform(150, drawing.SIZE))
    if rng.random() < RESTYLED:
        thing = restyled(thing, rng)
    white = np.full((drawing.SIZE, drawing.SIZE, 3), 255, np.uint8)
    canvas = white if rng.random() < 0.6 else drawing.ground(stock.grounds, rng)
    x, y = rng.uniform(side / 2, drawing.SIZE - side / 2, 2)
    box = drawing.mask_box(drawing.paste(canvas, drawing.fitted(thing.rgba, side), (float(x), float(y))))
    assert box is not None  # it lies inside the picture
    return Scene(canvas, np.array([[box.y0, box.x0, box.y1, box.x1]], np.float32), [thing.names["en"]], [0])


def bare(rng: np.random.Generator) -> Scene:
    """A piece of a photograph that nobody named: it is one thing, as large as the picture. Its name is empty."""
    grounds = stock_of("train", ("en",)).grounds
    photograph = grounds[rng.integers(len(grounds))]
    side = int(rng.integers(90, min(photograph.shape[:2]) + 1))
    top, left = (int(rng.integers(n - side + 1)) for n in photograph.shape[:2])
    crop = Pillow.fromarray(photograph[top : top + side, left : left + side])
    pixels = np.asarray(crop.resize((drawing.SIZE, drawing.SIZE), Pillow.Resampling.BICUBIC))
    return Scene(pixels, np.array([[0, 0, 1, 1]], np.float32), [""], [0])


def shape(rng: np.random.Generator) -> Scene:
    """One picture of easy-vqa: a flat shape on a pale ground."""
    known = table_shapes()
    one = known[rng.integers(len(known))]
    with Pillow.open(one.file) as image:
        pixels = np.asarray(image.convert("RGB").resize((drawing.SIZE, drawing.SIZE), Pillow.Resampling.BILINEAR))
    other = np.abs(pixels.astype(int) - pixels[0, 0]).max(-1)
    box = drawing.mask_box(other > other.max() / 2)
    assert box is not None  # the pixel that differs most
    return Scene(pixels, np.array([[box.y0, box.x0, box.y1, box.x1]], np.float32), [one.name],
                 [1 + HUES.index(one.colour) if one.colour in HUES else 0])  # fmt: skip

"""A scene: things in places, drawn with their truth (boxes, visible shares, relations, labels)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trenza.conversation import Box
from trenza.data.samples import Media
from trenza.data.worlds import drawing
from trenza.data.worlds.drawing import SIZE
from trenza.data.worlds.stock import Stock, Thing
from trenza.errors import DataError


@dataclass(frozen=True)
class Slot:
    """A place: centre and side of a square, in pixels."""

    x: float
    y: float
    side: float


@dataclass(frozen=True)
class Placed:
    """A thing in its slot. `colour` is empty where it keeps its own; `label` is written under it."""

    thing: Thing
    slot: Slot
    colour: str = ""
    label: str = ""

    def at(self, slot: Slot) -> "Placed":
        return replace(self, slot=slot)


@dataclass(frozen=True)
class Shot:
    """A drawn scene. Boxes are those of the visible pixels, in the order of the things."""

    placed: tuple[Placed, ...]
    pixels: np.ndarray  # uint8 [SIZE, SIZE, 3]
    media: Media
    boxes: tuple[Box, ...]
    shares: tuple[float, ...]  # visible pixels of all its pixels
    areas: tuple[int, ...]  # visible pixels
    masks: tuple[str, ...]  # visible pixels, as `drawing.run_lengths` codes them
    label_boxes: tuple[Box | None, ...]
    ground: np.ndarray  # uint8 [SIZE, SIZE, 3], before anything stood on it

    def without(self, boxes: Sequence[Box]) -> "Shot | None":
        """The same scene drawn again, less the things and labels whose boxes these are; None where none is."""
        gone = [box in boxes for box in self.boxes]
        bare = [label is not None and label in boxes for label in self.label_boxes]
        if not any(gone) and not any(bare):
            return None
        kept = [replace(p, label="") if b else p for p, g, b in zip(self.placed, gone, bare, strict=True) if not g]
        return shoot(kept, self.ground)

    def box(self, thing: Thing) -> Box:
        """Of the first such thing."""
        return self.boxes[next(i for i, p in enumerate(self.placed) if p.thing is thing)]

    def all_boxes(self, thing: Thing) -> list[Box]:
        return [box for box, p in zip(self.boxes, self.placed, strict=True) if p.thing is thing]

    def point(self, thing: Thing) -> tuple[float, float]:
        slot = next(p.slot for p in self.placed if p.thing is thing)
        return slot.x / SIZE, slot.y / SIZE

    def truth(self, language: str) -> dict[str, Any]:
        """The scene graph as JSON values; boxes x0, y0, x1, y1 in 0..1, masks as pycocotools reads them."""
        objects = []
        for i, p in enumerate(self.placed):
            box, label = self.boxes[i], self.label_boxes[i]
            entry = {
                "name": p.thing.names[language], "key": p.thing.key, "style": p.thing.style, "colour": p.colour,
                "box": corners(box), "size": round(p.slot.side / SIZE, 3), "area": self.areas[i],
                "visible": round(self.shares[i], 3), "mask": {"size": [SIZE, SIZE], "counts": self.masks[i]},
            }  # fmt: skip
            if label is not None:
                entry |= {"label": p.label, "label_box": corners(label)}
            objects.append(entry)
        names = [p.thing.names[language] for p in self.placed]
        return {
            "objects": objects,
            "counts": {name: names.count(name) for name in sorted(set(names))},
            "relations": self._relations(),
        }

    def _relations(self) -> list[list[Any]]:
        """[i, relation, j] for centres a tenth of the picture apart or more."""
        found: list[list[Any]] = []
        for i, one in enumerate(self.placed):
            for j, other in enumerate(self.placed):
                if other.slot.x - one.slot.x > SIZE / 10:
                    found.append([i, "left of", j])
                if other.slot.y - one.slot.y > SIZE / 10:
                    found.append([i, "above", j])
        return found


def corners(box: Box) -> list[float]:
    return [round(v, 4) for v in (box.x0, box.y0, box.x1, box.y1)]


def slots(sides: list[float], rng: np.random.Generator, apart: float = 0.0, foot: float = 0.0) -> list[Slot]:
    """A place for each side, overlapping by a tenth of the smaller side at most.

    The first two differ by `apart` pixels or more in x and in y; `foot` pixels stay free below each (labels).
    """
    for attempt in range(400):
        shrink = 0.97 ** (attempt // 8)
        placed: list[Slot] = []
        for side in (s * shrink for s in sides):
            for _ in range(40):
                x = rng.uniform(side / 2, SIZE - side / 2)
                y = rng.uniform(side / 2, SIZE - side / 2 - foot)
                slot = Slot(float(x), float(y), float(side))
                if all(_free(slot, other, foot) for other in placed):
                    placed.append(slot)
                    break
            else:
                break
        if len(placed) < len(sides):
            continue
        if not apart or min(abs(placed[0].x - placed[1].x), abs(placed[0].y - placed[1].y)) >= apart:
            return placed
    raise DataError(f"no room for {len(sides)} things of sides {[round(s) for s in sides]} in {SIZE} px")


def _free(one: Slot, other: Slot, foot: float) -> bool:
    reach = (one.side + other.side) / 2 - 0.1 * min(one.side, other.side) * (foot == 0)
    return abs(one.x - other.x) >= reach or abs(one.y - other.y) >= reach + foot


def shoot(placed: list[Placed], ground: np.ndarray) -> Shot:
    """Draws the things in order, later ones in front. Raises DataError for a thing without a visible pixel."""
    canvas = ground.copy()
    masks: list[np.ndarray] = []
    full, plates = [], []
    for p in placed:
        rgba = drawing.tinted(p.thing.rgba, p.colour) if p.colour else p.thing.rgba
        mask = drawing.paste(canvas, drawing.fitted(rgba, p.slot.side), (p.slot.x, p.slot.y))
        for earlier in masks:
            earlier &= ~mask
        full.append(int(mask.sum()))
        masks.append(mask)
    for p in placed:
        plate = None
        if p.label:
            plate = drawing.write(canvas, p.label, (p.slot.x, p.slot.y + p.slot.side / 2 + 10))
            for mask in masks:
                mask &= ~plate
        plates.append(drawing.mask_box(plate) if plate is not None else None)
    boxes = []
    for p, mask in zip(placed, masks, strict=True):
        box = drawing.mask_box(mask)
        if box is None:
            raise DataError(f"cut-out {p.thing.key} has no visible pixel at {p.slot}")
        boxes.append(box)
    areas = tuple(int(mask.sum()) for mask in masks)
    shares = tuple(a / max(f, 1) for a, f in zip(areas, full, strict=True))
    coded = tuple(drawing.run_lengths(mask) for mask in masks)
    return Shot(
        tuple(placed), canvas, drawing.jpeg(canvas), tuple(boxes), shares, areas, coded, tuple(plates), ground
    )  # fmt: skip


def contrasting_ground(stock: Stock, placed: list[Placed], rng: np.random.Generator) -> np.ndarray:
    """Of a few grounds the one on which the faintest thing is seen best."""
    best, best_value = None, -1.0
    for _ in range(4):
        ground = drawing.ground(stock.grounds, rng)
        value = min(_contrast(p, ground) for p in placed)
        if value > best_value:
            best, best_value = ground, value
        if best_value > 45:
            break
    assert best is not None
    return best


def _contrast(p: Placed, ground: np.ndarray) -> float:
    half = p.slot.side / 2
    x0, y0 = max(0, int(p.slot.x - half)), max(0, int(p.slot.y - half))
    under = ground[y0 : int(p.slot.y + half) : 4, x0 : int(p.slot.x + half) : 4].reshape(-1, 3).mean(0)
    if p.colour:
        over = np.array(drawing.COLOURS[p.colour], float)
    else:
        pixels = p.thing.rgba[::4, ::4].reshape(-1, 4)
        opaque = pixels[pixels[:, 3] > 127]
        over = (opaque if len(opaque) else pixels)[:, :3].mean(0)
    return float(np.abs(over - under).max())

"""easy-vqa's own questions of its train split, about pictures as the detectors would perceive them."""

from typing import Any

import numpy as np

from trenza.align.concepts import SHAPES, Shape, table_shapes
from trenza.align.conversations import Asked
from trenza.align.rationales import spaced
from trenza.conversation import Box, Evidence
from trenza.data.worlds.drawing import COLOURS

SIDES = (0.15, 0.6)  # of the picture's side
MOST = 6  # questions of a picture


def picture(rng: np.random.Generator) -> tuple[dict[str, Any], list[Asked]]:
    """What a picture of one shape holds, and some of what is asked of it."""
    shape = table_shapes()[rng.integers(len(table_shapes()))]
    width, height = rng.uniform(*SIDES, 2)
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    box = [float(v) for v in (x, y, x + width, y + height)]
    painted = shape.colour if shape.colour in COLOURS else ""
    thing = {"name": shape.name, "box": box, "colour": painted, "size": float(width * height) ** 0.5}
    some = rng.permutation(len(shape.asked))[:MOST]
    return {"objects": [thing]}, [asked(shape, shape.asked[i], Box(*box)) for i in some]


def asked(shape: Shape, one: tuple[str, str], where: Box) -> Asked:
    """Yes and no are read off what it is: its shape where the question names one, else its colour, as it spells it."""
    question, answer = one
    colour = "gray" if shape.colour == "grey" else shape.colour
    of_a_shape = any(name in question for name in SHAPES)
    judged = spaced(shape.shape if of_a_shape else colour) if answer in ("yes", "no") else ""
    key = spaced(shape.colour) if shape.colour in COLOURS else ""
    return Asked(question, answer, (Evidence(0, where),), judged, (spaced(shape.name),), keys=(key,) if key else ())

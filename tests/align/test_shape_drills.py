"""What easy-vqa asks of a shape is read off what the detectors say it is."""

import numpy as np
import pytest

from trenza.align import imagined, shape_drills
from trenza.align.concepts import Shape
from trenza.align.lexicon import Lexicon
from trenza.align.simulated import Simulated
from trenza.conversation import Box

RED = Shape("0.png", "circle", "red", (("is there not a circle?", "no"), ("what color is the shape?", "red")))
TEAL = Shape("1.png", "triangle", "teal", (("is a teal shape present?", "yes"), ("is there a circle?", "no")))
GREY = Shape("2.png", "circle", "grey", (("is there a gray shape?", "yes"),))


@pytest.mark.parametrize(
    ("shape", "number", "judged", "named", "keys"),
    [
        (RED, 0, " circle", " circle", (" red",)),
        (RED, 1, "", " circle", (" red",)),  # what isn't judged is the answer itself
        (TEAL, 0, " teal", " teal triangle", ()),
        (TEAL, 1, " triangle", " teal triangle", ()),
        (GREY, 0, " gray", " circle", (" grey",)),  # judged as the question spells it
    ],
)
def test_yes_and_no_are_read_off_the_shape_or_the_colour(shape, number, judged, named, keys):
    one = shape_drills.asked(shape, shape.asked[number], Box(0.1, 0.2, 0.5, 0.6))
    assert (one.question, one.answer) == shape.asked[number]
    assert (one.rationale, one.named, one.keys) == (judged, (named,), keys)


def test_a_shape_is_perceived_by_its_name_and_colour(monkeypatch):
    monkeypatch.setattr(shape_drills, "table_shapes", lambda: (RED, TEAL))
    monkeypatch.setattr(imagined, "table_shapes", lambda: (RED, TEAL))
    monkeypatch.setattr(imagined, "KINDS", ("shape",))
    names = [(name, name) for name in ("circle", "rectangle", "triangle", "teal triangle", *map(str, range(20)))]
    lexicon = Lexicon(names, [(f"noise{i}", f"ruido{i}") for i in range(9)], [])
    simulated = Simulated(names, lexicon.sounds, lambda text: [], lambda text: [])
    seen = set()
    for (picture, _), asked in imagined.perceived(lexicon, simulated, 30, np.random.default_rng(0)):
        assert 1 <= len(asked) <= 2
        for row in picture.features[0]:
            seen.add(names[int(row[0])][0])
    assert {"circle", "teal triangle"} <= seen

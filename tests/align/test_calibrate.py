"""The threshold of support separates answers given of their own media from answers given of a twin's."""

import json

import numpy as np
import pytest

from trenza.align import calibrate
from trenza.conversation import Support
from trenza.data.samples import Item, Media
from trenza.errors import DataError


def test_the_threshold_lies_where_both_errors_are_smallest():
    assert calibrate.choose([5.0, 6.0, 7.0], [-1.0, 0.0, 1.0]) == 3.0
    assert calibrate.choose([0.0, 5.0], [-3.0, 1.0]) == 0.5  # the middle of three that do as well
    rng = np.random.default_rng(0)
    supported, unsupported = rng.normal(3, 1, 4000), rng.normal(0, 1, 4000)
    nats = calibrate.choose(supported, unsupported)
    assert abs(nats - 1.5) < 0.1
    found = calibrate.measure(nats, rng.normal(3, 1, 4000), rng.normal(0, 1, 4000))
    assert abs(found.unsupported_marked[0] - 0.933) < 0.015
    assert abs(found.supported_marked[0] - 0.067) < 0.015
    with pytest.raises(DataError, match="no support was measured"):
        calibrate.choose([], [1.0])


class Looker:
    """Supports the answer "black" by black pictures and "white" by white ones."""

    def support_for(self, conversation, answer):
        ((_, part),) = conversation.media()
        right = (part.signal.pixels.mean() < 128) == (answer == "black")
        return Support(4.0 if right else -2.0, 0.0, right)


def picture(value: int) -> Media:
    import io

    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.new("RGB", (16, 16), (value,) * 3).save(buffer, "PNG")
    return Media("image", "png", buffer.getvalue())


def test_an_answer_is_supported_by_its_own_media_and_not_by_its_twins():
    twins = [
        Item("a", (picture(0),), "colour?", "black", "describe", "en", "x", twin="b"),
        Item("b", (picture(255),), "colour?", "white", "describe", "en", "x", twin="a"),
        Item("c", (picture(0),), "colour?", "black", "describe", "en", "x", twin="gone"),
    ]
    supported, unsupported = calibrate.supports(Looker(), twins)
    assert supported == [4.0, 4.0] and unsupported == [-2.0, -2.0]


def test_it_is_kept_in_the_models_config(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"system": "llava", "rank": 8}))
    calibrate.write(tmp_path, 1.25)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config == {"system": "llava", "rank": 8, "support_threshold": 1.25}

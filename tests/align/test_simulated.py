"""Simulated detectors tell the truth with the errors they were given, and nothing of what they can't perceive."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trenza.align.conversations import Talk
from trenza.align.simulated import Errors, Simulated
from trenza.bridges.perceived import OWNER
from trenza.data.samples import Media

NAMES = [("cow", "vaca"), ("red car", "coche rojo"), *((f"thing {i}", f"cosa {i}") for i in range(60))]
SOUNDS = [("bell", "campana"), ("violin", "violín"), *((f"sound {i}", f"sonido {i}") for i in range(20))]
NONE = Errors(0, 0, 0, 0, 0, 0)
MEDIUM = Media("image", "png", b"never read")


def simulated(errors: Errors = NONE) -> Simulated:
    return Simulated(NAMES, SOUNDS, lambda text: [ord(c) for c in text], lambda text: [ord(c) for c in text], errors)


def talk(*truth: dict, key: str = "a") -> Talk:
    return Talk(key, (MEDIUM,) * len(truth), (), truth)


def thing(name: str, colour: str = "", **more) -> dict:
    return {"name": name, "box": [0.1, 0.2, 0.5, 0.8], "colour": colour, **more}


def written(line: torch.Tensor) -> str:
    return "".join(chr(int(t)) for t in line[4 : OWNER.start] if t >= 0)


def test_without_errors_it_is_the_truth():
    scene = {"objects": [thing("coche rojo", "blue", label="BAKE", label_box=[0.2, 0.7, 0.4, 0.8]), thing("cow")]}
    image, lines = simulated()([talk(scene)])[0]
    (car, cow) = image.features[0]
    assert int(car[0]) == 1 and int(cow[0]) == 0 and car[8] > car[9]
    assert torch.allclose(car[16:20], torch.tensor([0.2, 0.1, 0.8, 0.5]))
    assert int(car[21:30].argmax()) == 5 and int(cow[21:30].argmax()) == 0  # blue is the fifth colour
    assert torch.allclose(car[21:30].sum(), torch.tensor(1.0)) and torch.allclose(car[8:16].sum(), torch.tensor(1.0))
    assert written(lines.features[0, 0]) == "BAKE"
    assert torch.equal(lines.features[0, 0, OWNER], car[:16])  # it is written under the car


def test_sounds_are_words_or_names_at_their_times():
    sounds = [
        {"name": "vaca", "said": True, "start": 0.5, "end": 1.0, "rms": 0.1},
        {"name": "violín", "said": False, "start": 2.0, "end": 3.0, "rms": 0.01},
    ]
    (audio,) = simulated()([talk({"sounds": sounds})])[0]
    said, heard = audio.features[0]
    assert "".join(chr(int(t)) for t in said[4:24] if t >= 0) == " vaca" and said[0] > 0.5 > heard[0]
    assert int(heard[24]) == 1 and (heard[4:24] == -1).all()
    assert heard[1:3].tolist() == [2.0, 3.0] and said[3] - heard[3] > 10


@pytest.mark.parametrize(
    "truth",
    [
        {"objects": [thing("no such thing")]}, {"something": "else"},
    ],
)  # fmt: skip
def test_what_detectors_do_not_perceive_is_left_out(truth):
    assert simulated()([talk({"objects": [thing("cow")]}, truth)])[0] == ()


def film(**more) -> dict:
    boxes = [None, [0.1, 0.2, 0.5, 0.8], [0.2, 0.2, 0.6, 0.8], None]
    return {"times": [0.0, 0.25, 0.5, 0.75], "objects": [{"name": "vaca", "boxes": boxes}], "sounds": [], **more}


def test_what_comes_and_goes_in_a_film_has_its_times_and_places():
    video, audio = simulated()([talk(film())])[0]
    (track,) = video.features[0]
    assert (video.kind, audio.kind) == ("video", "audio") and int(track[0]) == 0
    assert torch.allclose(track[16:18], torch.tensor([0.25, 0.75]))
    assert torch.allclose(track[18:26], torch.tensor([0.2, 0.1, 0.8, 0.5, 0.2, 0.2, 0.8, 0.6]))
    assert torch.allclose(track[27:36].sum(), torch.tensor(1.0))
    forever = [[0.1, 0.2, 0.5, 0.8]] * 4
    (track,) = simulated()([talk(film(objects=[{"name": "cow", "boxes": forever}]))])[0][0].features[0]
    assert torch.allclose(track[16:18], torch.tensor([0.0, 1.0]))  # to the end, one step past the last frame


def test_drawn_pages_are_told_as_the_real_readers_tell_them():
    """Labels at the places of what they label, with their values: simulated of the truth, and read in the picture."""
    from trenza.data.worlds import charts, screens
    from trenza.signals import decode
    from trenza.towers import pages
    from trenza.towers.figures import figures
    from trenza.towers.lines import LineReader

    reader = LineReader()
    data = {"tea": 30, "rice": 90, "milk": 60}
    drawn = [charts.drawn(data, kind, "Sales", style) for style, kind in enumerate(charts.KINDS)]
    switches = screens.Screen(
        [
            screens.Element("switch", "Wi-Fi", (196, 44, 232, 64), "on"),
            screens.Element("switch", "Sound", (196, 84, 232, 104), "off"),
        ],
        "Mail", 4,
    )  # fmt: skip
    buttons = screens.Screen([screens.Element("button", "Save", (20, 80, 124, 108))], "Mail", 5)
    told = 0
    for page in (*drawn, switches, buttons):
        pixels = decode(page.media.data, name="page", kind="image").pixels
        lines = reader.read(pixels)
        real, _ = pages.joined(lines, figures(pixels, torch.tensor([line.box for line in lines]), 0))
        made = {written(row): row for row in simulated()([talk(page.truth())])[0][1].features[0]}
        for line in real:
            if {*line.text.split(":")[:2]} & {*data, "Wi-Fi", "Sound", "Save"}:
                assert float((torch.tensor(line.box) - made[line.text][:4]).abs().max()) < 0.04, line
                told += 1
    assert told == 3 * len(data) + 2  # one "milk" is read as "mk"


def test_every_kind_of_page_has_a_title_that_is_no_label():
    from trenza.data.worlds import charts, papers, screens

    boxes = {"tea": [0.2, 0.3, 0.4, 0.88], "rice": [0.5, 0.6, 0.7, 0.88]}
    pages = [{"kind": kind, "data": {"tea": 80, "rice": 40}, "boxes": boxes} for kind in charts.KINDS]
    pages[1]["boxes"] = {"tea": [0.24, 0.2, 0.75, 0.4], "rice": [0.24, 0.6, 0.5, 0.8]}
    form = papers.drawn(["Total", "Net"], {"Total": "88.40", "Net": "70.00"}, "Receipt", 3).truth()
    screen = screens.Screen([screens.Element("switch", "Wi-Fi", (196, 44, 232, 64), "on")], "Mail", 4).truth()
    for page in (*pages, form, screen):
        plain, (image, lines) = simulated()([talk(page)])[0][1], simulated()([replace(talk(page), language="en")])[0]
        texts = [written(row) for row in lines.features[0]]
        titles = [t for t in texts if t != "D" and ":" not in t]
        assert len(titles) == 1 and sum(":" in t for t in texts) == (1 if page is screen else 2), texts
        untitled = [t.split(": ")[0] for t in map(written, plain.features[0]) if t != "D"]
        assert untitled == [t.split(": ")[0] for t in texts if ":" in t]
        assert not len(image.features[0])  # each figure has its label


def test_errors_come_as_often_as_they_are_said_to():
    scene = {"objects": [thing("cow"), thing("red car")]}
    talks = [talk(scene, key=str(n)) for n in range(1500)]
    errors = Errors(missed=0.1, invented=0.2, wrong_name=0.25, wrong_colour=0.0, jitter=0.05, seconds=0.0)
    found = [media[0].features[0] for media in simulated(errors)(talks)]
    assert abs(np.mean([len(f) for f in found]) - (2 * 0.9 + 0.2)) < 0.06
    rows = torch.cat([f[:1] for f in found if len(f)])
    right = (rows[:, 0] == 0) | (rows[:, 0] == 1)
    assert abs(float(right.float().mean()) - 0.75) < 0.07
    again = simulated(errors)(talks[:5])
    assert all(torch.equal(a[0].features[0], b) for a, b in zip(again, found[:5], strict=True))

"""The truth is in the pixels: boxes, colours, counts, labels, forms, charts and screens."""

import io
import json

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.ndimage import binary_dilation, label

from trenza.data.worlds import build, charts, drawing, papers, pictures, screens
from trenza.data.worlds.scene import Placed, Slot, shoot, slots

SIZE = drawing.SIZE


def pixels(medium) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(medium.data)).convert("RGB")).astype(int)


def crop(array: np.ndarray, box) -> np.ndarray:
    x0, y0, x1, y1 = (round(v * SIZE) for v in (box if isinstance(box, list) else (box.x0, box.y0, box.x1, box.y1)))
    return array[y0:y1, x0:x1]


def asked(family, stock, template: str, split: str = "train", worlds: int = 8):
    """Twin pairs of a template from a few worlds."""
    for number in range(worlds):
        made = build.world_items(number, 3, split, stock, family=family)
        for one, other in zip(made[::2], made[1::2], strict=True):
            if one.truth["template"].startswith(template):
                yield one, other


def test_a_box_holds_all_pixels_of_its_thing_and_no_more(stock):
    rng = np.random.default_rng(1)
    for _ in range(10):
        scene = [Placed(t, s) for t, s in zip(stock.things, slots([60, 80, 50, 70], rng), strict=False)]
        ground = np.full((SIZE, SIZE, 3), 255, np.uint8)
        whole = shoot(scene, ground)
        for i, box in enumerate(whole.boxes):
            # The same scene with everything but this thing made invisible in front of white.
            alone = shoot([scene[i]], ground).pixels
            visible = (alone != 255).any(-1) & (whole.pixels == alone).all(-1)
            rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
            want = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
            got = np.array([box.x0, box.y0, box.x1, box.y1]) * SIZE
            assert np.abs(got - want).max() <= 2  # the soft edge of a cut-out is not counted as the thing


def run_lengths_decoded(mask: dict) -> np.ndarray:
    """COCO's compressed run lengths (cocoapi, maskApi.c) to bool [H, W]."""
    runs, letters = [], iter(mask["counts"])
    for letter in letters:
        value, shift, code = 0, 0, ord(letter) - 48
        while True:
            value |= (code & 31) << shift
            shift += 5
            if not code & 32:
                break
            code = ord(next(letters)) - 48
        if code & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(mask["size"][::-1]).T


def test_masks_are_the_visible_pixels(stock):
    rng = np.random.default_rng(4)
    scene = [Placed(t, s) for t, s in zip(stock.things, slots([90.0, 80.0, 100.0], rng), strict=False)]
    white = np.full((SIZE, SIZE, 3), 255, np.uint8)
    shot = shoot(scene, white)
    masks = [run_lengths_decoded(thing["mask"]) for thing in shot.truth("en")["objects"]]
    assert sum(mask.astype(int) for mask in masks).max() == 1
    assert [int(mask.sum()) for mask in masks] == list(shot.areas)
    for mask, placed in zip(masks, scene, strict=True):
        alone = shoot([placed], white).pixels
        assert (shot.pixels[mask] == alone[mask]).mean() > 0.97  # but for soft edges over another thing
    empty = run_lengths_decoded({"size": [SIZE, SIZE], "counts": drawing.run_lengths(np.zeros((SIZE, SIZE), bool))})
    assert not empty.any()


def test_what_stands_in_front_hides_what_is_behind(stock):
    behind = Placed(stock.things[1], Slot(100, 100, 60))
    front = Placed(stock.things[0], Slot(130, 100, 60))
    shot = shoot([behind, front], np.full((SIZE, SIZE, 3), 255, np.uint8))
    assert shot.shares[1] == 1
    assert 0.3 < shot.shares[0] < 0.95


def test_every_named_thing_is_well_visible(stock):
    for number in range(60):
        for item in build.world_items(number, 5, stock=stock):
            for truth in item.truth["media"]:
                for thing in truth.get("objects", []):
                    assert thing.get("visible", 1.0) >= 0.5 and thing.get("area", 999) >= 150


def test_count_is_the_number_of_shapes_on_the_ground(stock):
    discs = [t for t in stock.things if int(t.key[4:]) % 5 == 0]
    for n in (1, 2, 3, 4):
        rng = np.random.default_rng(n)
        scene = [Placed(discs[0], s) for s in slots([50.0] * n, rng, foot=12)]
        shot = shoot(scene, np.full((SIZE, SIZE, 3), 255, np.uint8))
        solid = (pixels(shot.media).min(-1) < 200) | (shot.pixels != 255).any(-1)
        assert label(solid)[1] == n == shot.truth("en")["counts"][discs[0].names["en"]]


def test_counted_answers_are_the_counts_of_the_scene_graph(stock):
    found = set()
    for pair in asked(pictures.recounted, stock, "count"):
        for item in pair:
            if item.truth["template"] == "count":
                name = next(n for n in item.truth["media"][0]["counts"] if n in item.question)
                assert item.truth["media"][0]["counts"][name] == int(item.answer) == len(item.evidence)
                found.add(item.answer)
    assert len(found) >= 3


def test_a_tinted_thing_has_its_colour(stock):
    names = list(drawing.COLOURS)
    table = np.array(list(drawing.COLOURS.values()))
    for thing in stock.things[:20]:
        for colour in names:
            rgba = drawing.tinted(thing.rgba, colour)
            mean = rgba[rgba[..., 3] > 127][:, :3].mean(0)
            assert names[np.abs(table - mean).sum(1).argmin()] == colour


def test_the_asked_colour_is_in_the_evidence_box(stock):
    names, table = list(drawing.COLOURS), np.array(list(drawing.COLOURS.values()))
    for pair in asked(pictures.recoloured, stock, "box_of_colour"):
        for item in pair:
            wanted = next(o for o in item.truth["media"][0]["objects"] if o["box"] == pytest.approx(
                [round(v, 4) for v in vars(item.evidence[0].where).values()]))  # fmt: skip
            inside = crop(pixels(item.media[0]), wanted["box"]).reshape(-1, 3)
            nearest = np.abs(inside[:, None] - table).sum(-1)
            close = nearest.argmin(1)[nearest.min(1) < 110]
            assert names[np.bincount(close, minlength=8).argmax()] == wanted["colour"]


def test_twins_differ_only_where_the_edit_was_made(stock):
    for one, other in asked(pictures.replaced, stock, "present"):
        change = np.abs(pixels(one.media[0]) - pixels(other.media[0])).max(-1) > 40
        boxes = np.zeros((SIZE, SIZE), bool)
        for item in (one, other):
            x0, y0, x1, y1 = (np.array(item.truth["media"][0]["objects"][1]["box"]) * SIZE).astype(int)
            boxes[y0:y1, x0:x1] = True
        assert change.any() and not (change & ~binary_dilation(boxes, iterations=10)).any()


def test_the_label_box_holds_black_letters_on_white(stock):
    for pair in asked(pictures.relabelled, stock, "box_of_label"):
        for item in pair:
            inside = crop(pixels(item.media[0]), item.evidence[0].where)
            assert (inside.min(-1) > 215).mean() > 0.4 and (inside.max(-1) < 60).any()


def test_value_boxes_of_a_form_hold_all_ink_of_their_row(stock):
    for one, other in asked(papers.forms, stock, "fields"):
        for item in (one, other):
            page, array = item.truth["media"][0], pixels(item.media[0])
            assert item.answer == json.dumps(page["fields"], ensure_ascii=False)
            paper = np.median(array.reshape(-1, 3), 0)
            for box in page["boxes"].values():
                row = array[round(box[1] * SIZE) : round(box[3] * SIZE), 102:]
                ink = np.flatnonzero((np.abs(row - paper).max(-1) > 120).any(0)) + 102
                assert box[0] * SIZE - 1 <= ink[0] and ink[-1] <= box[2] * SIZE


def test_bars_are_as_long_as_the_data_and_boxes_as_the_bars(stock):
    bars = 0
    for pair in asked(charts.charted, stock, "chart_data", worlds=14):
        for item in pair:
            chart, array = item.truth["media"][0], pixels(item.media[0])
            if chart["kind"] == "line":
                continue
            flat = chart["kind"] == "barh"
            for name, value in chart["data"].items():
                x0, y0, x1, y1 = chart["boxes"][name]
                long = (x1 - x0) if flat else (y1 - y0)
                assert long * SIZE == pytest.approx(value * (0.71 if flat else 0.76) * SIZE / 105, abs=1)
                inside = crop(array, chart["boxes"][name])[2:-2, 2:-2].reshape(-1, 3)
                assert inside.std(0).max() < 12 and inside.mean(0).min() < 235  # one colour, not the paper's
                bars += 1
    assert bars > 20


def test_a_click_lands_in_the_button_of_that_label(stock):
    for pair in asked(screens.buttons, stock, "click"):
        for item in pair:
            place = item.evidence[0].where
            call = json.loads(item.answer)
            x, y = (call["arguments"]["x"], call["arguments"]["y"]) if isinstance(call, dict) else call
            assert place.x0 < x < place.x1 and place.y0 < y < place.y1
            hit = [e["label"] for e in item.truth["media"][0]["elements"]
                   if e["box"][0] <= x <= e["box"][2] and e["box"][1] <= y <= e["box"][3]]  # fmt: skip
            assert len(hit) == 1
        assert pair[0].answer != pair[1].answer


def test_a_switch_that_is_on_has_its_knob_at_the_right(stock):
    for pair in asked(screens.switches, stock, "states"):
        for item in pair:
            for element in item.truth["media"][0]["elements"]:
                inside = crop(pixels(item.media[0]), element["box"])
                white = np.flatnonzero((inside.min(-1) > 250).sum(0) > 6).mean()
                assert (white > inside.shape[1] / 2) == (element["state"] == "on")

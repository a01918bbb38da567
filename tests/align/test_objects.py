"""What the detector of objects learns from, and that it learns from it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

from trenza.align import averaging, detected, objects, scenes, seen, tower
from trenza.data.worlds.stock import Stock, Thing, held_out
from trenza.systems import load
from trenza.towers.efficientnet import LITE2, EfficientNet, EfficientNetConfig
from trenza.towers.glance import Glance
from trenza.towers.objects import ObjectDetector, ObjectsConfig


def thing(name: str, number: int) -> Thing:
    rgba = np.zeros((48, 60, 4), np.uint8)
    rgba[:, :, number % 3] = 250
    rgba[4:44, 4:56, 3] = 255
    return Thing(name, "drawn", f"group {number}", f"kind:{number}", {"en": name}, rgba)


@pytest.fixture
def stock(monkeypatch) -> Stock:
    names = [f"{a}{b}" for a in ("ba", "de", "fi", "go", "lu") for b in ("ka", "me", "ti", "so", "nu", "ra")]
    made = Stock(tuple(thing(name, i) for i, name in enumerate(names)), (), lambda *_: np.zeros(1, np.float32))
    monkeypatch.setattr(scenes, "stock_of", lambda split, languages: {"train": made}[split])
    return made


def test_scenes_keep_the_rule_of_the_training_split(stock):
    rng = np.random.default_rng(0)
    for _ in range(40):
        scene = scenes.draw(rng)
        assert scene.pixels.shape == (256, 256, 3) and 1 <= len(scene.names) <= 9
        kinds = sorted(set(scene.names))
        assert not any(held_out(a, b) for i, a in enumerate(kinds) for b in kinds[i + 1 :])
        for name, colour in zip(scene.names, scene.colours, strict=True):
            assert not colour or not held_out(name, scenes.HUES[colour - 1])


def test_a_thing_that_fills_the_picture_leaves_room_for_its_label(stock, monkeypatch):
    monkeypatch.setattr(scenes, "LABELLED", 1.0)
    monkeypatch.setattr(scenes, "_kinds", lambda chooser, rng: (chooser.things_apart(1, anchored=0), [240.0]))
    for seed in range(10):
        scene = scenes.draw(np.random.default_rng(seed))
        assert len(scene.names) == 1 and scene.boxes[0, 2] <= 1 - scenes.FOOT / 256 + 0.02


def test_boxes_of_a_scene_are_where_its_things_are(stock, monkeypatch):
    rng = np.random.default_rng(1)
    monkeypatch.setattr(scenes, "RESTYLED", 0.0)
    for _ in range(20):
        scene = scenes.lone(rng)
        (thing,) = (t for t in stock.things if t.names["en"] == scene.names[0])
        y0, x0, y1, x1 = (round(float(v) * 256) for v in scene.boxes[0])
        assert scene.pixels[(y0 + y1) // 2, (x0 + x1) // 2].argmax() == thing.rgba[24, 30, :3].argmax()
        assert (y1 - y0) / (x1 - x0) == pytest.approx(40 / 52, abs=0.05)


def test_a_bare_photograph_is_one_thing_without_a_name(stock, monkeypatch):
    ramp = np.broadcast_to(np.linspace(0, 255, 400)[None, :, None], (300, 400, 3)).astype(np.uint8)
    monkeypatch.setattr(scenes, "stock_of", lambda split, languages: Stock(stock.things, (ramp,), stock.say))
    scene = scenes.bare(np.random.default_rng(0))
    assert scene.names == [""] and scene.boxes.tolist() == [[0, 0, 1, 1]] and scene.pixels.shape == (256, 256, 3)


def test_keys_spread_over_fewer_directions_score_alike_where_features_lie():
    rng = torch.Generator().manual_seed(0)
    features = torch.randn(200, 3, generator=rng) @ torch.randn(3, 10, generator=rng)  # of rank 3
    weight = torch.randn(12, 10, generator=rng)
    left, right = seen.spread(weight, features, 3)
    assert left.shape == (12, 3) and right.shape == (3, 10)
    wrong = features @ right.T @ left.T - features @ weight.T
    assert wrong.norm() < 0.05 * (features @ weight.T).norm()


def test_centres_are_one_at_the_middle_and_fall_off_with_the_thing():
    box = torch.tensor([0.25, 0.25, 0.75, 0.375])
    heat, nearest = objects.centres([box[None], box[:0].view(0, 4)], 16)
    assert heat[0, 8, 5] == 1 and (heat[0] == 1).sum() == 1 and heat[1].max() == 0
    assert heat[0, 8, 6] < heat[0, 9, 5] < 1  # it is tall: farther down counts less than farther across
    assert torch.equal(nearest[0, 8, 5], box)


def test_generalised_intersection_over_union():
    one = torch.tensor([0.0, 0.0, 1.0, 1.0])
    assert float(objects.apart(one, one)) == pytest.approx(0.0)
    assert float(objects.apart(one, torch.tensor([0.0, 2.0, 1.0, 3.0]))) == pytest.approx(1 + 1 / 3)


def test_a_glance_learns_where_a_square_is(tmp_path):
    torch.manual_seed(0)
    glance = Glance(2, 2, 8)
    corners = torch.rand(8, 2, generator=torch.Generator().manual_seed(0)) * 0.6
    boxes = torch.cat([corners, corners + 0.35], 1)
    pixels = torch.zeros(8, 2, 64, 64)
    for picture, box in zip(pixels, (boxes * 64).int().tolist(), strict=True):
        picture[:, box[0] : box[2], box[1] : box[3]] = 1
    fine, coarse = F.avg_pool2d(pixels, 8), F.avg_pool2d(pixels, 16)

    def loss(_: torch.Generator):
        logits, found = glance(fine, coarse)
        heat, true = objects.centres(list(boxes[:, None]), 8)
        weight = heat * (heat >= objects.INSIDE)
        return objects.focal(logits, heat) + (objects.apart(found, true) * weight).sum() / weight.sum(), {}

    before = loss(torch.Generator())[0].item()
    objects.Course("where", [(glance, 1e-2)], 120, tmp_path, 0).run(loss)
    assert loss(torch.Generator())[0].item() < before / 2


def test_a_course_goes_on_from_its_checkpoint_as_if_never_stopped(tmp_path, monkeypatch):
    def course(steps: int, folder) -> torch.nn.Linear:
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 1)

        def loss(rng: torch.Generator):
            x = torch.randn(8, 4, generator=rng)
            return ((layer(x)[:, 0] - x.sum(1)) ** 2).mean(), {}

        made = objects.Course("part", [(layer, 1e-2)], 12, folder, 0)
        made.steps = 12
        if steps < 12:
            monkeypatch.setattr(objects, "SAVE_EVERY", -1.0)  # a checkpoint each step

            def stopping(rng: torch.Generator):
                if stopping.left == 0:
                    raise KeyboardInterrupt
                stopping.left -= 1
                return loss(rng)

            stopping.left = steps
            with pytest.raises(KeyboardInterrupt):
                made.run(stopping)
        else:
            made.run(loss)
        return layer

    (tmp_path / "whole").mkdir()
    (tmp_path / "halves").mkdir()
    whole = course(12, tmp_path / "whole")
    course(5, tmp_path / "halves")
    assert torch.equal(course(12, tmp_path / "halves").weight, whole.weight)


def test_each_thing_is_matched_once():
    boxes = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    rows = torch.zeros(3, 30)
    rows[0, detected.BOX], rows[1, detected.BOX] = boxes[1], boxes[1]
    rows[2, detected.BOX] = torch.tensor([0.0, 0.0, 0.5, 0.4])
    assert detected.matched(rows, boxes) == [1, -1, 0]


def test_threshold_of_best_f1():
    scores, right = np.array([0.9, 0.8, 0.7, 0.2, 0.1]), np.array([True, True, True, False, False])
    assert detected.best_threshold(scores, right, 4) == (pytest.approx(0.7), pytest.approx(6 / 7))


def test_a_detector_comes_back_from_its_folder(tmp_path):
    torch.manual_seed(0)
    config = ObjectsConfig(EfficientNetConfig(0.25, 0.3), ("one", "two"), 4, 64, 64, width=16, least=0.0)
    model = ObjectDetector(config).eval()
    objects.save(model, tmp_path / "detector")
    back = load.objects(tmp_path / "detector")
    pixels = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    assert back.config == config
    assert torch.allclose(back.detect(pixels)[0][:4, 16:21], model.detect(pixels)[0][:4, 16:21], atol=0.02)


def test_a_new_detector_has_the_tuned_tower_and_what_was_fitted_to_it(tmp_path):
    torch.manual_seed(0)
    tuned = EfficientNet(LITE2)
    tower.save(tuned, torch.nn.Linear(4, 2), tmp_path / "tower.safetensors")
    (tmp_path / "concepts.json").write_text(json.dumps({"names": ["one", "two"], "of_imagenet": [1] * 1000}))
    fitted = {"keys.weight": torch.randn(2, LITE2.width), "keys.bias": torch.randn(2)}
    save_file(fitted, tmp_path / "views.safetensors")
    model = objects.new_detector(("one", "two"), tmp_path)
    own = model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in fitted.items()) and model.config.imagenet == (1,) * 1000
    assert not own["photographed.weight"].any() and not own["photographed.bias"].any()  # all is drawn as yet
    assert all(torch.equal(p, dict(tuned.named_parameters())[n]) for n, p in model.tower.named_parameters())


def test_names_halfway_between_two_fits(tmp_path):
    torch.manual_seed(0)
    config = ObjectsConfig(EfficientNetConfig(0.25, 0.3), ("one", "two"), 2, 64, 64, width=16)
    model = ObjectDetector(config)
    width = config.tower.width
    objects.save(model, tmp_path / "out/detector")
    keys = {"keys.weight": torch.randn(2, width), "keys.bias": torch.randn(2)}
    (tmp_path / "tower").mkdir()
    save_file(keys, tmp_path / "tower/views.safetensors")
    save_file({"features": torch.randn(50, width).half()}, tmp_path / "out/seen-0000.safetensors")
    averaging.average(tmp_path / "out/detector", tmp_path / "tower", tmp_path / "out")
    back = load.objects(tmp_path / "out/detector")
    x = torch.randn(9, width)
    halfway = (model.names(model.directions(x)) + x @ keys["keys.weight"].T + keys["keys.bias"]) / 2
    assert torch.allclose(back.names(back.directions(x)), halfway, atol=0.15)
    assert back.config.closer == averaging.CLOSER


def test_a_thing_that_fills_the_picture_is_looked_at_closer():
    torch.manual_seed(0)
    config = ObjectsConfig(EfficientNetConfig(0.25, 0.3), ("one", "two"), 4, 64, 64, closer=96, width=16)
    model = ObjectDetector(config).eval()
    pixels = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8)
    boxes = torch.tensor([[0.1, 0.1, 0.4, 0.4], [0.0, 0.1, 0.9, 0.6], [0.2, 0.5, 0.6, 0.9]])
    names, _ = model.describe(pixels, boxes)
    for look, rows in ((64, [0, 2]), (96, [1])):
        alone = ObjectDetector(replace(config, look=look, closer=0)).eval()
        alone.load_state_dict(model.state_dict())
        assert torch.allclose(alone.describe(pixels, boxes[rows])[0], names[rows], atol=1e-5)


def test_the_shipped_detector_finds_the_elephant():
    model = load.objects()
    assert len(set(model.config.names)) == len(model.config.names)
    assert (load.OBJECTS / "model.safetensors").stat().st_size <= 28_000_000
    with Image.open(Path(__file__).parents[2] / "examples/elephant.png") as file:
        picture = file.convert("RGB").resize((256, 256))
    (rows,) = model.detect(torch.from_numpy(np.array(picture))[None])
    assert "elephant" in [model.config.names[int(n)] for n in rows[0, detected.NUMBERS]]

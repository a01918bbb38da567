"""The tower's tuning, what is fitted to it, and the detector that is made of both, on a handful of drawings."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from trenza.align import objects, seen, soup, tower, views
from trenza.align.concepts import PIXELS, all_names, concepts_of
from trenza.checkpoints import parts
from trenza.data.corpora import pictures
from trenza.data.corpora.pictures import Picture
from trenza.errors import WeightsError
from trenza.towers.efficientnet import LITE2, EfficientNet

SHAPES = {"star": "M50 5L90 95L5 40H95L10 95z", "house": "M50 5L95 50V95H5V50z", "hill": "M5 95Q50 -60 95 95z"}


def drawing(source: str, name: str, group: str = "objects") -> Picture:
    body = f'<path d="{SHAPES[name]}" fill="#3366cc"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{body}</svg>'
    return Picture(source, f"{source}-{name}", name, group, False, svg=svg)


@pytest.fixture
def small(monkeypatch):
    """Two emoji, two stamps and a clip art; crops and tables of noise; an untouched tower of random weights."""
    training = [
        drawing("noto", "star"), drawing("twemoji", "house"), drawing("stamps", "hill", "photograph"),
        drawing("stamps", "house", "drawing"), drawing("openclipart", "star"),
    ]  # fmt: skip
    torch.manual_seed(0)
    untouched = EfficientNet(LITE2).eval()
    rng = np.random.default_rng(0)
    crops, table = (rng.integers(0, 256, (4, 3, size, size), dtype=np.uint8) for size in (PIXELS, 64))
    for module in (tower, views):
        monkeypatch.setattr(module, "training_pictures", lambda: training)
        monkeypatch.setattr(module, "photograph_crops", lambda *_: crops)
        monkeypatch.setattr(module, "table_pictures", lambda _: (table, ["teal circle", "bag", "bag", "circle"]))
    monkeypatch.setattr(pictures, "imagenet_names", lambda: [["star"], *([f"class {i}"] for i in range(999))])
    monkeypatch.setattr(parts, "efficientnet_lite2", lambda: untouched)
    for name, value in {
        "NAMED": 3,
        "TABLES": 2,
        "CROPS": 2,
        "CUTOUTS": 1,
        "STUDENT_PIXELS": {"cpu": (64, 64), "cuda": (64, 64)},
    }.items():
        monkeypatch.setattr(tower, name, value)
    monkeypatch.setattr(tower, "TEACHER_PIXELS", 64)
    for name, value in {"SIZES": (64,), "CANVAS": 64, "BATCH": 8}.items():
        monkeypatch.setattr(views, name, value)
    return training, untouched


def test_from_pictures_to_a_detector(small, tmp_path, monkeypatch):
    training, untouched = small
    tower.train(tmp_path, 2, 0, untouched)
    names = all_names(concepts_of(training))
    assert len(set(names)) == len(names) and names[-1] == "ankle boot" and {"teal circle", "star"} <= {*names}
    tuned = load_file(tmp_path / "tower.safetensors")
    assert tuned["prototypes.weight"].shape == (len(names), LITE2.width)
    own = untouched.state_dict()
    moved = {n for n, t in own.items() if not torch.allclose(tuned[f"tower.{n}"], t, atol=1e-6)}
    assert any(n.startswith("blocks.20") for n in moved)
    # What isn't tuned sees as before: batch norm may stand otherwise, its outcome doesn't.
    x = torch.randn(1, 3, 64, 64)
    back = EfficientNet(LITE2).eval()
    back.load_state_dict({n.removeprefix("tower."): t for n, t in tuned.items() if n.startswith("tower.")})
    with torch.no_grad():
        assert torch.allclose(back.stem(x), untouched.stem(x), atol=1e-4)

    monkeypatch.setattr(sys, "argv", ["views", "--tower", str(tmp_path), "--steps", "2"])
    views.main()
    model = objects.new_detector(names, Path(tmp_path))
    weight, bias = seen.keys(tmp_path)
    assert weight.shape == (len(names), LITE2.width) and torch.equal(model.keys.bias, bias)
    assert len(model.config.imagenet) == 1000 and names[model.config.imagenet[0]] == "star"
    pixels = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    assert model.gist(pixels).sum() == pytest.approx(1, abs=1e-4)

    # From there it goes on, and what is kept lies halfway.
    objects.save(model, tmp_path / "detector")
    monkeypatch.setattr(tower, "KEPT", 0.0)
    ends = {}
    for back in (0.0, 0.5):
        monkeypatch.setattr(tower, "BACK", back)
        tower.train(tmp_path / "on", 2, 1, untouched, tmp_path / "detector")
        ends[back] = load_file(tmp_path / "on" / "tower.safetensors")
    assert ends[0.5].keys() == tuned.keys()
    monkeypatch.setattr(
        sys, "argv", ["soup", "--towers", str(tmp_path), str(tmp_path / "on"), "--out", str(tmp_path / "soup")]
    )
    soup.main()
    mean, name = load_file(tmp_path / "soup" / "tower.safetensors"), "prototypes.weight"
    assert torch.allclose(mean[name], (tuned[name] + ends[0.5][name]) / 2)
    begun, *moved = (
        w.float() for w in (model.keys.weight.detach().half(), *(e["prototypes.weight"] for e in ends.values()))
    )
    whole, half = (end - begun for end in moved)
    assert torch.allclose(half, whole / 2, atol=1e-8) and whole.abs().max() > 5e-8
    monkeypatch.setattr(tower, "training_pictures", lambda: [*training, drawing("noto", "hill"), named_otherwise()])
    (tmp_path / "on" / "concepts.json").write_text("{}")
    with pytest.raises(WeightsError, match="tune them on the same data"):
        soup.main()
    with pytest.raises(WeightsError, match="leave --start out"):
        tower.train(tmp_path / "other", 2, 1, untouched, tmp_path / "detector")


def named_otherwise() -> Picture:
    return replace(drawing("noto", "star"), name="moon")

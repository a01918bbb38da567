"""Photographs are told from drawings by their textures, and a detector is given its judge."""

import sys

import numpy as np
import pytest
import torch

from trenza.align import objects, photographed
from trenza.align.photographed import kinds, tell_apart, zoomed
from trenza.checkpoints import parts
from trenza.data.corpora.pictures import Picture
from trenza.systems import load
from trenza.towers.efficientnet import LITE2, EfficientNet
from trenza.towers.objects import UNTOUCHED_PIXELS, ObjectDetector, ObjectsConfig, seen, textures


def drawing(source: str, number: int, group: str = "objects") -> Picture:
    body = f'<path d="M5 5H95V{10 + 8 * number}H5z" fill="#3366c{number}"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{body}</svg>'
    return Picture(source, f"{source}-{number}", "flag", group, False, svg=svg)


@pytest.fixture
def small(monkeypatch) -> list[Picture]:
    """Flags by two hands, six photographs of stamps, ten noisy photographs of two crops each, flat tables."""
    crops = np.random.default_rng(0).integers(0, 256, (20, 3, 48, 48), dtype=np.uint8)
    tables = np.full((10, 3, 32, 32), 200, np.uint8)
    training = [drawing(s, i) for s in ("noto", "twemoji") for i in range(8)]
    training += [drawing("stamps", i, "photograph") for i in range(6)]
    monkeypatch.setattr(photographed, "training_pictures", lambda: training)
    monkeypatch.setattr(photographed, "photograph_crops", lambda test, each, seed: crops)
    monkeypatch.setattr(photographed, "table_pictures", lambda seed: (tables, ["bag"] * 10))
    for name, value in {"CROPS": 2, "DRAWN": 8, "CANVAS": 48, "STEPS": 60}.items():
        monkeypatch.setattr(photographed, name, value)
    return training


def test_a_detector_is_given_a_judge_of_textures(small, tmp_path, monkeypatch, capsys):
    torch.manual_seed(0)
    untouched = EfficientNet(LITE2).eval()
    monkeypatch.setattr(parts, "efficientnet_lite2", lambda: untouched)
    config = ObjectsConfig(LITE2, ("one", "two"), 4, 64, 64, whole=(48,), width=16, imagenet=(0,) * 1000)
    objects.save(ObjectDetector(config), tmp_path)
    monkeypatch.setattr(sys, "argv", ["photographed", "--detector", str(tmp_path)])
    photographed.main()
    told = capsys.readouterr().out
    assert "pieces of photographs: 100.0% of 4 left out are told" in told and "tables: 100.0% of 2 left out" in told
    model = load.objects(tmp_path)
    noise = torch.randint(0, 256, (3, 3, 48, 48), dtype=torch.uint8)
    _, texture = textures(untouched, seen(torch.cat([noise, torch.full_like(noise, 200)]), UNTOUCHED_PIXELS))
    assert (model.photographed(texture)[:, 0] > 0).tolist() == [True] * 3 + [False] * 3


def test_what_is_left_out_belongs_together(small):
    found = {k.title: k for k in kinds(EfficientNet(LITE2).eval(), small, 0)}
    crops = found["pieces of photographs"].left_out
    assert crops.tolist() == [i // 2 % 5 == 0 for i in range(20)]  # both crops of a photograph, or none
    drawn = [found[f"drawn on {ground}"].left_out for ground in ("white", "other grounds")]
    assert sum(map(len, drawn)) == 16 and sum(int(d.sum()) for d in drawn) == 8  # twemoji's
    assert {k.title for k in found.values() if k.photograph} == {
        "pieces of photographs", "small pieces", "stamps' photographs",
    }  # fmt: skip


def test_kinds_come_equally_often_however_many_there_are():
    rng = torch.Generator().manual_seed(0)
    few, many = torch.randn(5, 2, generator=rng) + 4, torch.randn(500, 2, generator=rng) - 4
    drawn = torch.randn(50, 2, generator=rng) * 0.1
    judge = tell_apart([(True, few), (True, many), (False, drawn + torch.tensor([8.0, -8.0]))], 0)
    assert (judge(few) > 0).all() and (judge(many) > 0).all() and (judge(drawn + torch.tensor([8.0, -8.0])) < 0).all()


def test_zoomed_pieces_are_pieces():
    """A quarter of what is left stays left: pieces have the colours of where they were cut."""
    crops = torch.zeros(8, 3, 100, 100, dtype=torch.uint8)
    crops[:, 0, :, 50:] = 200
    pieces = zoomed(crops, 0)
    assert pieces.shape == crops.shape and pieces.dtype == torch.uint8
    reds = pieces[:, 0].float().mean((1, 2))
    assert reds.min() < 20 and reds.max() > 180  # some lie on one side only, as whole crops never do
    assert torch.equal(pieces, zoomed(crops, 0)) and not torch.equal(pieces, zoomed(crops, 1))

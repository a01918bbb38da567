"""What things are compared with: names lie apart and hands don't, and every drawing keeps its own name."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from trenza.align import likeness
from trenza.align.likeness import Seen, comparing, discriminants, views
from trenza.systems import load
from trenza.towers.efficientnet import EfficientNetConfig
from trenza.towers.likeness import CELLS, LikenessConfig
from trenza.towers.objects import COMPARED_STAGES, ObjectDetector, ObjectsConfig

NAMES, HANDS, VIEWS, WIDTH = 12, 3, 4, 40


def drawn(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features of views: a name's own, overlaid by far more of the hand's; their names and hands."""
    rng = torch.Generator().manual_seed(seed)
    own, style = torch.randn(NAMES, WIDTH, generator=rng), 6 * torch.randn(HANDS, WIDTH, generator=rng)
    number = torch.arange(NAMES * HANDS * VIEWS)
    name, hand = number // (HANDS * VIEWS), number // VIEWS % HANDS
    noise = 0.3 * torch.randn(len(number), WIDTH, generator=rng)
    return own[name] + style[hand] + noise, name, hand


def found(x: torch.Tensor, name: torch.Tensor, hand: torch.Tensor) -> float:
    """The share of the last hand's views whose nearest of the other hands' has their name."""
    unit, others = F.normalize(x, dim=-1), hand < HANDS - 1
    nearest = (unit[~others] @ unit[others].T).argmax(1)
    return float((name[others][nearest] == name[~others]).float().mean())


def test_discriminants_see_names_where_hands_are_louder():
    x, name, hand = drawn()
    weight, bias = discriminants(x, name, 8)
    assert weight.shape == (8, WIDTH) and bias.shape == (8,)
    assert found(x @ weight.T + bias, name, hand) > 0.95 > 0.5 > found(x, name, hand)


def test_their_middle_is_the_middle_of_the_names():
    x, name, _ = drawn(1)
    weight, bias = discriminants(x, name, 8)
    turned = x @ weight.T + bias
    middles = torch.stack([turned[name == n].mean(0) for n in range(NAMES)])
    assert middles.mean(0).abs().max() < 1e-3 * middles.abs().max()


def test_views_are_of_one_size_and_the_first_is_on_white():
    rgba = np.zeros((60, 40, 4), np.uint8)
    rgba[..., 0], rgba[..., 3] = 200, 255
    first, *others = views(rgba, (), np.random.default_rng(0))
    assert len(others) == likeness.VIEWS - 1 and {v.shape for v in (first, *others)} == {(1, 3, 128, 128)}
    assert (first[0, :, 0, 0] == 255).all() and first[0, 0, 64, 64] == pytest.approx(200, abs=1)
    assert any((v[0, :, 0, 0] != 255).any() for v in others)


def test_a_detector_gets_drawings_with_their_names_and_is_read_back(tmp_path):
    torch.manual_seed(0)
    config = ObjectsConfig(EfficientNetConfig(0.25, 0.3), ("one", "two", "three"), 4, 64, 64, width=16)
    model = ObjectDetector(config).eval()
    widths = [config.tower.widths[stage] for stage in COMPARED_STAGES]
    maps = tuple(torch.randn(12, CELLS * CELLS * width) for width in widths)
    drawing, name = torch.arange(12) // 2, torch.tensor([0, 0, 0, 0, 2, 2, 2, 2, 1, 1, 1, 1])
    seen = Seen(maps, drawing, name, torch.arange(12) >= 10)
    made = comparing(model, seen, LikenessConfig(6, 2))
    assert made.likeness is not None and made.likeness.named.tolist() == [0, 0, 2, 2, 1, 1]
    assert torch.allclose(made.likeness.drawings.norm(dim=-1), torch.ones(3, 6), atol=1e-4)
    assert torch.equal(made.names.weight, model.names.weight)
    likeness.objects.save(made, tmp_path / "detector")
    again = load.objects(tmp_path / "detector")
    assert again.config == made.config and again.likeness is not None
    assert torch.allclose(again.likeness.drawings, made.likeness.drawings, atol=1e-3)
    assert again.likeness.named.tolist() == made.likeness.named.tolist()

"""What things are compared with: names lie apart and hands don't, and every drawing keeps its own name."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from trenza.align import likeness
from trenza.align.likeness import Seen, comparing, discriminants, views
from trenza.errors import DataError
from trenza.systems import load
from trenza.towers.efficientnet import EfficientNetConfig
from trenza.towers.likeness import CELLS, LikenessConfig
from trenza.towers.objects import COMPARED_STAGES, ObjectDetector, ObjectsConfig

NAMES, HANDS, VIEWS, WIDTH = 12, 3, 4, 40


def drawn(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features of views: a name's own, overlaid by far more of the hand's; their names and hands. Names with even
    numbers have twice as many views."""
    rng = torch.Generator().manual_seed(seed)
    own, style = torch.randn(NAMES, WIDTH, generator=rng), 6 * torch.randn(HANDS, WIDTH, generator=rng)
    number = torch.arange(NAMES * HANDS * VIEWS)
    name, hand = number // (HANDS * VIEWS), number // VIEWS % HANDS
    twice = torch.where(name % 2 == 0, 2, 1)
    name, hand = name.repeat_interleave(twice), hand.repeat_interleave(twice)
    return own[name] + style[hand] + 0.3 * torch.randn(len(name), WIDTH, generator=rng), name, hand


def found(x: torch.Tensor, name: torch.Tensor, hand: torch.Tensor) -> float:
    """The share of the last hand's views whose nearest of the other hands' has their name."""
    unit, others = F.normalize(x, dim=-1), hand < HANDS - 1
    nearest = (unit[~others] @ unit[others].T).argmax(1)
    return float((name[others][nearest] == name[~others]).float().mean())


def test_discriminants_see_names_where_hands_are_louder():
    """Of a hand of which they have seen half of the names."""
    x, name, hand = drawn()
    fitted, asked = (hand < HANDS - 1) | (name < NAMES // 2), (hand < HANDS - 1) | (name >= NAMES // 2)
    weight, bias = discriminants(x[fitted], name[fitted], 8)
    assert weight.shape == (8, WIDTH) and bias.shape == (8,)
    turned = x[asked] @ weight.T + bias
    assert found(turned, name[asked], hand[asked]) > 0.8 > 0.5 > found(x[asked], name[asked], hand[asked])


def test_their_middle_is_the_middle_of_the_names():
    """However many views each has."""
    x, name, _ = drawn(1)
    weight, bias = discriminants(x, name, 8)
    turned = x @ weight.T + bias
    middles = torch.stack([turned[name == n].mean(0) for n in range(NAMES)])
    assert middles.mean(0).abs().max() < 1e-3 * middles.abs().max()


def test_views_are_of_one_size_and_the_first_is_on_white():
    rgba = np.zeros((60, 40, 4), np.uint8)
    rgba[..., 0], rgba[..., 3] = 200, 255
    first, *others = views(rgba, (), 128, np.random.default_rng(0))
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
    mirrored = torch.arange(12) >= 10
    seen = Seen(maps, drawing, name, mirrored)
    made = comparing(model, seen, LikenessConfig(6, 2))
    assert made.likeness is not None and made.likeness.named.tolist() == [0, 0, 2, 2, 1, 1]
    assert torch.allclose(made.likeness.drawings.float().norm(dim=-1), torch.full((3, 6), 127.0), atol=1)
    assert torch.equal(made.names.weight, model.names.weight)
    assert made.likeness.drawings[:, 5].any()  # the mirror's drawings are among them
    other = tuple(m + 9 * mirrored[:, None] for m in maps)
    wild = comparing(model, Seen(other, drawing, name, mirrored), LikenessConfig(6, 2))
    for turn, same in zip(made.likeness.turns, wild.likeness.turns, strict=True):
        assert torch.equal(turn.weight, same.weight)  # but the discriminants don't see them
    assert comparing(made, seen, LikenessConfig(6, 3)).likeness.drawings.shape == (3, 6, 3)  # begun anew
    likeness.objects.save(made, tmp_path / "detector")
    again = load.objects(tmp_path / "detector")
    assert again.config == made.config and again.likeness is not None
    assert torch.equal(again.likeness.drawings, made.likeness.drawings)
    assert again.likeness.named.tolist() == made.likeness.named.tolist()


def test_what_cannot_be_drawn_or_seen_is_left_out_and_one_sided_things_have_no_mirror(monkeypatch):
    torch.manual_seed(0)

    class Drawing:
        def __init__(self, name: str, alpha: int = 255, broken: bool = False):
            self.name, self.alpha, self.broken = name, alpha, broken

        def rgba(self, pixels: int) -> np.ndarray:
            if self.broken:
                raise DataError("no SVG")
            out = np.zeros((pixels, pixels, 4), np.uint8)
            below = np.tri(160, dtype=np.uint8)  # a triangle: what fills its box is taken for no cut-out
            out[50:210, 40:200, :3], out[50:210, 40:200, 3] = 90, below * self.alpha
            return out

    monkeypatch.setattr(likeness, "stock_of", lambda *_: SimpleNamespace(grounds=()))
    small = EfficientNetConfig(0.25, 0.3)
    model = ObjectDetector(ObjectsConfig(small, ("cow", "left arrow"), 4, 64, 64, width=16)).eval()
    pictures = [Drawing("cow", broken=True), Drawing("cow"), Drawing("left arrow"), Drawing("cow", alpha=100)]
    seen = likeness.look(model, pictures, 0)
    assert seen.drawing.tolist() == [0] * 4 + [1] * 4 + [2] * 4 and seen.name.tolist() == [0] * 8 + [1] * 4
    assert seen.mirrored.tolist() == [False] * 4 + [True] * 4 + [False] * 4
    assert all(len(m) == 12 and torch.isfinite(m).all() for m in seen.maps)

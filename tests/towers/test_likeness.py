"""Likeness to known drawings: what is drawn where counts, and what no drawing is known of keeps its probability."""

import pytest
import torch

from trenza.errors import WeightsError
from trenza.towers.efficientnet import EfficientNet, EfficientNetConfig
from trenza.towers.likeness import CELLS, STEPS, Likeness, LikenessConfig, cells
from trenza.towers.objects import MARGIN, SHARPER, ObjectDetector, ObjectsConfig, cut, normalised

WIDTHS = (2, 3)
INF = float("inf")


def known(named: list[int], weight: float = 15.0, trust: float = 1.0, near: float = -9.0) -> Likeness:
    """Two maps; drawings are unit vectors along one axis each, which the cells are turned to as they are."""
    directions = CELLS * CELLS * max(WIDTHS)
    made = Likeness(LikenessConfig(len(named), directions, weight, trust, near), WIDTHS, 5).requires_grad_(False)
    for turn in made.turns:
        turn.weight.copy_(torch.eye(directions, turn.in_features))
        turn.bias.zero_()
    made.drawings.copy_((STEPS * torch.eye(len(named), directions)).expand(2, -1, -1))
    made.named.copy_(torch.tensor(named))
    return made


def cell(number: int) -> list[torch.Tensor]:
    """One thing whose maps are dark but for one cell of the first channel."""
    maps = [torch.zeros(1, width, CELLS * 2, CELLS * 2) for width in WIDTHS]
    for m in maps:
        m[:, 0, number // CELLS * 2 : number // CELLS * 2 + 2, number % CELLS * 2 : number % CELLS * 2 + 2] = 1
    return maps


def test_cells_keep_where_it_was():
    (one, _), (other, _) = cell(0), cell(1)
    assert cells(one).mean() == cells(other).mean() and not torch.equal(cells(one), cells(other))


def test_the_nearest_drawing_of_a_name_counts():
    alike = known([2, 4, 2])(cell(1))  # the second drawing, which has name 4
    assert alike[0, 4] == pytest.approx(1) and alike[0, 2] == pytest.approx(0)
    assert (alike[0, [0, 1, 3]] == -INF).all()
    assert known([2, 4, 2])(cell(2))[0, 2] == pytest.approx(1)


def test_what_no_drawing_is_known_of_keeps_its_probability():
    chances = torch.tensor([[0.1, 0.2, 0.3, 0.25, 0.15]])
    weighed = known([2, 4]).weigh(chances, torch.tensor([[-INF, -INF, 0.2, -INF, 0.4]]))
    assert weighed.sum() == pytest.approx(1)
    assert torch.allclose(weighed[0, [0, 1, 3]], chances[0, [0, 1, 3]])
    odds = 0.3 / 0.15 * torch.exp(torch.tensor(15 * (0.2 - 0.4)))
    assert weighed[0, 2] / weighed[0, 4] == pytest.approx(float(odds), rel=1e-4)


def test_its_own_probabilities_can_be_trusted_less():
    weighed = known([0, 1], weight=0.0, trust=0.5).weigh(torch.tensor([[0.64, 0.16, 0.2, 0, 0]]),
                                                        torch.tensor([[0.5, 0.5, -INF, -INF, -INF]]))  # fmt: skip
    assert weighed[0, 0] / weighed[0, 1] == pytest.approx(2, rel=1e-4) and weighed[0, 2] == pytest.approx(0.2)


def test_where_no_drawing_is_near_nothing_changes():
    chances = torch.tensor([[0.6, 0.4, 0, 0, 0], [0.6, 0.4, 0, 0, 0]])
    alike = torch.tensor([[0.0, 0.3], [0.5, 0.9]])
    alike = torch.cat([alike, torch.full((2, 3), -INF)], 1)
    far, near = known([0, 1], near=0.6).weigh(chances, alike)
    assert torch.allclose(far, chances[0], atol=1e-3) and near[1] > 0.9


def test_an_impossible_name_and_a_far_drawing_give_numbers():
    weighed = known([0]).weigh(torch.tensor([[0.0, 1, 0, 0, 0]]), torch.tensor([[-1.0, -INF, -INF, -INF, -INF]]))
    assert torch.equal(weighed, torch.tensor([[0.0, 1, 0, 0, 0]]))


def test_no_drawings_are_refused():
    with pytest.raises(WeightsError, match="at least one"):
        Likeness(LikenessConfig(0), WIDTHS, 5)


@pytest.fixture
def detector() -> ObjectDetector:
    """Two drawings, of "three" and of "two", each along the first direction, one to either side."""
    torch.manual_seed(0)
    config = ObjectsConfig(
        EfficientNetConfig(0.25, 0.3), ("one", "two", "three"), 4, 64, 64, closer=96, whole=(48,), imagenet=(0, 0),
        width=16, least=0.0, likeness=LikenessConfig(2, 8, near=-9.0),
    )  # fmt: skip
    model = ObjectDetector(config).eval().requires_grad_(False)
    model.untouched = (EfficientNet(EfficientNetConfig(0.25, 0.3, classes=2)).eval().requires_grad_(False),)
    assert model.likeness is not None
    model.likeness.named.copy_(torch.tensor([2, 1]))
    return model


@pytest.fixture
def picture(detector) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels [128, 128, 3] and boxes [2, 4]; each thing looks as the drawing of its number does."""
    pixels = torch.randint(0, 256, (128, 128, 3), dtype=torch.uint8)
    boxes = torch.tensor([[0.0, 0.0, 0.4, 0.4], [0.1, 0.1, 0.9, 0.9]])
    seen = detector.compared(normalised(torch.cat([cut(pixels, box, 64, MARGIN) for box in boxes])))
    for i, (turn, maps) in enumerate(zip(detector.likeness.turns, seen, strict=True)):
        turn.bias -= turn(cells(maps)).mean(0)  # so that the two lie opposite to each other
        unit = torch.nn.functional.normalize(turn(cells(maps)), dim=-1)
        detector.likeness.drawings[i] = (STEPS * unit).round()
    return pixels, boxes


def test_things_are_named_by_both_whatever_their_size(detector, picture):
    pixels, boxes = picture
    alike = detector.alike(pixels.expand(2, -1, -1, -1), boxes)
    assert alike[0, 2] == pytest.approx(1, abs=0.02) and alike[1, 1] == pytest.approx(1, abs=0.02)
    assert (alike[:, 0] == -INF).all()
    names, _ = detector.describe(pixels, boxes)
    assert names[0, 2] > 10 * names[0, 1] and names[1, 1] > 10 * names[1, 2]


def test_a_picture_of_one_thing_is_named_by_both_unless_it_is_a_photograph(detector, picture, monkeypatch):
    pixels, boxes = picture
    torch.nn.init.zeros_(detector.photographed.weight)
    for bias, by_both in ((-9.0, True), (9.0, False)):
        detector.photographed.bias.fill_(bias)
        without, named = detector.gist(pixels[None]), detector.gist(pixels[None], boxes[1:])
        assert torch.allclose(without, named) != by_both
    detector.photographed.bias.fill_(-9.0)
    own = detector.keys(detector.seen_whole(pixels[None])).softmax(-1)
    weighed = detector.likeness.weigh(own, detector.alike(pixels[None], boxes[1:])) ** SHARPER
    assert torch.allclose(detector.gist(pixels[None], boxes[1:]), (weighed / weighed.sum())[0], atol=1e-5)
    monkeypatch.setattr(detector, "find", lambda pixels: [(torch.tensor([0.9]), boxes[1:])])
    (row,) = detector.detect(pixels[None])[0]
    assert int(row[0]) == 1 and float(row[8]) == pytest.approx(float(weighed.max() / weighed.sum()), abs=1e-4)


def test_how_it_is_read_back():
    given = {"names": ["a"], "rank": 1, "glance": 64, "look": 64, "likeness": {"drawings": 2}}
    read = ObjectsConfig.from_dict({"tower": {"width_factor": 0.25, "depth_factor": 0.3}} | given)
    assert read.likeness == LikenessConfig(2)

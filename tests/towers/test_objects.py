"""The detector's geometry, held to numbers worked out by hand, and its contract."""

from dataclasses import replace

import pytest
import torch

from trenza.towers.boxes import EDGE, MOST, alone, inset, overlap, standing
from trenza.towers.efficientnet import EfficientNet, EfficientNetConfig
from trenza.towers.objects import COLUMNS, SHARPER, UNTOUCHED_PIXELS, ObjectDetector, ObjectsConfig, cut, seen, textures

TOWER = EfficientNetConfig(0.25, 0.3)


@pytest.fixture(scope="module")
def detector() -> ObjectDetector:
    torch.manual_seed(0)
    names = tuple(f"name {i}" for i in range(20))
    return ObjectDetector(ObjectsConfig(TOWER, names, 8, 64, 64, width=16, least=0.0)).eval()


def test_overlap_of_known_boxes():
    one = torch.tensor([[0.0, 0.0, 0.5, 0.5]])
    others = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.0, 0.25, 0.5, 0.75], [0.5, 0.5, 1.0, 1.0]])
    assert overlap(one, others)[0].tolist() == pytest.approx([1.0, 1 / 3, 0.0])


def test_standing_keeps_peaks_above_the_threshold_and_one_of_two_boxes_that_are_the_same():
    scores = torch.zeros(8, 8)
    boxes = torch.zeros(8, 8, 4)
    for row, column, score, box in (
        (1, 1, 0.9, (0.0, 0.0, 0.4, 0.4)),
        (1, 2, 0.8, (0.6, 0.6, 1.0, 1.0)),  # next to a higher one: no peak
        (4, 4, 0.7, (0.0, 0.0, 0.4, 0.38)),  # the first thing once more
        (6, 6, 0.6, (0.6, 0.6, 1.2, 1.0)),  # reaches out of the picture
        (6, 1, 0.3, (0.6, 0.0, 1.0, 0.4)),  # too weak
    ):
        scores[row, column], boxes[row, column] = score, torch.tensor(box)
    kept, around = standing(scores, boxes, 0.5)
    assert kept.tolist() == pytest.approx([0.9, 0.6])
    assert around.flatten().tolist() == pytest.approx([0.0, 0.0, 0.4, 0.4, 0.6, 0.6, 1.0, 1.0])


def test_cut_shows_the_square_around_a_box():
    pixels = torch.zeros(100, 100, 3, dtype=torch.uint8)
    pixels[20:60, 40:50] = 200  # a tall thing: the square is as wide as it is high
    seen = cut(pixels, torch.tensor([0.2, 0.4, 0.6, 0.5]), 40, 0.0)
    assert seen.shape == (1, 3, 40, 40)
    columns = seen[0, 0].mean(0)
    assert columns[15:25].min() == 200 and columns[:14].max() == 0 and columns[26:].max() == 0


def test_cut_goes_on_with_the_edge_outside_the_picture():
    pixels = torch.full((50, 50, 3), 70, dtype=torch.uint8)
    assert cut(pixels, torch.tensor([-0.5, 0.8, 0.5, 1.3]), 16, 0.1).unique().tolist() == [70]


def test_detect_keeps_the_contract(detector):
    pixels = torch.randint(0, 256, (2, 80, 80, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    found = detector.detect(pixels)
    assert len(found) == 2
    for rows in found:
        assert rows.dtype == torch.float32 and 0 < len(rows) <= MOST and rows.shape[1] == COLUMNS == 30
        assert (rows[:, :8] == rows[:, :8].round()).all() and rows[:, :8].max() < 20
        assert (rows[:, 8:15] >= rows[:, 9:16]).all() and (rows[:, 8:16].sum(1) <= 1 + 1e-5).all()
        assert (rows[:, 16:18] <= rows[:, 18:20]).all() and rows[:, 16:20].min() >= 0 and rows[:, 16:20].max() <= 1
        assert (rows[:-1, 20] >= rows[1:, 20]).all()
        assert torch.allclose(rows[:, 21:].sum(1), torch.ones(len(rows)), atol=1e-5)


def test_a_picture_is_read_the_same_alone_and_beside_others(detector):
    pixels = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    together, alone = detector.detect(pixels), detector.detect(pixels[1:2])
    assert torch.allclose(together[1][:, 16:21], alone[0][:, 16:21], atol=1e-4)


def test_nothing_found_is_an_empty_table(detector):
    from dataclasses import replace

    strict = ObjectDetector(replace(detector.config, least=1.0)).eval()
    assert strict.detect(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))[0].shape == (0, COLUMNS)


def test_a_picture_of_one_thing_is_named_whole_and_its_parts_are_none():
    torch.manual_seed(0)
    config = ObjectsConfig(TOWER, ("one", "two", "three"), 4, 64, 64, whole=(48, 64), width=16, least=0.0)
    model = ObjectDetector(config).eval()
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    large, part, apart = torch.tensor([[0.1, 0.1, 0.8, 0.8], [0.2, 0.2, 0.5, 0.4], [0.7, 0.85, 0.9, 1.0]])
    scores = torch.tensor([0.5, 0.9])
    model.find = lambda given: [(scores, torch.stack(b)) for b in ([part, large], [apart, large])]
    one, two = model.detect(pixels)
    assert one.shape == (1, COLUMNS) and two.shape == (2, COLUMNS)
    assert torch.equal(one[0, 16:20], large) and one[0, 20] == scores[1]
    whole = model.gist(pixels[:1])
    assert torch.allclose(one[0, 8:11], whole.sort(descending=True).values)
    assert not torch.allclose(two[0, 8:11], model.gist(pixels[1:]).sort(descending=True).values)
    mean = torch.stack([model.gist(p[None]) for p in pixels]).mean(0)
    assert torch.allclose(model.gist(pixels), mean, atol=1e-6)


def test_what_is_called_after_a_colour_that_worlds_dont_have_is_in_its_own():
    torch.manual_seed(0)
    config = ObjectsConfig(TOWER, ("brown circle", "circle"), 2, 64, 64, width=16, least=0.0)
    model = ObjectDetector(config).eval()
    pixels = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    model.find = lambda given: [(torch.tensor([0.9]), torch.tensor([[0.1, 0.1, 0.4, 0.4]]))]
    with torch.no_grad():
        model.colours[-1].bias[3] = 50.0
        found = {}
        for number in (0, 1):
            model.names.bias[number] += 100.0
            found[number] = model.detect(pixels)[0][0, 21:].argmax().item()
            model.names.bias[number] -= 100.0
    assert found == {0: 0, 1: 3} and "called" not in model.state_dict()


def test_a_photograph_is_named_by_the_untouched_tower_too_and_a_drawing_is_not():
    torch.manual_seed(0)
    untouched = EfficientNet(EfficientNetConfig(0.25, 0.3, classes=4)).eval()
    config = ObjectsConfig(
        TOWER, ("one", "two", "three"), 4, 64, 64, whole=(48,), width=16, least=0.0, imagenet=(2, 2, 2, 2)
    )
    model = ObjectDetector(config).eval()
    asked = []
    untouched.classifier.register_forward_hook(lambda *_: asked.append(1))
    model.untouched = (untouched,)
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    torch.nn.init.zeros_(model.photographed.weight)
    with torch.no_grad():
        model.photographed.bias.fill_(-9.0)
        drawn = model.gist(pixels)
        assert not asked
        model.photographed.bias.fill_(9.0)  # surely a photograph
        taken = model.gist(pixels)
    assert asked
    maps, _ = textures(untouched, seen(pixels.permute(0, 3, 1, 2), UNTOUCHED_PIXELS))
    assert torch.allclose(model.recognised(maps), torch.tensor([0.0, 0, 1]).expand(2, 3))  # all its classes
    assert int(taken.argmax()) == 2 and float(taken.sum()) == pytest.approx(1)
    own = model.keys(model.seen_whole(pixels)).softmax(-1)
    sharp = own**SHARPER
    assert torch.allclose(drawn, (sharp / sharp.sum(-1, keepdim=True)).mean(0), atol=1e-5)
    half = (own + torch.tensor([0.0, 0, 1])) / 2
    assert torch.allclose(taken, (half**SHARPER / (half**SHARPER).sum(-1, keepdim=True)).mean(0), atol=1e-3)


def test_among_names_of_imagenet_the_untouched_tower_decides_in_photographs():
    torch.manual_seed(0)
    untouched = EfficientNet(EfficientNetConfig(0.25, 0.3, classes=3)).eval()
    config = ObjectsConfig(TOWER, ("own", "cat", "dog"), 4, 64, 64, whole=(48,), width=16, imagenet=(1, 2, 2))
    model = ObjectDetector(config).eval().requires_grad_(False)
    model.untouched = (untouched.requires_grad_(False),)
    untouched.classifier.bias.copy_(torch.tensor([2.0, 0.0, 0.0]))
    model.keys.bias.copy_(torch.tensor([1.0, -3.0, 2.0]))  # a dog, it says; the untouched tower says a cat
    pixels = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    maps, _ = textures(untouched, seen(pixels.permute(0, 3, 1, 2), UNTOUCHED_PIXELS))
    known, own = model.recognised(maps)[0], model.keys(model.seen_whole(pixels)).softmax(-1)[0]
    torch.nn.init.zeros_(model.photographed.weight)
    found = {}
    for sure in (-9.0, 9.0):
        model.photographed.bias.fill_(sure)
        found[sure] = model.gist(pixels)
    kept = own[0] / 2  # of a name that only the tuned tower has
    wanted = torch.stack([kept, *(known[1:] * (1 - kept))]) ** SHARPER
    assert torch.allclose(found[9.0], wanted / wanted.sum(), atol=1e-3)
    assert int(found[-9.0].argmax()) == 2 and found[9.0][1] > found[9.0][2]


def test_what_nothing_stands_out_of_is_one_thing_if_its_name_is_sure_enough():
    torch.manual_seed(0)
    config = ObjectsConfig(TOWER, ("one", "two", "three"), 4, 64, 64, whole=(48,), width=16, least=0.3)
    model = ObjectDetector(config).eval()
    pixels = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8)
    boxes = torch.tensor([[0.0, 0.1, 0.95, 0.9], [0.0, 0.3, 1.0, 1.0]])
    assert inset(boxes).tolist() == [pytest.approx([EDGE, 0.1, 1 - EDGE, 0.9]), boxes[1].tolist()]
    (row,) = model.whole(pixels)
    assert row[16:20].tolist() == pytest.approx([EDGE, EDGE, 1 - EDGE, 1 - EDGE]) and row[20] == row[8] >= 1 / 3
    model.config = replace(config, least=0.99)
    assert model.whole(pixels).shape == (0, COLUMNS)
    model.config = replace(config, whole=())
    assert ObjectDetector(model.config).eval().whole(pixels).shape == (0, COLUMNS)


def row(box: tuple[float, ...], score: float, *names: int) -> torch.Tensor:
    made = torch.zeros(COLUMNS)
    made[: len(names)], made[16:20], made[20] = torch.tensor(names), torch.tensor(box), score
    made[len(names) : 8] = 100 + torch.arange(8 - len(names)) + 10 * names[0]
    return made


@pytest.mark.parametrize(
    ("other", "only"),
    [
        (row((0.2, 0.2, 0.5, 0.5), 0.4, 7, 1), True),  # an ear of it
        (row((0.2, 0.2, 0.5, 0.5), 0.95, 7, 1), False),  # surer than the whole: a calf in front of a cow
        (row((0.2, 0.2, 0.5, 0.5), 0.4, 7, 8), False),  # a cup on a table
        (row((0.2, 0.75, 0.5, 1.0), 0.4, 7, 1), False),  # beside it
    ],
)
def test_parts_are_less_sure_may_have_the_same_name_and_lie_inside(other, only):
    large = row((0.1, 0.1, 0.8, 0.8), 0.9, 1, 2)
    assert alone(torch.stack([other, large])) == (1 if only else None)
    small = row((0.1, 0.1, 0.4, 0.4), 0.9, 1, 2)
    assert alone(small[None]) is None and alone(large[None]) == 0

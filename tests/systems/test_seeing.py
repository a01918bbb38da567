import torch

from trenza.systems.seeing import look, width
from trenza.towers.efficientnet import LITE0, EfficientNet


def test_each_cell_holds_its_own_part_of_the_picture():
    torch.manual_seed(0)
    tower = EfficientNet(LITE0).eval()
    pixels = torch.randint(0, 256, (1, 128, 128, 3), dtype=torch.uint8)
    features = look(tower, pixels, 128)
    assert features.shape == (1, 16, width(LITE0))
    with torch.no_grad():
        fine, coarse = tower.depths(EfficientNet.normalise(pixels.permute(0, 3, 1, 2)))
        assert torch.equal(coarse, tower(EfficientNet.normalise(pixels.permute(0, 3, 1, 2))))
    assert torch.allclose(features[0, :, :1280], coarse[0].flatten(1).T, atol=1e-4)
    # Cell (row 1, column 2) carries the four finer cells under it: rows 2 and 3, columns 4 and 5.
    under = fine[0, :, 2:4, 4:6].flatten()
    assert torch.allclose(features[0, 1 * 4 + 2, 1280:], under, atol=1e-4)


def test_a_larger_picture_is_scaled_down():
    tower = EfficientNet(LITE0).eval()
    assert look(tower, torch.zeros(2, 200, 200, 3, dtype=torch.uint8), 64).shape == (2, 4, width(LITE0))

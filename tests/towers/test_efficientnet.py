"""The copy of EfficientNet that runs: the same features as the one that was trained."""

import torch
from torch import nn

from trenza.towers.efficientnet import EfficientNet, EfficientNetConfig, quick


def test_folded_batch_norm_gives_the_same_features():
    torch.manual_seed(0)
    tower = EfficientNet(EfficientNetConfig(0.3, 0.5)).eval()
    for module in tower.modules():
        if isinstance(module, nn.BatchNorm2d):  # as if trained: no statistic is 0 or 1
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 2)
            for tensor in (module.bias.data, module.running_mean):
                tensor.uniform_(-0.5, 0.5)
    pixels = torch.randn(2, 3, 67, 64)
    with torch.no_grad():
        expected = tower(pixels)
        whole, half = quick(tower, torch.float32)(pixels), quick(tower)(pixels.bfloat16())
    assert expected.std() > 0.1
    assert (whole - expected).abs().max() < 1e-4
    assert (half.float() - expected).norm() < 0.05 * expected.norm()
    assert isinstance(tower.stem.norm, nn.BatchNorm2d)  # the trained one is as it was

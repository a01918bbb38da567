"""The copy of EfficientNet that runs: the same features as the one that was trained."""

import torch
from torch import nn

from trenza.towers.efficientnet import EfficientNet, EfficientNetConfig, SameConv, folded, quick, unfolded


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


def test_what_was_trained_with_batch_norms_folded_away_has_them_again():
    torch.manual_seed(1)
    tower = EfficientNet(EfficientNetConfig(0.3, 0.5)).eval()
    for module in tower.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            module.weight.data[0] = 0.0  # a channel that is off
    made = folded(tower)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    pixels = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        before, trained, whole = tower(pixels), made(pixels), unfolded(made, tower)(pixels)
    assert (trained - before).abs().max() > 0.01 and (whole - trained).abs().max() < 1e-4
    assert set(unfolded(made, tower).state_dict()) == set(tower.state_dict())


def test_the_way_back_through_depthwise_convolutions_is_in_float32():
    torch.manual_seed(2)
    conv = SameConv(8, 8, 3, groups=8, bias=False)
    x = torch.randn(1, 8, 6, 6).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(x).dtype == torch.float32
        with torch.no_grad():
            assert conv(x).dtype == torch.bfloat16

"""Shapes and meanings of the bridges."""

import pytest
import torch

from trenza.bridges.projector import Projector, ProjectorConfig
from trenza.errors import WeightsError


@pytest.mark.parametrize("kind", ["linear", "mlp", "memory"])
def test_each_feature_becomes_its_tokens_by_itself(kind):
    torch.manual_seed(0)
    projector = Projector(ProjectorConfig(kind, 6, 5, hidden=11, tokens=3))
    features = torch.randn(2, 4, 6)
    tokens = projector(features)
    assert tokens.shape == (2, 12, 5)
    assert torch.allclose(tokens[:, 3:6], projector(features[:, 1:2]), atol=1e-6)


def test_mlp_is_llavas_projector():
    """Linear, GELU, linear: what `LlavaMultiModalProjector` computes."""
    torch.manual_seed(0)
    projector = Projector(ProjectorConfig("mlp", 6, 5, hidden=11))
    x = torch.randn(1, 3, 6)
    expected = projector.linear_2(torch.nn.functional.gelu(projector.linear_1(x)))
    assert torch.allclose(projector(x), expected, atol=1e-6)


def test_memory_reads_out_the_value_of_the_key_that_fits():
    projector = Projector(ProjectorConfig("memory", 3, 2, hidden=3))
    with torch.no_grad():
        projector.linear_1.weight.copy_(torch.eye(3) * 50)
        projector.linear_1.bias.zero_()
        projector.linear_2.bias.zero_()
    tokens = projector(torch.eye(3)[None])
    assert torch.allclose(tokens[0], projector.linear_2.weight.T, atol=1e-5)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(WeightsError, match="known: linear, mlp, memory"):
        ProjectorConfig("conv", 3, 2)

"""Shapes and meanings of the bridges."""

import pytest
import torch

from trenza.bridges.projector import Projector, ProjectorConfig
from trenza.errors import WeightsError


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_each_feature_becomes_its_tokens_by_itself(kind):
    torch.manual_seed(0)
    projector = Projector(ProjectorConfig(kind, 6, 5, hidden=11))
    features = torch.randn(2, 4, 6)
    tokens = projector(features)
    assert tokens.shape == (2, 4, 5)
    assert torch.allclose(tokens[:, 1:2], projector(features[:, 1:2]), atol=1e-6)


def test_mlp_is_llavas_projector():
    """Linear, GELU, linear: what `LlavaMultiModalProjector` computes."""
    torch.manual_seed(0)
    projector = Projector(ProjectorConfig("mlp", 6, 5, hidden=11))
    x = torch.randn(1, 3, 6)
    expected = projector.linear_2(torch.nn.functional.gelu(projector.linear_1(x)))
    assert torch.allclose(projector(x), expected, atol=1e-6)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(WeightsError, match="known: linear, mlp"):
        ProjectorConfig("conv", 3, 2)

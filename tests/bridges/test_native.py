"""Finite scalar quantisation against its definition, and a codec that learns."""

import itertools

import pytest
import torch

from trenza.bridges.native import FSQ, Codec, CodecConfig
from trenza.errors import WeightsError


def test_every_code_is_one_combination_of_levels():
    fsq = FSQ((4, 3))
    values = fsq.values(torch.arange(12))
    assert torch.equal(fsq.codes(values), torch.arange(12))
    # Four levels lie at -2, -1, 0 and 1 halves, three at -1, 0 and 1.
    assert {tuple(v) for v in values.tolist()} == set(itertools.product([-1, -0.5, 0, 0.5], [-1, 0, 1]))


def test_numbers_go_to_the_nearest_level_and_all_levels_are_reached():
    fsq = FSQ((5, 4))
    x = torch.linspace(-6, 6, 200)[:, None].expand(-1, 2)
    quantised = fsq(x)
    assert sorted(set(quantised[:, 0].tolist())) == [-1, -0.5, 0, 0.5, 1]
    assert sorted(set(quantised[:, 1].tolist())) == [-1, -0.5, 0, 0.5]
    assert (quantised[1:] >= quantised[:-1]).all()
    assert torch.equal(fsq(torch.zeros(1, 2)), torch.zeros(1, 2))


def test_the_gradient_passes_the_rounding():
    x = torch.tensor([[0.3, -0.2]], requires_grad=True)
    FSQ((5, 5))(x).sum().backward()
    expected = 2 * (1 - 1e-3) * (1 - torch.tanh(x.detach()) ** 2) / 2  # of the bound alone
    assert torch.allclose(x.grad, expected)


def test_two_levels_are_too_few():
    with pytest.raises(WeightsError, match="3 values or more"):
        FSQ((8, 2))


def test_a_codec_learns_to_give_back_what_it_was_given():
    torch.manual_seed(0)
    for dims, shape in ((2, (8, 3, 16, 16)), (1, (8, 3, 16))):
        codec = Codec(CodecConfig(dims, 3, (16, 32), (8, 5, 5, 5)))
        media = torch.rand(8, 3, *(1,) * dims) * 2 - 1 + torch.zeros(shape)  # plain colours
        optimiser = torch.optim.Adam(codec.parameters(), 3e-3)
        for _ in range(120):
            loss = (codec(media) - media).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        codec.eval()
        codes = codec.encode(media)
        assert codes.shape == (8, *(4,) * dims)
        assert (codec.decode(codes) - media).square().mean() < 0.1 * media.var()

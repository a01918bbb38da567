"""Training of a codec on media made up here; the corpora themselves are tested where they are read."""

import torch

from trenza.align.codec import decibels, measured, psnr, train
from trenza.bridges.native import Codec, CodecConfig


def plain_colours(count: int, rng: torch.Generator) -> torch.Tensor:
    return (torch.rand(count, 3, 1, 1, generator=rng) * 2 - 1).expand(-1, -1, 16, 16)


def test_the_curve_falls_and_the_measure_rises():
    torch.manual_seed(0)
    codec = Codec(CodecConfig(2, 3, (16, 16), (8, 5, 5, 5)))
    held_out = plain_colours(20, torch.Generator().manual_seed(9))
    before, rows = psnr(codec, held_out).mean(), []
    train(codec, plain_colours, 60, 8, 2e-3, 0, rows.append)
    assert [row["step"] for row in rows] == [50, 60]
    assert rows[1]["loss"] < rows[0]["loss"]
    assert psnr(codec, held_out).mean() > before + 4


class Half(torch.nn.Module):
    """Gives everything back halved."""

    def encode(self, media):
        return media

    def decode(self, codes):
        return codes / 2


def test_measures_are_in_decibels():
    ones = torch.ones(2, 3, 4, 4)
    assert torch.allclose(psnr(Half(), ones), torch.full((2,), 12.0412), atol=1e-3)  # 20 log10(4)
    assert torch.allclose(decibels(Half(), ones[:, :, 0]), torch.full((2,), 20.0))
    mean, low, high = measured(torch.tensor([1.0, 2.0, 3.0]), 0)
    assert mean == 2 and 1 <= low < 2 < high <= 3

"""Drawings as other hands could have made them: the shapes stay, all else may change."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trenza.align import augment
from trenza.align.redrawn import flat, redrawn, repainted, simpler
from trenza.data.corpora.pictures import Picture

BODY = (
    '<defs><linearGradient id="sky"><stop stop-color="#102030"/><stop stop-color="#405060"/></linearGradient></defs>'
    '<rect x="10" y="10" width="80" height="80" fill="url(#sky)"/><circle cx="30" cy="30" r="8" fill="#f00"/>'
    '<path d="M60 60h20v20h-20z" fill="#0000ff"/>'
)
DRAWING = Picture(
    "noto", "1f600", "house", "objects", False,
    svg=f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{BODY}</svg>',
)  # fmt: skip


def test_what_is_redrawn_keeps_its_name_and_its_outline_and_looks_otherwise():
    original = DRAWING.rgba(50)
    seen = set()
    for seed in range(30):
        other = redrawn(DRAWING, np.random.default_rng(seed))
        assert (other.name, other.key, other.source) == ("house", "1f600", "noto")
        pixels = other.rgba(50)
        solid, before = pixels[..., 3] > 127, original[..., 3] > 127
        assert (solid & before).sum() >= 0.98 * before.sum() and solid.sum() < 1.2 * before.sum()
        seen.add(pixels.tobytes())
    assert len(seen) > 25
    again = redrawn(DRAWING, np.random.default_rng(3))
    assert again.svg == redrawn(DRAWING, np.random.default_rng(3)).svg


def test_what_is_named_by_its_colour_keeps_it():
    red = replace(DRAWING, name="red house")
    for seed in range(30):
        assert (
            "#f00" in redrawn(red, np.random.default_rng(seed)).svg
            or "<circle" not in redrawn(red, np.random.default_rng(seed)).svg
        )


def test_a_gradient_that_fades_out_or_is_empty_is_left_alone():
    stops = '<stop stop-color="#111111"/><stop stop-color="#222222" stop-opacity="0"/>'
    fading = f'<linearGradient id="a">{stops}</linearGradient>'
    empty = '<linearGradient id="b" href="#z"/><linearGradient id="c"><stop stop-color="#333333"/></linearGradient>'
    uses = '<path fill="url(#a)"/><path fill="url(#b)"/><path fill="url(#c)"/>'
    made = flat(fading + empty + uses)
    assert "url(#a)" in made and "url(#b)" in made and 'fill="#333333"' in made


def test_a_gradient_becomes_one_of_its_colours():
    assert 'fill="#405060"' in flat(BODY) and "url(" not in flat(BODY)


def test_one_colour_stays_one_colour_and_what_is_no_paint_stays_as_it_is():
    twice = '<path d="M1 2" fill="#123456"/><path d="M3 4" fill="#123456"/><use href="#sky"/>'
    painted = repainted(twice, np.random.default_rng(0))
    first, second = (piece.split('"')[0] for piece in painted.split('fill="')[1:])
    assert first == second != "#123456" and 'href="#sky"' in painted and 'd="M3 4"' in painted


def test_details_may_go_but_never_the_first_shape():
    left = [simpler(BODY, np.random.default_rng(seed)) for seed in range(60)]
    assert all("<rect" in body for body in left)
    assert 0 < sum("<circle" not in body for body in left) < 30


@pytest.mark.parametrize("change", [augment.warp, augment.soften, augment.mix_styles])
def test_changes_spare_some_and_are_repeatable(change):
    maps = (
        torch.rand(24, 3, 100, 100, generator=torch.Generator().manual_seed(0))
        * torch.linspace(0.1, 1, 24)[:, None, None, None]
    )
    none, some = (change(maps, torch.Generator().manual_seed(1), probability) for probability in (0.0, 0.5))
    assert torch.allclose(none, maps, atol=1e-3)
    changed = (some - maps).abs().amax((1, 2, 3)) > 0.01
    assert 2 < changed.sum() < 24 and some.shape == maps.shape
    assert torch.equal(some, change(maps, torch.Generator().manual_seed(1), 0.5))


def test_mixed_styles_are_between_two_pictures_statistics():
    dark, light = torch.rand(2, 8, 4, 16, 16, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [0.2, 1.0]
    ).view(2, 1, 1, 1, 1)
    maps = torch.cat([dark, light])
    mixed = augment.mix_styles(maps, torch.Generator().manual_seed(0), 1.0)
    means = mixed.mean((2, 3))
    assert means.min() >= maps.mean((2, 3)).min() - 1e-3 and means.max() <= maps.mean((2, 3)).max() + 1e-3
    own = torch.corrcoef(torch.stack([mixed[0].flatten(), maps[0].flatten()]))[0, 1]
    assert own > 0.5  # what it shows is as it was

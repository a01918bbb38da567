"""Augmentation that carries a name from one hand's style to another's: pose, ground, colour, line.

Everything works on a batch at once, on float tensors in 0..1, and draws from the generator it is given, on its device.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def _uniform(shape: tuple[int, ...], low: float, high: float, rng: Generator) -> Tensor:
    return torch.rand(shape, generator=rng, device=rng.device) * (high - low) + low


def _chance(batch: int, probability: float, rng: Generator) -> Tensor:
    return (torch.rand(batch, 1, 1, 1, generator=rng, device=rng.device) < probability).float()


def place(rgba: Tensor, mirrors: Tensor, size: int, rng: Generator) -> Tensor:
    """Rotate, scale, stretch, shift and (where `mirrors` [B]) mirror cut-outs into [B, 4, size, size]."""
    batch = len(rgba)
    angle = torch.randn(batch, generator=rng, device=rng.device) * math.radians(12)
    zoom = _uniform((batch,), 0.85, 1.6, rng)  # above 1 the cut-out shrinks in its frame
    stretch = torch.exp(torch.randn(batch, generator=rng, device=rng.device) * 0.1)
    mirror = torch.where(mirrors & (torch.rand(batch, generator=rng, device=rng.device) < 0.5), -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    shift = _uniform((batch, 2), -0.15, 0.15, rng)
    rows = [
        torch.stack([cos * mirror * stretch, -sin * stretch, shift[:, 0]], -1),
        torch.stack([sin * mirror / stretch, cos / stretch, shift[:, 1]], -1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), [batch, 4, size, size], align_corners=False)
    # Premultiplied alpha, so that transparent pixels' colours don't bleed into the edges.
    premultiplied = torch.cat([rgba[:, :3] * rgba[:, 3:], rgba[:, 3:]], 1)
    return F.grid_sample(premultiplied, grid, align_corners=False)


def warp(placed: Tensor, rng: Generator, probability: float = 0.5) -> Tensor:
    """Bend some pictures [B, C, S, S] smoothly, as no two hands agree on proportions (Simard et al. 2003, s. 2)."""
    batch, size = len(placed), placed.shape[-1]
    bend = torch.randn(batch, 2, 4, 4, generator=rng, device=rng.device) * _uniform((batch, 1, 1, 1), 0.02, 0.08, rng)
    bend = F.interpolate(bend * _chance(batch, probability, rng), size=size, mode="bicubic").permute(0, 2, 3, 1)
    still = F.affine_grid(
        torch.eye(2, 3, device=rng.device).repeat(batch, 1, 1), [batch, 1, size, size], align_corners=False
    )
    return F.grid_sample(placed, still + bend, align_corners=False)


def outline(placed: Tensor, rng: Generator, probability: float = 0.35) -> Tensor:
    """Draw a dark line around and inside some premultiplied cut-outs, as comics and icons have it."""
    colour, alpha = placed[:, :3], placed[:, 3:]
    around = F.max_pool2d(alpha, 3, 1, 1) - (-F.max_pool2d(-alpha, 3, 1, 1))
    grey = colour.mean(1, keepdim=True)
    inside = F.max_pool2d(grey, 3, 1, 1) - (-F.max_pool2d(-grey, 3, 1, 1))
    line = torch.maximum((around > 0.5).float(), ((inside - 0.12) * 6).clamp(0, 1))
    line = line * _chance(len(placed), probability, rng)
    return torch.cat([colour * (1 - line), torch.maximum(alpha, line)], 1)


def recolour(colour: Tensor, rng: Generator) -> Tensor:
    """Random mix of channels, contrast and brightness on [B, 3, H, W]; now and then no colour at all."""
    batch = len(colour)
    mix = torch.eye(3, device=rng.device) + torch.randn(batch, 3, 3, generator=rng, device=rng.device) * 0.12
    mixed = torch.einsum("bij,bjhw->bihw", mix, colour)
    grey = colour.mean(1, keepdim=True).expand_as(colour)
    mixed = torch.where(_chance(batch, 0.15, rng).bool(), grey, mixed)
    contrast = _uniform((batch, 1, 1, 1), 0.7, 1.3, rng)
    brightness = _uniform((batch, 1, 1, 1), -0.12, 0.12, rng)
    return ((mixed - 0.5) * contrast + 0.5 + brightness).clamp(0, 1)


def flatten_shades(colour: Tensor, rng: Generator, probability: float = 0.3) -> Tensor:
    """Quantise the colours of some pictures to few levels: flat fills in place of gradients."""
    levels = torch.randint(3, 7, (len(colour), 1, 1, 1), generator=rng, device=rng.device).float()
    flat = (colour * levels).round() / levels
    return torch.where(_chance(len(colour), probability, rng).bool(), flat, colour)


def grounds(batch: int, size: int, photographs: Tensor, rng: Generator) -> Tensor:
    """Backgrounds [B, 3, size, size]: white, one colour, a gradient, or a piece of a photograph."""
    kind = torch.rand(batch, 1, 1, 1, generator=rng, device=rng.device)
    first, second = (_uniform((batch, 3, 1, 1), 0, 1, rng) for _ in range(2))
    ramp = torch.linspace(0, 1, size, device=rng.device).view(1, 1, size, 1)
    gradient = first * (1 - ramp) + second * ramp
    choice = torch.randint(len(photographs), (batch,), generator=rng, device=rng.device)
    photo = F.interpolate(photographs[choice].float() / 255, size=size, mode="bilinear")
    ground = torch.where(kind < 0.5, 1.0, gradient)
    ground = torch.where((kind >= 0.5) & (kind < 0.68), first.expand(batch, 3, size, size), ground)
    return torch.where(kind >= 0.82, photo, ground)


def compose(rgba: Tensor, mirrors: Tensor, photographs: Tensor, size: int, rng: Generator) -> Tensor:
    """Cut-outs uint8 [B, 4, S, S] to training pictures float 0..1 [B, 3, size, size]."""
    placed = outline(warp(place(rgba.float() / 255, mirrors, size, rng), rng), rng)
    alpha = placed[:, 3:]
    colour = flatten_shades(recolour(placed[:, :3] / alpha.clamp(min=1e-3), rng), rng) * alpha
    return soften(colour + grounds(len(rgba), size, photographs, rng) * (1 - alpha), rng)


def soften(rgb: Tensor, rng: Generator, probability: float = 0.3) -> Tensor:
    """Some pictures [B, 3, S, S] as if they had been small and were blown up, as things in a crowd are."""
    softened = rgb.clone()
    sizes = torch.randint(32, 96, (len(rgb),), generator=rng, device=rng.device).tolist()
    for i in (torch.rand(len(rgb), generator=rng, device=rng.device) < probability).nonzero()[:, 0].tolist():
        small = sizes[i]
        shrunk = F.interpolate(rgb[i : i + 1], size=small, mode="bilinear", antialias=True)
        softened[i] = F.interpolate(shrunk, size=rgb.shape[-1], mode="bilinear")[0]
    return softened


def mix_styles(maps: Tensor, rng: Generator, probability: float = 0.5) -> Tensor:
    """Give some pictures' maps [B, C, H, W] a mix of their own and another's channel statistics.

    What a hand looks like is in those (Zhou et al. 2021, "Domain Generalization with MixStyle", section 2).
    """
    spread, mean = torch.std_mean(maps.detach().float(), (2, 3), keepdim=True)
    other = torch.randperm(len(maps), generator=rng, device=rng.device)
    drawn = np.random.default_rng(int(torch.randint(2**31, (1,), generator=rng, device=rng.device)))
    keep = torch.from_numpy(drawn.beta(0.1, 0.1, (len(maps), 1, 1, 1))).float().to(rng.device)
    keep = torch.where(_chance(len(maps), probability, rng).bool(), keep, 1.0)
    new_spread, new_mean = keep * spread + (1 - keep) * spread[other], keep * mean + (1 - keep) * mean[other]
    return ((maps - mean) / (spread + 1e-4) * new_spread + new_mean).to(maps.dtype)


def jitter_photographs(rgb: Tensor, size: int, rng: Generator) -> Tensor:
    """Mild changes that keep a teacher's label true: mirror, small zoom, light. uint8 -> float 0..1."""
    batch = len(rgb)
    mirror = torch.where(torch.rand(batch, generator=rng, device=rng.device) < 0.5, -1.0, 1.0)
    zoom = _uniform((batch,), 0.85, 1.0, rng)
    zero = torch.zeros(batch, device=rng.device)
    rows = [torch.stack([zoom * mirror, zero, zero], -1), torch.stack([zero, zoom, zero], -1)]
    grid = F.affine_grid(torch.stack(rows, 1), [batch, 3, size, size], align_corners=False)
    picture = F.grid_sample(rgb.float() / 255, grid, padding_mode="reflection", align_corners=False)
    light = _uniform((batch, 1, 1, 1), 0.85, 1.15, rng)
    return (picture * light).clamp(0, 1)

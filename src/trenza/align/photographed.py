"""Whether a picture is a photograph or drawn, judged by its textures as the untouched tower sees them.

    python -m trenza.align.photographed --detector DIR [--seed 0]

DIR is changed in place. Early maps know textures, and the untouched tower has never learned the training pictures, so
what holds for some of them holds for others: the tuned tower told its own photographs from drawings, and took a quarter
of others' for drawings. What is told of left-out photographs, stamps and twemoji is printed; then all are learned from.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.align import augment, objects
from trenza.align.concepts import on_white, photograph_crops, rendered, table_pictures, training_pictures
from trenza.data.corpora.pictures import Picture
from trenza.systems import load
from trenza.towers.efficientnet import EfficientNet
from trenza.towers.objects import UNTOUCHED_PIXELS, seen, textures

CANVAS = 192
CROPS = 40  # of each photograph
DRAWN = 1500  # pictures on white, as many others on other grounds, and as many of the two tables
FOLDS = 5  # one of which is left out to be told
LEFT_OUT = "twemoji"
ZOOMED = (0.1, 0.4)  # of a crop's side: pieces of photographs in which no thing stands are photographs too
STEPS, BATCH, LEARNING_RATE, NOISE = 600, 512, 2e-3, 0.3


class Kind(NamedTuple):
    """Pictures of a kind. textures: [N, D]; left_out: bool [N]."""

    title: str
    photograph: bool
    textures: Tensor
    left_out: Tensor


def zoomed(crops: Tensor, seed: int) -> Tensor:
    """A small piece of each crop uint8 [N, 3, S, S], as large as the crop."""
    rng, size, pieces = np.random.default_rng(seed), crops.shape[-1], []
    for crop in crops:
        side = round(size * rng.uniform(*ZOOMED))
        top, left = rng.integers(0, size - side + 1, 2)
        piece = crop[None, :, top : top + side, left : left + side].float()
        pieces.append(F.interpolate(piece, size=size, mode="bicubic").clamp(0, 255).round().to(torch.uint8))
    return torch.cat(pieces)


def kinds(untouched: EfficientNet, training: list[Picture], seed: int) -> list[Kind]:
    """What is told apart; each photograph's crops are left out together, and twemoji of what is drawn."""
    rng = torch.Generator().manual_seed(seed)
    crops = torch.from_numpy(photograph_crops(False, CROPS, seed))
    of_photograph = torch.arange(len(crops)) // CROPS % FOLDS == 0
    real, by_hand = ([p for p in training if p.cut_out is which] for which in (True, False))
    chosen = np.random.default_rng(seed).permutation(len(by_hand))[: 2 * DRAWN]
    white, others = ([by_hand[i] for i in half] for half in (chosen[::2], chosen[1::2]))
    tables = torch.from_numpy(table_pictures(seed)[0])
    tables = tables[torch.randperm(len(tables), generator=rng)[:DRAWN]]

    def pixels(some: list[Picture], ground: bool) -> tuple[Tensor, Tensor]:
        kept, rgba = rendered(some)
        left_out = torch.tensor([p.source == LEFT_OUT for p in kept])
        if not ground:
            return torch.from_numpy(on_white(rgba)), left_out
        straight = torch.zeros(64, dtype=torch.bool)
        parts = torch.from_numpy(rgba).split(64)
        composed = torch.cat([augment.compose(p, straight[: len(p)], crops, CANVAS, rng) for p in parts])
        return (composed * 255).round().to(torch.uint8), left_out

    def folded(some: Tensor) -> tuple[Tensor, Tensor]:
        return some, torch.arange(len(some)) % FOLDS == 0

    found = (
        ("pieces of photographs", True, (crops, of_photograph)),
        ("small pieces", True, (zoomed(crops[::2], seed), of_photograph[::2])),
        ("stamps' photographs", True, folded(pixels(real, ground=False)[0])),
        ("drawn on white", False, pixels(white, ground=False)),
        ("drawn on other grounds", False, pixels(others, ground=True)),
        ("tables", False, folded(tables)),  # so small that photographs of clothes count as drawn
    )
    return [Kind(title, real, textured(untouched, rgb), out) for title, real, (rgb, out) in found]


@torch.no_grad()
def textured(untouched: EfficientNet, rgb: Tensor) -> Tensor:
    """uint8 [N, 3, H, W] to what is judged, [N, 2 C]."""
    return torch.cat([textures(untouched, seen(part, UNTOUCHED_PIXELS))[1] for part in rgb.split(32)])


def tell_apart(known: list[tuple[bool, Tensor]], seed: int) -> nn.Linear:
    """Logistic regression: whether textures are a photograph's. known: kinds [N, D], each of which comes as often."""
    rng = torch.Generator().manual_seed(seed)
    everything = torch.cat([x for _, x in known])
    spread, mean = torch.std_mean(everything, 0)
    spread = spread + 1e-4
    line = nn.Linear(everything.shape[1], 1)
    nn.init.zeros_(line.weight)
    nn.init.zeros_(line.bias)
    real, drawn = ([(x - mean) / spread for photograph, x in known if photograph is which] for which in (True, False))
    optimiser = torch.optim.AdamW(line.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    for _ in range(STEPS):
        x = torch.cat([
            kind[torch.randint(len(kind), (BATCH // len(side),), generator=rng)]
            for side in (real, drawn) for kind in side
        ])  # fmt: skip
        logits = line(x + torch.randn(x.shape, generator=rng) * NOISE)[:, 0]
        target = (torch.arange(len(x)) < len(real) * (BATCH // len(real))).float()
        loss = F.binary_cross_entropy_with_logits(logits, target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        line.weight.div_(spread)
        line.bias.sub_((line.weight * mean).sum())
    return line.requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = load.objects(args.detector)
    assert model.photographed is not None
    found = kinds(model.untouched[0], training_pictures(), args.seed)
    partly = tell_apart([(k.photograph, k.textures[~k.left_out]) for k in found], args.seed)
    for kind in found:
        told = (partly(kind.textures[kind.left_out])[:, 0] > 0) == kind.photograph
        print(f"{kind.title}: {told.float().mean():.1%} of {len(told)} left out are told", flush=True)
    judge = tell_apart([(k.photograph, k.textures) for k in found], args.seed)
    model.photographed.load_state_dict(judge.state_dict())
    objects.save(model, args.detector)


if __name__ == "__main__":
    main()

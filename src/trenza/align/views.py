"""Between the stages: features of the training pictures as the tuned tower sees them, and names fitted to them.

The tower moved while its prototypes learned; with the tower at rest they are fitted once more, on features made
once, photographs by the untouched tower's posterior as before.

    python -m trenza.align.views --tower DIR [--steps 1000] [--seed 0]
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from trenza.align import augment
from trenza.align.concepts import (
    CROPS_A_PHOTOGRAPH,
    Concepts,
    all_names,
    on_white,
    photograph_crops,
    table_pictures,
    training_pictures,
)  # fmt: skip
from trenza.align.tower import Pictures, pooled, teach
from trenza.towers.efficientnet import LITE2, EfficientNet, quick
from trenza.towers.objects import numbers_of

SIZES = (144, 176)  # around the tower's last training size; clip art of the test split is named best so
CANVAS = 192
BATCH = 512
REDRAWN = 1  # times that each emoji also comes drawn anew
OF_TABLES, TABLES_SHARE = 4000, 0.15  # pictures of the two tables that are seen, and their share of the drawn
LEARNING_RATE = 5e-4


def features(tower: EfficientNet, rgb: Tensor) -> Tensor:
    """uint8 [N, 3, H, W] to the features of whole pictures, [N, 1280]."""
    return torch.stack([pooled(tower, rgb, size) for size in SIZES]).mean(0)


def named_features(tower: EfficientNet, data: Pictures, crops: Tensor, seed: int) -> Tensor:
    """Each training picture once augmented, [N, 1280]; as itself on white it is like what is drawn anew."""
    rng = torch.Generator().manual_seed(seed)
    augmented = []
    for chunk in torch.arange(len(data.rgba)).split(64):
        rgb = augment.compose(data.rgba[chunk], data.mirrors[chunk], crops, CANVAS, rng)
        augmented.append(features(tower, (rgb * 255).round().to(torch.uint8)))
    return torch.cat(augmented)


def fit(
    keys: nn.Linear, named: tuple[Tensor, Tensor, Tensor], taught: tuple[Tensor, Tensor, Tensor], steps: int, seed: int
) -> None:
    """`named`: features, names, weights of drawing. `taught`: features, posterior over names, how sure it is."""
    rng = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(keys.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    spread = named[0].std(0)
    for step in range(steps):
        mine = torch.multinomial(named[2], BATCH, replacement=True, generator=rng)
        theirs = torch.multinomial(taught[2], BATCH // 2, replacement=True, generator=rng)
        seen = torch.cat([named[0][mine], taught[0][theirs]])
        logits = keys(seen + torch.randn(seen.shape, generator=rng) * spread * 0.3)
        naming = F.cross_entropy(logits[:BATCH], named[1][mine], label_smoothing=0.05)
        teaching = F.cross_entropy(logits[BATCH:], taught[1][theirs])
        optimiser.zero_grad(set_to_none=True)
        (naming + 0.5 * teaching).backward()
        optimiser.step()
        schedule.step()
        if step % 250 == 249:
            right = (logits[:BATCH].argmax(1) == named[1][mine]).float().mean()
            print(f"step {step + 1} naming {naming:.3f} right {right:.3f} teaching {teaching:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tower", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from trenza.checkpoints.parts import efficientnet_lite2

    concepts = Concepts(**json.loads((args.tower / "concepts.json").read_text()))
    index = numbers_of(all_names(concepts))
    weights = load_file(args.tower / "tower.safetensors")
    whole = EfficientNet(LITE2)
    whole.load_state_dict({k[6:]: v for k, v in weights.items() if k.startswith("tower.")})
    tower = quick(whole)
    data = Pictures(training_pictures(), index, args.seed, REDRAWN)
    crops = torch.from_numpy(photograph_crops(False, CROPS_A_PHOTOGRAPH, args.seed))
    photographs = torch.cat([crops, torch.from_numpy(on_white(data.rgba[data.photograph].numpy()))])
    seen = features(tower, photographs)
    posterior, sure, _ = teach(quick(efficientnet_lite2()), photographs, concepts)
    table, told = table_pictures(args.seed)
    few = torch.randperm(len(told), generator=torch.Generator().manual_seed(args.seed))[:OF_TABLES]
    drawn = torch.cat([named_features(tower, data, crops, args.seed), features(tower, torch.from_numpy(table[few]))])
    names = torch.cat([data.label, torch.tensor([index[told[i]] for i in few.tolist()])])
    share = data.weight / data.weight.sum() * (1 - TABLES_SHARE)
    weight = torch.cat([share, torch.full((len(few),), TABLES_SHARE / len(few), dtype=share.dtype)])

    count, width = weights["prototypes.weight"].shape
    keys = nn.Linear(width, count)
    with torch.no_grad():
        keys.weight.copy_(weights["prototypes.weight"])
        keys.bias.copy_(weights["prototypes.bias"])
    fit(keys, (drawn, names, weight), (seen, posterior, sure), args.steps, args.seed)
    fitted = {f"keys.{end}": value.contiguous() for end, value in keys.state_dict().items()}
    save_file(fitted, args.tower / "views.safetensors")


if __name__ == "__main__":
    main()

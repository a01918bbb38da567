"""Names halfway between two fits: what the tower's keys know of other hands, and what cut-outs of scenes taught.

    python -m trenza.align.averaging --tower DIR --out DIR

Fine-tuning moves weights away from what holds elsewhere, and the mean of both ends keeps most of either (Wortsman et
al. 2022, WiSE-FT, section 3; the share of a half is theirs). Both DIRs as in `align/objects.py`; DIR/detector is
changed in place and has to be calibrated again (`align/detected.py`).
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from trenza.align import objects, seen
from trenza.systems import load

SHARE = 0.5
CLOSER = 160  # pixels a side, of things that fill the picture


@torch.no_grad()
def average(folder: Path, tower: Path, out: Path) -> None:
    model = load.objects(folder)
    weight, bias = seen.keys(tower)
    mixed = SHARE * model.names.weight @ model.directions.weight + (1 - SHARE) * weight
    features = seen.kept(out, ("features",))["features"].float()
    for part, value in zip((model.names, model.directions), seen.spread(mixed, features, objects.RANK), strict=True):
        part.weight.copy_(value)
    model.names.bias.copy_(SHARE * model.names.bias + (1 - SHARE) * bias)
    model.config = replace(model.config, closer=CLOSER)
    objects.save(model, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tower", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.manual_seed(0)
    average(args.out / "detector", args.tower, args.out)


if __name__ == "__main__":
    main()

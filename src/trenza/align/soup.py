"""The mean of two tunings of one tower (Wortsman et al. 2022, "Model soups").

    python -m trenza.align.soup --towers DIR DIR --out DIR

Both were begun with the same untouched tower (`align/tower.py`) and have the same names.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from trenza.errors import WeightsError

CONCEPTS, WEIGHTS = "concepts.json", "tower.safetensors"


def stirred(towers: list[Path], out: Path) -> None:
    """Raises WeightsError where the towers have other names."""
    if len({(tower / CONCEPTS).read_text() for tower in towers}) > 1:
        raise WeightsError(
            f"{' and '.join(map(str, towers))} have other names ({CONCEPTS}); tune them on the same data"
        )
    weights = [load_file(tower / WEIGHTS) for tower in towers]
    mean = {
        name: torch.stack([w[name] for w in weights]).mean(0) if first.is_floating_point() else first
        for name, first in weights[0].items()
    }
    out.mkdir(parents=True, exist_ok=True)
    save_file(mean, out / WEIGHTS)
    shutil.copy(towers[0] / CONCEPTS, out / CONCEPTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--towers", type=Path, nargs=2, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    stirred(args.towers, args.out)


if __name__ == "__main__":
    main()

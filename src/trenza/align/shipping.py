"""A trained folder made half as large, to ship: its numbers as float16, its settings and its threshold as they are.

python -m trenza.align.shipping MODEL [--midway EARLIER] --out DIR

midway: weights halfway from an earlier folder of the same system, which keep more of what that one knew (Wortsman et
al. 2022, "Robust fine-tuning of zero-shot models", section 3).
"""

import argparse
from pathlib import Path

from trenza.checkpoints.folder import load_folder, save_folder
from trenza.errors import WeightsError


def ship(model: Path, out: Path, midway: Path | None = None) -> None:
    """Raises WeightsError when the two folders don't hold the same tensors."""
    config, weights = load_folder(model)
    if midway is not None:
        _, earlier = load_folder(midway)
        shapes, others = ({n: t.shape for n, t in some.items()} for some in (weights, earlier))
        if shapes != others:
            names = sorted({n for n, _ in shapes.items() ^ others.items()})
            raise WeightsError(f"{midway} differs from {model} in {names[0]}; give an earlier folder of one training")
        weights = {n: (t + earlier[n]) / 2 if t.is_floating_point() else t for n, t in weights.items()}
    card = out / "README.md"
    halved = {n: t.half() if t.is_floating_point() else t for n, t in weights.items()}
    save_folder(out, config, halved, {"README.md": card.read_text()} if card.exists() else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a folder that trenza train wrote")
    parser.add_argument("--midway", type=Path, help="an earlier folder of the same training, to ship the mean of both")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    ship(args.model, args.out, args.midway)


if __name__ == "__main__":
    main()

"""A trained folder made half as large, to ship: its numbers as float16, its settings and its threshold as they are.

python -m trenza.align.shipping MODEL --out DIR
"""

import argparse
from pathlib import Path

from trenza.checkpoints.folder import load_folder, save_folder


def ship(model: Path, out: Path) -> None:
    """A card that stands in `out` stays there."""
    config, weights = load_folder(model)
    card = out / "README.md"
    halved = {n: t.half() if t.is_floating_point() else t for n, t in weights.items()}
    save_folder(out, config, halved, {"README.md": card.read_text()} if card.exists() else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a folder that trenza train wrote")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    ship(args.model, args.out)


if __name__ == "__main__":
    main()

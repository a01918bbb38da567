"""A trained folder whose tables of words are those of today's detectors: what they say may grow without a new training.

    python -m trenza.align.respelled MODEL --out DIR

Names are spelled from tables, which nothing learns (`bridges/perceived.py`); what was learned stays as it is.
"""

import argparse
from pathlib import Path

from trenza.align import assemble
from trenza.align.assemble import Parts
from trenza.align.recipe import Recipe
from trenza.checkpoints.folder import load_folder, save_folder
from trenza.errors import WeightsError


def respell(model: Path, out: Path, parts: Parts) -> None:
    """A card that stands in `out` stays there. Raises WeightsError where more than tables differs."""
    config, weights = load_folder(model)
    if config.get("system") != "llava" or not all(b["names"] for b in config["bridges"].values()):
        raise WeightsError(f"{model}/config.json is of no system that detectors tell; only those have tables of words")
    recipe = Recipe.model_validate({
        "system": "llava", "perceive": "simulated", "out": out, "rank": config["rank"],
        "data": [{"path": model}], "steps": 1, "batch": 1,
    })  # fmt: skip
    made = assemble.llava(recipe, parts)
    wanted = assemble.own_weights(made)
    tables = {name for name, tensor in wanted.items() if not tensor.is_floating_point()}
    for name in {*wanted, *weights} - tables:
        if name not in wanted or name not in weights or weights[name].shape != wanted[name].shape:
            raise WeightsError(f"{model}/model.safetensors: {name} isn't what is trained today; train it anew")
    spelled = {name: tensor if name in tables else weights[name] for name, tensor in wanted.items()}
    card = out / "README.md"
    kept = {"README.md": card.read_text()} if card.exists() else None
    save_folder(out, config | assemble.config_of(made, "llava"), spelled, kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a folder that trenza train wrote")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    respell(args.model, args.out, assemble.pinned())


if __name__ == "__main__":
    main()

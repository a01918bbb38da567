"""How well the default's detector names, places, counts and colours what stands in pictures it never saw.

    python benchmarks/objects.py [--model DIR] [--seed 0] [--worlds 96] [--json docs/objects.json]

Worlds of four splits, each with fresh seeds: `test_seed` (things of training, on grounds never seen),
`test_combination` (pairs never shown together), `test_style` (a hand never trained on) and `test_object` (things of
kinds never trained on, most of which have no name in the detector's list). Then the single pictures of
`benchmarks/naming.py`. Intervals are bootstrapped over worlds.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from naming import THINGS, known_pictures, photographs
from trenza.align.concepts import training_pictures
from trenza.align.detected import (
    BOX,
    CHANCES,
    CHOICE_SEED,
    COLOUR,
    NUMBERS,
    SAME_BOX,
    SCORE,
    Known,
    known,
    matched,
)
from trenza.data.corpora import pictures
from trenza.evaluate.clustered import Estimate, ratio, statistic
from trenza.evaluate.statistics import wilson
from trenza.systems import load
from trenza.towers.boxes import overlap
from trenza.towers.objects import ObjectDetector

MODEL = Path(__file__).parents[1] / "src/trenza/default_objects"
SPLITS = ("test_seed", "test_combination", "test_style", "test_object")
PRECISION = 0.8
Seen = list[tuple[Known, Tensor]]


def named(model: ObjectDetector, picture: Known, rows: Tensor) -> list[tuple[float, bool]]:
    """Each detection's confidence in its name, and whether a thing of that name is there (each counted once)."""
    left = list(picture.names)
    said = []
    for row in sorted(rows, key=lambda r: -float(r[SCORE] * r[CHANCES][0])):
        name = model.config.names[int(row[0])]
        said.append((float(row[SCORE] * row[CHANCES][0]), name in left))
        if name in left:
            left.remove(name)
    return said


def recall(said: list[list[tuple[float, bool]]], things: list[int], chosen: np.ndarray) -> float:
    """Share of the things named, at the lowest confidence above which PRECISION of the names given are right."""
    every = sorted((pair for i in chosen for pair in said[i]), reverse=True)
    hits = np.cumsum([right for _, right in every])
    enough = hits / np.arange(1, len(every) + 1) >= PRECISION
    best = int(hits[enough].max()) if enough.any() else 0
    return best / sum(things[i] for i in chosen)


def place(model: ObjectDetector, picture: Known, rows: Tensor, name: str) -> bool:
    """Asked where `name` is: does the likeliest detection of that name have the box of one?"""
    number = model.config.names.index(name) if name in model.config.names else -1
    chance = ((rows[:, NUMBERS] == number) * rows[:, CHANCES]).sum(1) * rows[:, SCORE] if len(rows) else rows
    if number < 0 or not len(rows) or not float(chance.max()):
        return False
    own = [i for i, n in enumerate(picture.names) if n == name]
    return bool(overlap(rows[chance.argmax()][None, BOX], picture.boxes[own]).max() >= SAME_BOX)


def counted(model: ObjectDetector, rows: Tensor, name: str) -> int:
    return sum(model.config.names[int(row[0])] == name for row in rows)


def measure(model: ObjectDetector, seen: Seen) -> dict:
    worlds = [picture.world for picture, _ in seen]
    said = [named(model, picture, rows) for picture, rows in seen]
    things = [len(picture.names) for picture, _ in seen]
    report = {"pictures": len(seen), "worlds": len(set(worlds)), "things": sum(things)}
    listed = set(model.config.names)
    report["things whose name is in the list"] = sum(n in listed for picture, _ in seen for n in picture.names)
    told = {f"named, recall at precision {PRECISION}": statistic(lambda at: recall(said, things, at), worlds)}
    table: dict[str, list[tuple[str, float]]] = {}
    for picture, rows in seen:
        owners = matched(rows, picture.boxes)
        found = {owner: row for row, owner in zip(rows, owners, strict=True) if owner >= 0}
        for i, name in enumerate(picture.names):
            table.setdefault("found, no name asked", []).append((picture.world, i in found))
            if i in found:
                right = model.config.names[int(found[i][0])] == name
                table.setdefault("likeliest name right, of those found", []).append((picture.world, right))
                if picture.colours[i]:
                    right = int(found[i][COLOUR].argmax()) == picture.colours[i]
                    table.setdefault("colour right, tinted things found", []).append((picture.world, right))
                else:
                    kept = int(found[i][COLOUR].argmax()) == 0
                    table.setdefault("own colour told, of those found", []).append((picture.world, kept))
        for name in sorted(set(picture.names)):
            right = place(model, picture, rows, name)
            table.setdefault("located when asked by name", []).append((picture.world, right))
            if picture.family == "recounted":
                right = counted(model, rows, name) == picture.names.count(name)
                table.setdefault("counted exactly, 1 to 4", []).append((picture.world, right))
        if picture.family == "recounted":
            right = len(rows) == len(picture.names)
            table.setdefault("counted exactly, all things, 3 or 7", []).append((picture.world, right))
    for title, pairs in table.items():
        told[title] = ratio([v for _, v in pairs], np.ones(len(pairs)), [w for w, _ in pairs])
    return report | {title: shown(estimate) for title, estimate in told.items()}


def shown(estimate: Estimate) -> list[float]:
    """Value, its 95% interval, items."""
    return [round(estimate.value, 4), round(estimate.low, 4), round(estimate.high, 4), estimate.n]


def single(model: ObjectDetector, items: list) -> dict:
    """The likeliest name of the surest thing, as `benchmarks/naming.py` asks for it; no thing found is wrong."""
    right = nothing = 0
    for image, accepted in items:
        (rows,) = model.detect(torch.from_numpy(image.pixels.copy())[None])
        nothing += not len(rows)
        right += bool(len(rows)) and model.config.names[int(rows[0][0])] in accepted
    return {"n": len(items), "right": wilson(right, len(items)), "nothing found": nothing}


def singles(seed: int) -> list[tuple[str, list]]:
    """The picture sets of `benchmarks/naming.py`, drawn alike."""
    learned = {p.name for p in training_pictures()}
    things = [p for p in pictures.emoji(pictures.UNSEEN_STYLE) if p.group in pictures.THINGS]
    things = [p for p in things if not pictures.is_clock(p.name) and p.name in learned]
    chosen = np.random.default_rng(seed).choice(len(things), THINGS, replace=False)
    return [
        ("openmoji things", known_pictures([things[i] for i in sorted(chosen)], learned)),
        ("test stamps", known_pictures([p for p in pictures.stamps() if p.test], learned)),
        *photographs(seed),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worlds", type=int, default=96)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.seed == CHOICE_SEED:
        parser.error(f"seed {CHOICE_SEED} is the one choices were made on; give another")
    model = load.objects(args.model)
    threads = torch.get_num_threads()
    report: dict = {
        "seed": args.seed,
        "machine": f"{platform.machine()}, {threads} threads",
        "least": model.config.least,
    }
    for split in SPLITS:
        drawn = list(known(split, args.seed, args.worlds))
        begun = time.process_time()
        seen = [(picture, model.detect(picture.pixels[None])[0]) for picture in drawn]
        spent = time.process_time() - begun
        report[split] = measure(model, seen) | {"pictures a second of CPU time": round(len(drawn) / spent, 2)}
        print(split, json.dumps(report[split], indent=1), flush=True)
    for title, items in singles(args.seed):
        report[title] = single(model, items)
        print(title, report[title], flush=True)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What a detector makes of worlds whose truth is known: matched, calibrated, and its errors in figures.

    python -m trenza.align.detected --model DIR [--json FILE]

calibrates the detector in DIR in place, on worlds of CHOICE_SEED that no figure is made on, and writes its errors, for
whoever simulates it.
"""

import argparse
import io
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from trenza.align.scenes import HUES
from trenza.bridges.perceived import BOX, CHANCES, COLOUR, NUMBERS, SCORE
from trenza.checkpoints.folder import load_folder, save_folder
from trenza.data.worlds.build import world_items
from trenza.data.worlds.pictures import FAMILIES
from trenza.errors import UsageError
from trenza.systems.load import objects
from trenza.towers.boxes import overlap
from trenza.towers.objects import RIVALS, ObjectDetector

CHOICE_SEED = 777  # of test_seed: whatever is chosen, is chosen here
CHOICE_WORLDS = 60
FLOOR = 0.05  # score down to which calibration looks
SAME_BOX = 0.5  # intersection over union from which a thing counts as located


@dataclass(frozen=True)
class Known:
    """A picture uint8 [H, W, 3] with its things: boxes [n, 4] y0 x0 y1 x1, names, colours (0: its own)."""

    world: str
    family: str
    pixels: Tensor
    boxes: Tensor
    names: list[str]
    colours: list[int]


def known(split: str, seed: int, worlds: int) -> Iterator[Known]:
    """Both shots of `worlds` worlds, as many of each family of pictures."""
    for number in range(worlds):
        family = FAMILIES[number % len(FAMILIES)]
        items = world_items(number, seed, split, languages=("en",), family=family)
        shots = {item.media[0].data: item.truth["media"][0]["objects"] for item in items}
        for data, things in shots.items():
            with Pillow.open(io.BytesIO(data)) as image:
                pixels = torch.from_numpy(np.array(image.convert("RGB")))
            boxes = torch.tensor([[t["box"][i] for i in (1, 0, 3, 2)] for t in things])
            colours = [1 + HUES.index(t["colour"]) if t["colour"] else 0 for t in things]
            yield Known(f"{split}-{number}", family.__name__, pixels, boxes, [t["name"] for t in things], colours)


def matched(rows: Tensor, boxes: Tensor) -> list[int]:
    """For each detection, the surest first, the thing whose box it has (SAME_BOX or more, each once), or -1."""
    free = torch.ones(len(boxes), dtype=torch.bool)
    found = []
    for row in rows:
        shared = overlap(row[None, BOX], boxes)[0] * free
        best = int(shared.argmax())
        hit = float(shared[best]) >= SAME_BOX
        free[best] &= not hit
        found.append(best if hit else -1)
    return found


def best_threshold(scores: np.ndarray, right: np.ndarray, things: int) -> tuple[float, float]:
    """The score from which F1 of finding things is best, and that F1."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + things)
    best = int(f1.argmax())
    return float(scores[order][best]), float(f1[best])


def sharpest(chances: np.ndarray, right: np.ndarray) -> float:
    """The power of the names' probabilities [n, RIVALS] under which the right one's is likeliest.

    right: its column, or -1 where it is none of them.
    """
    there = right >= 0
    logs = np.log(np.maximum(chances[there], 1e-9))
    columns = right[there]

    def loss(power: float) -> float:
        scaled = logs * power
        return float((np.logaddexp.reduce(scaled, 1) - scaled[np.arange(len(columns)), columns]).mean())

    return min(np.geomspace(0.4, 3.0, 53), key=loss)


def errors(model: ObjectDetector, pictures: list[Known]) -> dict:
    """How the detector errs, at its own threshold: what the bridges have to live with."""
    numbers = {name: i for i, name in enumerate(model.config.names)}
    things = found = false = 0
    ranks, offsets, sizes, hues, top = [], [], [], [], []
    for picture in pictures:
        (rows,) = model.detect(picture.pixels[None])
        owners = matched(rows, picture.boxes)
        things += len(picture.boxes)
        for row, owner in zip(rows, owners, strict=True):
            if owner < 0:
                false += 1
                continue
            found += 1
            listed = row[NUMBERS].tolist()
            number = numbers.get(picture.names[owner], -1)
            ranks.append(listed.index(number) if number in listed else RIVALS)
            top.append((float(row[RIVALS]), ranks[-1] == 0))
            true = picture.boxes[owner]
            side = (true[2:] - true[:2]).repeat(2)
            offsets.append(((row[BOX] - true) / side).numpy())
            sizes.append(float(side.max()))
            hues.append((picture.colours[owner], int(row[COLOUR].argmax())))
    rank, off, colour = np.array(ranks), np.array(offsets), np.array(hues)
    tinted = colour[:, 0] > 0
    sure = np.array(top, float)
    return {
        "pictures": len(pictures), "things": things, "least": model.config.least,
        "miss rate": 1 - found / things, "false alarms a picture": false / len(pictures),
        "name top 1": float((rank == 0).mean()), "name top 3": float((rank < 3).mean()),
        "name top 8": float((rank < RIVALS).mean()),
        "mean probability of the likeliest name, right": float(sure[sure[:, 1] == 1, 0].mean()),
        "mean probability of the likeliest name, wrong": float(sure[sure[:, 1] == 0, 0].mean()),
        "edge jitter, standard deviation over the thing's side": float(off.std()),
        "edge jitter, robust (1.48 median absolute)": float(1.4826 * np.median(np.abs(off))),
        "colour right of 9": float((colour[:, 0] == colour[:, 1]).mean()),
        "colour right, tinted things": float((colour[tinted, 0] == colour[tinted, 1]).mean()),
        "own colour kept": float((colour[~tinted, 1] == 0).mean()),
    }  # fmt: skip


def calibrate(folder: Path, pictures: list[Known]) -> ObjectDetector:
    """Sets `least` and `sharpness` in the folder's config by these pictures.

    Raises UsageError where drawings are compared with: these pictures show the very ones, which no other hand's are.
    """
    config, weights = load_folder(folder)
    model = objects(folder)
    if model.likeness is not None:
        raise UsageError(f"{folder} knows these drawings by heart; calibrate before align/likeness.py adds them")
    model.config = replace(model.config, least=FLOOR, sharpness=1.0)
    numbers = {name: i for i, name in enumerate(model.config.names)}
    scores, right, chances, columns, things = [], [], [], [], 0
    for picture in pictures:
        (rows,) = model.detect(picture.pixels[None])
        things += len(picture.boxes)
        for row, owner in zip(rows, matched(rows, picture.boxes), strict=True):
            scores.append(float(row[SCORE]))
            right.append(owner >= 0)
            if owner >= 0:
                listed = row[NUMBERS].tolist()
                number = numbers.get(picture.names[owner], -1)
                chances.append(row[CHANCES].numpy())
                columns.append(listed.index(number) if number in listed else -1)
    least, f1 = best_threshold(np.array(scores), np.array(right), things)
    sharpness = sharpest(np.stack(chances), np.array(columns))
    print(f"least {least:.3f} (F1 {f1:.3f}), sharpness {sharpness:.3f}", flush=True)
    model.config = replace(model.config, least=math.floor(least * 1000) / 1000, sharpness=round(float(sharpness), 3))
    save_folder(folder, config | asdict(model.config), weights)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    pictures = list(known("test_seed", CHOICE_SEED, CHOICE_WORLDS))
    report = errors(calibrate(args.model, pictures), pictures)
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

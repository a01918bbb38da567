"""What the shipped tower sees of scenes, single things and photographs, made once and kept on disk.

Drawing and seeing cost far more than learning from it, and the tower stays as it is: every picture is seen once and
learned from many times.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from trenza.align import scenes
from trenza.align.concepts import all_names, concepts_of, training_pictures
from trenza.checkpoints.folder import fill
from trenza.towers.objects import MARGIN, PATCH, ObjectDetector, cut, normalised, numbers_of, seen

# Pictures in one chunk; of photographs, as many more are seen only as things.
SCENES, SHAPED, LONE, BARE = 16, 1, 3, 3
PHOTOGRAPHS = 5
JITTER = 0.05  # of a thing's side: the glance's boxes are about as wrong as that
UNNAMED = -1


def names_of_training(out: Path) -> tuple[str, ...]:
    """All names, in the order of the tuned tower's keys."""
    file = out / "names.json"
    if not file.exists():
        out.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(all_names(concepts_of(training_pictures()))))
    return tuple(json.loads(file.read_text()))


@torch.no_grad()
def look(model: ObjectDetector, seed: int) -> dict[str, Tensor]:
    """One chunk: maps of whole pictures with boxes, features of things with names, patches with colours."""
    rng = np.random.default_rng(seed)
    numbers = numbers_of(model.config.names)
    drawn = [scenes.draw(rng) for _ in range(SCENES)]
    drawn += [scenes.shape(rng) for _ in range(SHAPED)] + [scenes.lone(rng) for _ in range(LONE)]
    drawn += [scenes.bare(rng) for _ in range(BARE + PHOTOGRAPHS)]
    things, patches, labels, colours = [], [], [], []
    for scene in drawn:
        pixels = torch.from_numpy(scene.pixels.copy())
        for box, name, colour in zip(jittered(scene.boxes, rng), scene.names, scene.colours, strict=True):
            things.append(cut(pixels, box, model.config.look, MARGIN))
            labels.append(numbers[name] if name else UNNAMED)
            if name:
                patches.append(cut(pixels, box, PATCH, 0.0).round().to(torch.uint8))
                colours.append(colour)
    glanced = drawn[: len(drawn) - PHOTOGRAPHS]
    whole = torch.from_numpy(np.stack([scene.pixels for scene in glanced])).permute(0, 3, 1, 2)
    with torch.autocast("cpu", torch.bfloat16):
        fine, coarse = model.maps(seen(whole, model.config.glance))
        features = [model.features(model.maps(normalised(part))[1]) for part in torch.cat(things).split(32)]
    return {
        "fine": fine.half().contiguous(), "coarse": coarse.half().contiguous(),
        "boxes": torch.from_numpy(np.concatenate([scene.boxes for scene in glanced])),
        "counts": torch.tensor([len(scene.boxes) for scene in glanced]),
        "features": torch.cat(features).half(), "labels": torch.tensor(labels),
        "patches": torch.cat(patches), "colours": torch.tensor(colours),
    }  # fmt: skip


def jittered(boxes: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Boxes [n, 4] as wrong as the glance's."""
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return torch.from_numpy(boxes + rng.normal(0, JITTER, boxes.shape) * size).float()


def keep(model: ObjectDetector, out: Path, numbers: range) -> None:
    """Chunks `numbers`, each from its own seed; those on disk are left alone."""
    for number in numbers:
        file = out / f"seen-{number:04d}.safetensors"
        if not file.exists():
            partial = file.with_suffix(".partial")
            save_file(look(model, 1_000_000 + number), partial)
            partial.replace(file)


def kept(out: Path, columns: tuple[str, ...]) -> dict[str, Tensor]:
    """These columns of all chunks on disk, in order."""
    chunks = [load_file(file) for file in sorted(out.glob("seen-*.safetensors"))]
    return {column: torch.cat([chunk[column] for chunk in chunks]) for column in columns}


def fill_tower(model: ObjectDetector, folder: Path) -> None:
    """The tower that `align/tower.py` tuned, without ImageNet's classifier."""
    file = folder / "tower.safetensors"
    tower = {k.removeprefix("tower."): v for k, v in load_file(file).items() if k.startswith("tower.")}
    kept = {k: v for k, v in tower.items() if not k.startswith("classifier")}
    fill(model.tower, kept, file, optional=("num_batches_tracked",))


def keys(folder: Path) -> tuple[Tensor, Tensor]:
    """The prototypes as `align/views.py` fitted them, [names, 1280] and [names]."""
    fitted = load_file(folder / "views.safetensors")
    return fitted["keys.weight"], fitted["keys.bias"]


def spread(weight: Tensor, features: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Keys [N, W] as [N, rank] times [rank, W], with the least error on `features` [n, W] (Eckart & Young 1936)."""
    moment = features.T @ features / len(features)
    moment = moment + torch.eye(len(moment)) * moment.diagonal().mean() * 0.01
    values, vectors = torch.linalg.eigh(moment)
    root = vectors * values.clamp(min=0).sqrt()  # moment = root @ root.T
    _, strength, right = torch.linalg.svd(weight @ root, full_matrices=False)
    inverse = (vectors / values.clamp(min=1e-9).sqrt()).T  # root^-1
    scale = strength[:rank].sqrt()
    directions = right[:rank] @ inverse
    return weight @ root @ right[:rank].T / scale, directions * scale[:, None]

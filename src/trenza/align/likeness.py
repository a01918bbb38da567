"""The drawings that the detector of objects compares things with: those of training, as its own tower sees them.

    python -m trenza.align.likeness --detector DIR [--seed 0]

Each is seen on white and as it is cut out of scenes, as itself and in the mirror. Linear discriminants of what the
tower sees tell names apart and not hands, grounds or boxes that are a little off. The detector is changed in place.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from trenza.align import objects
from trenza.align.concepts import training_pictures
from trenza.align.seen import jittered
from trenza.align.tower import ONE_SIDED
from trenza.data.corpora.pictures import Picture
from trenza.data.worlds import drawing
from trenza.data.worlds.sources import stock_of, trimmed
from trenza.errors import DataError
from trenza.systems import load
from trenza.towers.likeness import STEPS, LikenessConfig, cells
from trenza.towers.objects import BATCH, MARGIN, ObjectDetector, cut, normalised, numbers_of

VIEWS = 4  # of each drawing: one on white, the others on grounds
SIDE, SIDES = 200.0, (50.0, 200.0)  # pixels of the longer side, on white and on grounds
CUT = 256
PRINCIPAL = 1024  # directions of a map's features in which discriminants are looked for
SHRUNK = 0.3  # of the mean variance within names, added to each: there are more directions than a name has drawings


@dataclass(frozen=True)
class Seen:
    """Views of drawings: cells of each compared map [n, F], the drawing's number and its name's, and which are in the
    mirror."""

    maps: tuple[Tensor, ...]
    drawing: Tensor
    name: Tensor
    mirrored: Tensor


def views(rgba: np.ndarray, grounds: tuple[np.ndarray, ...], size: int, rng: np.random.Generator) -> Iterator[Tensor]:
    """A trimmed cut-out uint8 [h, w, 4] as detectors look at it, float 0..255 [1, 3, size, size], VIEWS times.

    One that is too faint at its size to be seen is left out.
    """
    for number in range(VIEWS):
        plain = number == 0
        side = SIDE if plain else float(rng.uniform(*SIDES))
        canvas = np.full((drawing.SIZE, drawing.SIZE, 3), 255, np.uint8) if plain else drawing.ground(grounds, rng)
        low, high = side / 2, drawing.SIZE - side / 2
        x, y = (drawing.SIZE / 2,) * 2 if plain else rng.uniform(low, high, 2)
        box = drawing.mask_box(drawing.paste(canvas, drawing.fitted(rgba, side), (float(x), float(y))))
        if box is None:
            continue
        around = np.array([[box.y0, box.x0, box.y1, box.x1]], np.float32)
        where = torch.from_numpy(around) if plain else jittered(around, rng)
        yield cut(torch.from_numpy(canvas), where[0], size, MARGIN)


def cutouts(training: list[Picture]) -> Iterator[tuple[Picture, np.ndarray]]:
    """Those that can be drawn and aren't empty, trimmed."""
    for picture in training:
        try:
            rgba = trimmed(picture.rgba(CUT))
        except DataError:
            continue
        if rgba is not None:
            yield picture, rgba


@torch.no_grad()
def look(model: ObjectDetector, training: list[Picture], seed: int) -> Seen:
    """Every drawing, and again in the mirror where that is still the same thing."""
    rng = np.random.default_rng(seed)
    grounds, numbers = stock_of("train", ("en",)).grounds, numbers_of(model.config.names)
    looks: list[Tensor] = []
    told: list[tuple[int, int, bool]] = []  # drawing, name, mirrored
    count = 0
    for picture, rgba in cutouts(training):
        own = list(views(rgba, grounds, model.config.look, rng))
        for mirrored in (False,) if ONE_SIDED.search(picture.name) else (False, True):
            looks += [(v.flip(-1) if mirrored else v).round().to(torch.uint8) for v in own]
            told += [(count, numbers[picture.name], mirrored)] * len(own)
            count += bool(own)
    maps = []
    for part in torch.cat(looks).split(BATCH):
        with torch.autocast("cpu", torch.bfloat16):
            maps.append([cells(m).half() for m in model.compared(normalised(part.float()))])
    columns = [torch.tensor(column) for column in zip(*told, strict=True)]
    return Seen(tuple(torch.cat(m) for m in zip(*maps, strict=True)), *columns)


def discriminants(x: Tensor, names: Tensor, directions: int) -> tuple[Tensor, Tensor]:
    """Features [n, F] of named views to a linear map, [directions, F] and [directions], in which names lie apart.

    Features are standardised and reduced to their principal directions, which are whitened by the scatter within names;
    of what is left the directions of the scatter between names are kept (Rao 1948).
    """
    mean, spread = x.mean(0), x.std(0) + 1e-3
    x = (x - mean) / spread
    _, axes = torch.linalg.eigh(x.T @ x / len(x))
    axes = axes[:, -PRINCIPAL:]
    z = x @ axes
    _, names = names.unique(return_inverse=True)
    count = torch.bincount(names)[:, None]
    middles = torch.zeros(len(count), z.shape[1]).index_add(0, names, z) / count
    off = z - middles[names]
    within = off.T @ off / len(off)
    within = within + torch.eye(len(within)) * within.diagonal().mean() * SHRUNK
    whiten = torch.linalg.cholesky(torch.linalg.inv(within))
    centre = middles.mean(0)
    between = (middles - centre) @ whiten
    _, best = torch.linalg.eigh(between.T @ between / len(between))
    turn = (axes @ whiten @ best[:, -directions:]).T / spread
    return turn, -turn @ mean - best[:, -directions:].T @ (centre @ whiten)


@torch.no_grad()
def comparing(model: ObjectDetector, seen: Seen, config: LikenessConfig) -> ObjectDetector:
    """The detector, with what it has seen of drawings to compare things with."""
    made = ObjectDetector(replace(model.config, likeness=config))
    known = {k: v for k, v in model.state_dict().items() if not k.startswith("likeness.")}
    made.load_state_dict(made.state_dict() | known)
    likeness = made.likeness
    assert likeness is not None
    for i, (turn, features) in enumerate(zip(likeness.turns, seen.maps, strict=True)):
        own = ~seen.mirrored
        weight, bias = discriminants(features[own].float(), seen.name[own], config.directions)
        turn.load_state_dict({"weight": weight, "bias": bias})
        turned = F.normalize(features.float() @ weight.T + bias, dim=-1)
        mean = torch.zeros(config.drawings, config.directions).index_add(0, seen.drawing, turned)
        likeness.drawings[i] = (STEPS * F.normalize(mean, dim=-1)).round().to(torch.int8)
    likeness.named[seen.drawing] = seen.name
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    model = load.objects(args.detector)
    seen = look(model, training_pictures(), args.seed)
    config = LikenessConfig(int(seen.drawing.max()) + 1)
    objects.save(comparing(model, seen, config), args.detector)
    print(f"{config.drawings} drawings are compared with")


if __name__ == "__main__":
    main()

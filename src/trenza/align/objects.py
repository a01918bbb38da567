"""Train the detector of objects: see once (`seen.py`), then learn where, which colour and what from what was seen.

    python -m trenza.align.objects --tower DIR --out DIR [--chunks 50] [--where 500] [--what 300] [--colour 300]

The first DIR is the folder of `align/tower.py` and `align/views.py` (recipes/objects.sh runs all). Each part writes
a checkpoint every two minutes and goes on from it. The detector goes to DIR/detector of the second; it takes all for
drawn until `align/photographed.py` has given it a judge.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from trenza.align import seen, views
from trenza.align.seen import UNNAMED
from trenza.checkpoints.folder import save_folder
from trenza.towers.efficientnet import LITE2
from trenza.towers.objects import ObjectDetector, ObjectsConfig

RANK, GLANCE, LOOK = 512, 160, 128
SPREAD = 0.15  # of a thing's size: how far from its centre a cell still counts as half right
INSIDE = 0.4  # of the centre's weight, from which a cell learns its box
WHERE_BATCH, NAMED, TAUGHT, COLOUR_BATCH = 16, 112, 16, 128
NOISE = 0.3  # of the features, in their standard deviations
SAVE_EVERY = 120  # seconds


def new_detector(names: tuple[str, ...], tower: Path) -> ObjectDetector:
    """The tuned tower and its keys of whole pictures; a glance, colours and names that know nothing."""
    known = json.loads((tower / "concepts.json").read_text())["of_imagenet"]
    model = ObjectDetector(ObjectsConfig(LITE2, names, RANK, GLANCE, LOOK, whole=views.SIZES, imagenet=tuple(known)))
    seen.fill_tower(model, tower)
    fitted = load_file(tower / "views.safetensors")
    assert model.keys is not None and model.photographed is not None
    model.keys.load_state_dict({end: fitted[f"keys.{end}"] for end in ("weight", "bias")})
    nn.init.zeros_(model.photographed.weight)  # all is drawn until `photographed.py` has judged
    nn.init.zeros_(model.photographed.bias)
    return model.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class Course:
    """One part's optimiser, schedule, averaged weights, log and checkpoint."""

    def __init__(self, title: str, parts: list[tuple[nn.Module, float]], steps: int, out: Path, seed: int):
        self.title, self.parts, self.steps, self.file = title, parts, steps, out / f"{title}.pt"
        self.modules = nn.ModuleList([part for part, _ in parts])
        self.average = torch.optim.swa_utils.AveragedModel(
            self.modules, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.97)
        )
        self.optimiser = torch.optim.AdamW(
            [{"params": part.parameters(), "lr": rate} for part, rate in parts], weight_decay=0.02
        )
        self.log, self.seed, self.first = out / "metrics.jsonl", seed, 0
        if self.file.exists():
            saved = torch.load(self.file, weights_only=True)
            self.modules.load_state_dict(saved["model"])
            self.average.load_state_dict(saved["average"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.first = saved["step"]

    def run(self, loss: Callable[[torch.Generator], tuple[Tensor, dict[str, float]]]) -> None:
        """Steps until the end; the averaged weights are left in the parts."""
        peak = [rate for _, rate in self.parts]
        saved = begun = time.time()
        for step in range(self.first, self.steps):
            progress = step / self.steps
            rate = min(1, (step + 1) / 40) * (0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2)
            for group, lr in zip(self.optimiser.param_groups, peak, strict=True):
                group["lr"] = lr * rate
            value, row = loss(torch.Generator().manual_seed(self.seed * 1_000_003 + step))
            value.backward()
            nn.utils.clip_grad_norm_(self.modules.parameters(), 5.0)
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            self.average.update_parameters(self.modules)
            if step % 10 == 0:
                told = {"part": self.title, "step": step, "seconds": round(time.time() - begun)} | row
                with self.log.open("a") as log:
                    log.write(json.dumps(told) + "\n")
            if time.time() - saved > SAVE_EVERY or step == self.steps - 1:
                self.save(step + 1)
                saved = time.time()
        self.modules.load_state_dict(self.average.module.state_dict())

    def save(self, step: int) -> None:
        partial = self.file.with_suffix(".partial")
        torch.save({
            "model": self.modules.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(), "step": step,
        }, partial)  # fmt: skip
        partial.replace(self.file)


def centres(boxes: list[Tensor], size: int) -> tuple[Tensor, Tensor]:
    """Boxes [n, 4] of B pictures to how much each cell is a centre [B, size, size], and of which box [B, S, S, 4]."""
    heat, nearest = torch.zeros(len(boxes), size, size), torch.zeros(len(boxes), size, size, 4)
    middle = (torch.arange(size) + 0.5) / size
    for i, around in enumerate(boxes):
        for box in around:
            height, width = (float(v) for v in box[2:] - box[:2])
            y, x = (float(v) for v in (box[:2] + box[2:]) / 2)
            row, column = (min(size - 1, int(v * size)) for v in (y, x))
            down = (middle - middle[row]) / max(SPREAD * height, 0.5 / size)
            across = (middle - middle[column]) / max(SPREAD * width, 0.5 / size)
            bump = torch.exp(-(down[:, None] ** 2 + across[None] ** 2) / 2)
            higher = bump > heat[i]
            heat[i] = torch.where(higher, bump, heat[i])
            nearest[i] = torch.where(higher[..., None], box, nearest[i])
    return heat, nearest


def focal(logits: Tensor, heat: Tensor) -> Tensor:
    """Penalty-reduced focal loss over the number of centres (Law & Deng 2018, equation 1)."""
    chance = logits.sigmoid()
    hit = heat == 1
    found = (1 - chance) ** 2 * F.logsigmoid(logits) * hit
    empty = (1 - heat) ** 4 * chance**2 * F.logsigmoid(-logits) * ~hit
    return -(found + empty).sum() / hit.sum().clamp(min=1)


def apart(one: Tensor, other: Tensor) -> Tensor:
    """1 - generalised intersection over union (Rezatofighi et al. 2019) of boxes [..., 4] with their like."""
    low, high = torch.maximum(one[..., :2], other[..., :2]), torch.minimum(one[..., 2:], other[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    first, second = ((b[..., 2:] - b[..., :2]).prod(-1) for b in (one, other))
    union = first + second - both
    hull = torch.maximum(one[..., 2:], other[..., 2:]) - torch.minimum(one[..., :2], other[..., :2])
    hull = hull.prod(-1)
    return 1 - both / union.clamp(min=1e-6) + (hull - union) / hull.clamp(min=1e-6)


def learn_where(model: ObjectDetector, out: Path, steps: int, seed: int) -> None:
    data = seen.kept(out, ("fine", "coarse", "boxes", "counts"))
    boxes = data["boxes"].split(data["counts"].tolist())

    def loss(rng: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        chosen = torch.randint(len(boxes), (WHERE_BATCH,), generator=rng)
        fine, coarse = (F.dropout2d(data[k][chosen].float(), 0.1) for k in ("fine", "coarse"))
        logits, found = model.glance(fine, coarse)
        heat, true = centres([boxes[i] for i in chosen], logits.shape[-1])
        weight = heat * (heat >= INSIDE)
        where, box = focal(logits, heat), (apart(found, true) * weight).sum() / weight.sum()
        return where + box, {"where": where.item(), "box": box.item()}

    Course("where", [(model.glance, 2e-3)], steps, out, seed).run(loss)


def learn_colours(model: ObjectDetector, out: Path, steps: int, seed: int) -> None:
    """Own colours a third of the time: most things keep theirs, and a guess of "own" would be right too often."""
    data = seen.kept(out, ("patches", "colours"))
    tinted = (data["colours"] > 0).double()
    weight = (1 - tinted) / (1 - tinted).sum() + 2 * tinted / tinted.sum()

    def loss(rng: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        chosen = torch.multinomial(weight, COLOUR_BATCH, replacement=True, generator=rng)
        logits = model.colours(seen.normalised(data["patches"][chosen].float()))
        right = (logits.argmax(1) == data["colours"][chosen]).float().mean()
        value = F.cross_entropy(logits, data["colours"][chosen], label_smoothing=0.02)
        return value, {"colour": value.item(), "right": right.item()}

    Course("colour", [(model.colours, 2e-3)], steps, out, seed).run(loss)


def learn_what(model: ObjectDetector, out: Path, tower: Path, steps: int, seed: int) -> None:
    """The names, from the tower's keys on; on photographs those keys are the teacher, as nobody else names them."""
    data = seen.kept(out, ("features", "labels"))
    features, labels = data["features"].float(), data["labels"]
    weight, bias = seen.keys(tower)
    with torch.no_grad():
        for part, value in zip((model.names, model.directions), seen.spread(weight, features, RANK), strict=True):
            part.weight.copy_(value)
        model.names.bias.copy_(bias)
    noise = features.std(0) * NOISE
    named, shown = (labels != UNNAMED).nonzero()[:, 0], (labels == UNNAMED).nonzero()[:, 0]
    taught = (features[shown] @ weight.T + bias).softmax(-1)

    def loss(rng: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        mine = named[torch.randint(len(named), (NAMED,), generator=rng)]
        theirs = torch.randint(len(shown), (TAUGHT,), generator=rng)
        x = torch.cat([features[mine], features[shown[theirs]]])
        logits = model.names(model.directions(x + torch.randn(x.shape, generator=rng) * noise))
        naming = F.cross_entropy(logits[:NAMED], labels[mine], label_smoothing=0.05)
        teaching = F.cross_entropy(logits[NAMED:], taught[theirs])
        right = (logits[:NAMED].argmax(1) == labels[mine]).float().mean()
        row = {"naming": naming.item(), "teaching": teaching.item(), "right": right.item()}
        return naming + 0.3 * teaching, row

    Course("what", [(model.directions, 5e-5), (model.names, 3e-4)], steps, out, seed).run(loss)


def save(model: ObjectDetector, folder: Path) -> None:
    """A folder of ours, float16."""
    weights = {
        k: v.half() if v.is_floating_point() else v
        for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")
    }  # fmt: skip
    save_folder(folder, asdict(model.config), weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tower", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    for part, default in (("chunks", 50), ("where", 500), ("colour", 300), ("what", 300), ("seed", 0)):
        parser.add_argument(f"--{part}", type=int, default=default)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model = new_detector(seen.names_of_training(args.out), args.tower)
    seen.keep(model, args.out, range(args.chunks))
    learn_what(model, args.out, args.tower, args.what, args.seed)
    learn_colours(model, args.out, args.colour, args.seed)
    learn_where(model, args.out, args.where, args.seed)
    save(model, args.out / "detector")


if __name__ == "__main__":
    main()

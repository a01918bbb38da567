"""Stage 1 for pictures: tune the vision tower and one prototype a name, with the tower as its own teacher.

Named pictures are learned by cross-entropy over all names; emoji also as other hands could have drawn them.
Photographs have no names in reach, so the untouched tower labels them: its ImageNet posterior and its features are the
targets (Li & Hoiem, "Learning without Forgetting", 2016), and its classifier's weight vectors are the first prototypes.

    python -m trenza.align.tower --out DIR [--steps 1700] [--seed 0] [--start DETECTOR] [--times 1] [--redrawn 4]

On an accelerator if there is one, where --times makes the batches larger.
"""

import argparse
import copy
import json
import math
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from trenza.align import augment
from trenza.align.concepts import (
    CROPS_A_PHOTOGRAPH,
    Concepts,
    all_names,
    concepts_of,
    on_white,
    photograph_crops,
    rendered,
    table_pictures,
    training_pictures,
)  # fmt: skip
from trenza.align.redrawn import redrawn
from trenza.data.corpora.pictures import EMOJI_STYLES, THINGS, Picture
from trenza.errors import WeightsError
from trenza.systems import load
from trenza.towers.efficientnet import EfficientNet, folded, quick, unfolded
from trenza.towers.objects import UNTOUCHED_PIXELS, numbers_of

FIRST_TUNED_BLOCK = 6  # the blocks before see only edges and textures, and cost half of the backward pass
MIXED_AFTER = (3, 6)  # blocks before which some pictures' styles are mixed
NAMED, TABLES, CROPS, CUTOUTS = 52, 8, 10, 6  # pictures of each kind in a batch
RATES = (4e-4, 8e-4)  # of tower and prototypes; more with the square root of the batch
SHARE = {"emoji": 0.55, "stamps": 0.25, "openclipart": 0.2}
# The first for the first 60% of the steps (progressive resizing, as in Tan & Le 2021).
STUDENT_PIXELS = {"cpu": (128, 160), "cuda": (160, 208)}
TEACHER_PIXELS = UNTOUCHED_PIXELS  # the teacher is who names photographs beside the detector
# The teacher is unsure on cut-outs and close crops (4.8 nats of entropy); sharper targets keep its order.
TEACHER_TEMPERATURE = 0.6
ONE_SIDED = re.compile("letter|arrow|button|left|right|note|number|sign|yen|euro|dollar|pound")  # never mirrored
NOTHING_WEIGHT = 0.35  # emoji that are no things (faces, signs) are drawn this often
REDRAWN = 4  # times that each emoji also comes drawn anew
STEPS = 1700
KEPT = 0.99  # of the average of weights, a step
BACK = 0.5  # of the way to the detector that was begun with


class Pictures:
    """The training pictures in memory, drawn by source, then by name, then by hand."""

    def __init__(self, training: list[Picture], index: dict[str, int], seed: int, anew: int = REDRAWN):
        """anew: times that each emoji also comes drawn anew."""
        rng = np.random.default_rng(seed)
        emoji = [picture for picture in training if picture.source in EMOJI_STYLES]
        training, rgba = rendered([*training, *(redrawn(p, rng) for _ in range(anew) for p in emoji)])
        self.rgba = torch.from_numpy(rgba)
        self.label = torch.tensor([index[p.name] for p in training])
        self.mirrors = torch.tensor([not ONE_SIDED.search(p.name) for p in training])
        self.photograph = torch.tensor([p.cut_out for p in training])
        source = np.array([p.source if p.source in SHARE else "emoji" for p in training])
        weight = np.zeros(len(training))
        for name, share in SHARE.items():
            here = np.flatnonzero(source == name)
            labels = self.label[here].numpy()
            each = 1.0 / np.bincount(labels)[labels]
            if name == "emoji":
                each *= [1.0 if training[i].group in THINGS else NOTHING_WEIGHT for i in here]
            weight[here] = share * each / each.sum()
        self.weight = torch.from_numpy(weight)

    def to(self, device: torch.device) -> "Pictures":
        for name in ("rgba", "label", "mirrors", "photograph", "weight"):
            setattr(self, name, getattr(self, name).to(device))
        return self

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        return torch.multinomial(self.weight, count, replacement=True, generator=rng)


def normalise(rgb: Tensor) -> Tensor:
    """Float 0..1 to the tower's range, in the memory layout that is fastest on CPUs."""
    return EfficientNet.normalise(rgb * 255).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def pooled(tower: EfficientNet, rgb: Tensor, size: int) -> Tensor:
    """uint8 [N, 3, H, W], seen at `size` x `size`, to mean features [N, 1280]."""
    out = []
    for chunk in rgb.split(64):
        x = F.interpolate(chunk.float() / 255, size=size, mode="bicubic", antialias=True).clamp(0, 1)
        with torch.autocast(rgb.device.type, torch.bfloat16):
            out.append(tower(normalise(x)).float().mean((2, 3)))
    return torch.cat(out)


def first_prototypes(tower: EfficientNet, named: list[tuple[Tensor, Tensor]], concepts: Concepts) -> nn.Linear:
    """ImageNet's weight vectors where a name has one; else linear discriminants of the tower's features.

    named: pictures uint8 [N, 3, H, W] and their names [N], of each source.
    """
    features = torch.cat([pooled(tower, rgb, 160) for rgb, _ in named])
    labels, count = torch.cat([own for _, own in named]), len(all_names(concepts))
    keys = nn.Linear(features.shape[1], count, device=features.device)
    mean = features.mean(0)
    per_name = torch.zeros_like(keys.weight).index_add_(0, labels, features - mean)
    counts = torch.bincount(labels, minlength=count).clamp(min=1)[:, None]
    centred = per_name / counts
    covariance = (features - mean).T.cov()
    shrunk = covariance + torch.eye(len(mean), device=mean.device) * covariance.diagonal().mean()
    weight = torch.linalg.solve(shrunk, centred.T).T
    scale = tower.classifier.weight.norm(dim=1).mean() / weight.norm(dim=1)[weight.norm(dim=1) > 0].mean()
    with torch.no_grad():
        keys.weight.copy_(weight * scale)
        keys.bias.copy_(-keys.weight @ mean - 2.0)
        for imagenet, name in enumerate(concepts.of_imagenet):
            if not centred[name].any():
                keys.weight[name] = tower.classifier.weight[imagenet]
                keys.bias[name] = tower.classifier.bias[imagenet]
    return keys


def teach(tower: EfficientNet, rgb: Tensor, concepts: Concepts) -> tuple[Tensor, Tensor, Tensor]:
    """The untouched tower's posterior over our names [N, C], how sure it is [N] in 0..1, its features [N, 1280]."""
    features = pooled(tower, rgb, TEACHER_PIXELS)
    with torch.no_grad():
        logits = tower.classifier(features.to(tower.classifier.weight.dtype)).float()
    posterior = (logits / TEACHER_TEMPERATURE).softmax(-1)
    entropy = -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1)
    targets = posterior.new_zeros(len(rgb), len(all_names(concepts)))
    targets.index_add_(1, torch.tensor(concepts.of_imagenet, device=rgb.device), posterior)
    return targets, 1 - entropy / math.log(logits.shape[1]), features


def named_forward(tower: EfficientNet, x: Tensor, drawn: int, rng: torch.Generator) -> Tensor:
    """Pictures [B, 3, S, S] to features [B, 1280]. Of the first `drawn` some are given a mix of styles."""
    x = tower.stem(x)
    for number, block in enumerate(tower.blocks):
        if number in MIXED_AFTER:
            x = torch.cat([augment.mix_styles(x[:drawn], rng), x[drawn:]])
        x = block(x)
    return tower.head(x).mean((2, 3)).float()


def known_already(detector: Path, names: tuple[str, ...]) -> tuple[EfficientNet, nn.Linear]:
    """The tower and the keys of a detector that was made before. Raises WeightsError where it says other names."""
    made = load.objects(detector).requires_grad_(True)
    if made.keys is None or made.config.names != names:
        raise WeightsError(f"{detector} has other names than the training pictures; leave --start out to begin anew")
    return made.tower, made.keys


def train(
    out: Path,
    steps: int,
    seed: int,
    untouched: EfficientNet,
    start: Path | None = None,
    times: int = 1,
    anew: int = REDRAWN,
) -> None:
    """Tune for `steps`, from the untouched tower or from a detector's; the averaged weights go to `out`.

    times: how many times as large batches are. anew: see `Pictures`.

    Of a detector's, those go that lie halfway to where it was begun (as WiSE-FT does: Wortsman et al. 2022, section 3).
    """
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rng = torch.Generator(device).manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    training = training_pictures()
    concepts = concepts_of(training)
    index = numbers_of(all_names(concepts))
    data = Pictures(training, index, seed, anew)
    crops = torch.from_numpy(photograph_crops(False, CROPS_A_PHOTOGRAPH, seed)).to(device)
    cutouts = torch.from_numpy(on_white(data.rgba[data.photograph].numpy())).to(device)
    photographs = torch.cat([crops, cutouts])
    data = data.to(device)
    table, names = table_pictures(seed)
    tables, of_tables = torch.from_numpy(table).to(device), torch.tensor([index[name] for name in names], device=device)
    untouched = untouched.to(device)
    teacher = quick(untouched)
    targets, sure, features = teach(teacher, photographs, concepts)
    if start is None:
        few = torch.randperm(len(tables), generator=rng, device=device)[: len(tables) // 4]
        white = torch.from_numpy(on_white(data.rgba[: len(training)].cpu().numpy())).to(device)  # not those drawn anew
        known = (white, data.label[: len(training)])
        keys = first_prototypes(teacher, [known, (tables[few], of_tables[few])], concepts)
        first = untouched
    else:
        first, keys = known_already(start, all_names(concepts))
        first, keys = first.to(device), keys.to(device)
        first.classifier = untouched.classifier  # which a detector has no use for
    (out / "concepts.json").write_text(json.dumps(concepts.__dict__))
    print(f"{len(data.rgba)} pictures, {len(photographs)} photographs, {len(index)} names", flush=True)

    # Batch norm keeps ImageNet's statistics all along, so that it can be folded away, which saves time.
    tower = folded(first).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for part in (tower.stem, *list(tower.blocks)[:FIRST_TUNED_BLOCK], tower.classifier):
        part.requires_grad_(False)
    model = nn.ModuleDict({"tower": tower, "prototypes": keys})
    before = copy.deepcopy(model)
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(KEPT))
    tuned = [p for p in tower.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [{"params": p, "lr": rate * times**0.5} for p, rate in zip((tuned, keys.parameters()), RATES, strict=True)],
        weight_decay=0.02,
    )
    counts = [times * count for count in (NAMED, TABLES, CROPS, CUTOUTS)]
    peak = [group["lr"] for group in optimiser.param_groups]
    log = (out / "metrics.jsonl").open("w")
    begun = time.time()
    for step in range(steps):
        progress = step / steps
        size = STUDENT_PIXELS[device.type][progress >= 0.6]
        rate = min(1, (step + 1) / 50) * (0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2)
        for group, lr in zip(optimiser.param_groups, peak, strict=True):
            group["lr"] = lr * rate
        named = data.draw(counts[0], rng)
        told, of_crops, of_cutouts = (
            torch.randint(len(pictures), (count,), generator=rng, device=device)
            for pictures, count in zip((tables, crops, cutouts), counts[1:], strict=True)
        )
        seen = torch.cat([of_crops, len(crops) + of_cutouts])
        rgb = torch.cat([
            augment.compose(data.rgba[named], data.mirrors[named], crops, size, rng),
            augment.jitter_photographs(tables[told], size, rng),
            augment.jitter_photographs(photographs[seen], size, rng),
        ])  # fmt: skip
        with torch.autocast(device.type, torch.bfloat16):
            pooled_now = named_forward(tower, normalise(rgb), len(named), rng)
        logits = keys(F.dropout(pooled_now, 0.2))
        labels = torch.cat([data.label[named], of_tables[told]])
        naming = F.cross_entropy(logits[: len(labels)], labels, label_smoothing=0.05)
        teaching = (F.cross_entropy(logits[len(labels) :], targets[seen], reduction="none") * sure[seen]).mean()
        keeping = F.mse_loss(pooled_now[len(labels) :], features[seen]) / features.var()
        loss = naming + teaching + 0.5 * keeping
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        average.update_parameters(model)
        if step % 20 == 0:
            right = (logits[: len(labels)].argmax(1) == labels).float()
            row = {
                "step": step, "seconds": round(time.time() - begun), "loss": loss.item(),
                "right": right[: len(named)].mean().item(), "right of tables": right[len(named) :].mean().item(),
                "naming": naming.item(), "teaching": teaching.item(), "keeping": keeping.item(),
            }  # fmt: skip
            log.write(json.dumps(row) + "\n")
            log.flush()
        if step % 200 == 199 or step + 1 == steps:
            best: Any = copy.deepcopy(average.module)
            if start is not None:
                with torch.no_grad():
                    for end, begin in zip(best.parameters(), before.parameters(), strict=True):
                        end.lerp_(begin, BACK)
            save(unfolded(best["tower"], untouched), best["prototypes"], out / "tower.safetensors")


def save(tower: EfficientNet, prototypes: nn.Linear, file: Path) -> None:
    """Float32 weights of tower and keys, written beside the file and then moved into place."""
    partial = file.with_suffix(".partial")
    model = nn.ModuleDict({"tower": tower, "prototypes": prototypes})
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, partial)
    partial.replace(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="a detector's folder to go on from (default: the untouched tower)")
    parser.add_argument("--times", type=int, default=1, help="how many times as large batches are")
    parser.add_argument("--redrawn", type=int, default=REDRAWN, help="times that each emoji also comes drawn anew")
    args = parser.parse_args()
    from trenza.checkpoints.parts import efficientnet_lite2

    untouched = efficientnet_lite2().eval()
    train(args.out, args.steps, args.seed, untouched, args.start, args.times, args.redrawn)


if __name__ == "__main__":
    main()

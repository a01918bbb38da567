"""How fast does trenza train beside transformers' Trainer, in how much memory, and does it learn the same?

    python benchmarks/train.py [--steps 12] [--rounds 2] [--json docs/train.json]

Both sides train the bridge of one LLaVA on the same answers of easy-vqa, from the same weights, in the same batches:
ours with `trenza.align.trainer`, theirs with transformers' Trainer over LlavaForConditionalGeneration
(benchmarks/peer.py). Both have AdamW without weight decay, the rate and the warm-up that the shipped default was
trained with (recipes/default.yaml: a peak of 6e-4, 20 steps) under our cosine, so that 12 steps reach 1.2e-4, gradients
clipped at 1, and the mean over all tokens of a step's answers as the loss. Each token counts alike here, as theirs do;
a training of ours weighs evidence and answers (`systems/places.py`). The rows of theirs hold one question each, since
their mask lets a question see the ones before it; their tower sees the picture at every step, as their users' does.
What ours takes to see all pictures once before the first step is given too.

Times and memory are in bfloat16, the default's arithmetic, each side in a process of its own, in turn; the ratio is of
the best times, and the peak memory is the process's. What is learned is compared with the language model in float32
(the frozen tower stays in bfloat16 and gives both the same features to the bit). In bfloat16 both sides compute the
same too, but products of other shapes are rounded otherwise, and training makes that grow from step to step, the more
the higher the rates: at a peak of 1e-3 the last three of 12 steps of ours lay 2% from those of the same training of
ours in float32. The losses in bfloat16 are given beside. In float32 it grows as well. Two processes and one lay 4e-5
apart at most in 12 steps of these rates, 2e-4 at a peak of 1e-3, and 0.06 after a warm-up of 4 steps to that peak.

Two processes (gloo, one thread each) against one process of two threads: the losses likewise, and the time of a step.
"""

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn

CONVERSATIONS, TURNS = 6, 6
IMAGE_TOKEN = 17  # one of SmolLM2's unused control tokens; no text of ours has it


def recipe(out: Path, steps: int):
    from trenza.align.recipe import DataSource, Recipe

    return Recipe(
        system="llava", out=out, data=[DataSource(build=["easy-vqa"], limit=CONVERSATIONS * 40)], steps=steps,
        batch=CONVERSATIONS, turns=TURNS, bridge_rate=6e-4, warmup=20, save_every=10**6, sample_every=10**6,
    )  # fmt: skip


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def pinned(precise: bool):
    """The pinned parts, the language model in float32 where what is learned is compared; its towers stay as they are,
    since both sides see the same features."""
    from trenza.align import assemble

    parts = assemble.pinned()
    if precise:
        parts.language.float()
    return parts


def ours(steps: int, precise: bool) -> dict:
    from trenza.align.trainer import Trainer
    from trenza.systems.places import Places

    Places._weights = lambda self, answer: torch.ones(len(answer))  # type: ignore[method-assign]
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as out:
        begun = time.perf_counter()
        trainer = Trainer(recipe(Path(out), steps), pinned(precise))
        trainer.system.language.added.requires_grad_(False)  # theirs can't train some rows of a table alone
        before = time.perf_counter() - begun
        trainer.run(rows.append)
    return {"losses": [r["loss"] for r in rows], "seconds": [r["seconds"] for r in rows], "before": before}


class Tower(nn.Module):
    """Looks like a vision tower of transformers: pixels in, our features out."""

    def __init__(self, eyes):
        super().__init__()
        self.eyes = eyes

    def train(self, mode: bool = True):
        """It is frozen: in training its batch norms would take the batch's own means."""
        return super().train(False)

    def forward(self, pixel_values: Tensor, **_):
        from transformers.modeling_outputs import BaseModelOutput

        from trenza.systems import seeing

        features = seeing.look(self.eyes, pixel_values)
        return BaseModelOutput(last_hidden_state=features, hidden_states=(features,))


class Bridge(nn.Module):
    """Our bridge with its marks, between their tower and their splice."""

    def __init__(self, system, dtype: torch.dtype):
        super().__init__()
        self.bridge, self.dtype = system.bridges["image"], dtype
        self.begin, self.end = system.marks["image_begin"], system.marks["image_end"]

    def forward(self, features: Tensor) -> Tensor:
        tokens = self.bridge(features).unflatten(0, features.shape[:2])
        marks = (m.expand(len(features), -1, -1) for m in (self.begin, self.end))
        begin, end = marks
        return torch.cat([begin, tokens, end], 1).to(self.dtype)


def theirs(steps: int, precise: bool) -> dict:
    """The same conversations, a row for each question."""
    import transformers

    import peer
    from trenza.align import trainer
    from trenza.signals import decode
    from trenza.signals.normalise import square
    from trenza.systems import seeing

    parts = pinned(precise)
    with tempfile.TemporaryDirectory() as out:
        given = recipe(Path(out), steps)
        made = trainer.Trainer(given, parts)  # its batches and its first weights, nothing of it is run
    system = made.system
    model = peer.bare(system.language, IMAGE_TOKEN).requires_grad_(False)
    projector = Bridge(system, model.dtype)  # before the tower is there, whose type may be another
    model.model.vision_tower = Tower(parts.grids.eyes)
    model.model.multi_modal_projector = projector
    pictures = _pictures(parts)
    media_tokens = seeing.PIXELS**2 // 32**2 + 2 * len(system.marks["image_begin"])
    rows: list[list[dict]] = []  # of each step
    for _, examples in zip(range(steps), made.feed, strict=False):
        rows.append([])
        for example in examples:
            data = pictures[example.media[0].features.half().numpy().tobytes()]
            pixels = torch.from_numpy(square(decode(data, name="easy-vqa", kind="image"), seeing.PIXELS))
            for turn in example.turns:
                before = [*example.opening, *[IMAGE_TOKEN] * media_tokens, *turn.question]
                labels = [-100] * len(before) + turn.answer
                rows[-1].append({"input_ids": [*before, *turn.answer], "labels": labels, "pixel_values": pixels})
    del made, system, pictures, parts  # their peak memory holds one language model, as ours does

    def collate(some: list[dict]) -> dict[str, Tensor]:
        size = max(len(r["input_ids"]) for r in some)
        fill = {"input_ids": 2, "labels": -100}
        made = {k: torch.tensor([r[k] + [v] * (size - len(r[k])) for r in some]) for k, v in fill.items()}
        mask = torch.tensor([[1] * len(r["input_ids"]) + [0] * (size - len(r["input_ids"])) for r in some])
        return {**made, "attention_mask": mask, "pixel_values": torch.stack([r["pixel_values"] for r in some])}

    losses, seconds = [], []

    class Clocked(transformers.Trainer):
        def get_train_dataloader(self):
            return torch.utils.data.DataLoader(rows, batch_size=1, collate_fn=lambda b: collate(b[0]))  # type: ignore[arg-type]

        def training_step(self, *args, **options):
            begun = time.perf_counter()
            loss = super().training_step(*args, **options)
            losses.append(float(loss))
            self.begun = begun
            return loss

    class Clock(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            seconds.append(time.perf_counter() - clocked.begun)

    share = [trainer.rate(step, given) for step in range(steps)]
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=given.bridge_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: share[min(step, steps - 1)])
    with tempfile.TemporaryDirectory() as out:
        settings = transformers.TrainingArguments(
            out, max_steps=steps, use_cpu=True, max_grad_norm=trainer.CLIP, report_to=[], save_strategy="no",
            logging_strategy="no", remove_unused_columns=False, disable_tqdm=True,
        )  # fmt: skip
        clocked = Clocked(model, settings, optimizers=(optimiser, schedule), train_dataset=rows, callbacks=[Clock()])
        clocked.train()
    return {"losses": losses, "seconds": seconds, "questions": sum(map(len, rows)) / steps}


def _pictures(parts) -> dict[bytes, bytes]:
    """The file of each picture, by the features that were kept of it."""
    from trenza.align import assemble, feeding
    from trenza.align.conversations import talks
    from trenza.data.files import Broken
    from trenza.data.formats.webdataset import shards_of
    from trenza.data.shards import read_shard

    given = recipe(Path("nowhere"), 1)
    look, _ = assemble.look_with(given, parts)
    folder = feeding._built(given.data[0], lambda what, done, total: None)
    whole = (s for s in read_shard(shards_of(folder)[0]) if not isinstance(s, Broken))
    found = {}
    for talk, _ in zip(talks(whole), range(given.data[0].limit or 0), strict=False):
        ((medium,),) = look([talk])
        found[medium.features.half().numpy().tobytes()] = talk.media[0].data
    return found


def run(side: str, steps: int, precise: bool = False) -> dict:
    env = {**os.environ, "OMP_NUM_THREADS": "1" if side == "two" else "2"}
    command = [sys.executable, __file__, "--side", side, "--steps", str(steps), *["--precise"] * precise]
    if side == "two":
        env["ACCELERATE_USE_CPU"] = "true"
        command[1:1] = ["-m", "torch.distributed.run", "--nproc_per_node=2"]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    if done.returncode:
        raise SystemExit(f"{side} failed\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def steady(result: dict) -> float:
    """Seconds a step, the first two left out: they warm caches up."""
    return sum(result["seconds"][2:]) / len(result["seconds"][2:])


def apart(some: dict, other: dict) -> dict:
    """Of two trainings of the same."""
    last = [sum(r["losses"][-3:]) / 3 for r in (some, other)]
    return {
        "mean loss of the last three steps": last, "losses differ by": abs(last[0] / last[1] - 1),
        "largest difference of a step's losses":
            max(abs(a - b) for a, b in zip(some["losses"], other["losses"], strict=True)),
    }  # fmt: skip


def compare(steps: int, rounds: int) -> dict:
    results: dict[str, list[dict]] = {"ours": [], "theirs": [], "two": []}
    for _ in range(rounds):
        for side, own in results.items():
            own.append(run(side, steps))
    best = {side: min(map(steady, own)) for side, own in results.items()}
    memory = {side: min(r["gigabytes"] for r in results[side]) for side in ("ours", "theirs")}
    rough = {side: own[0] for side, own in results.items()}
    exact = {side: run(side, steps, precise=True) for side in results}
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores", "steps": steps,
        "questions a step": round(rough["theirs"]["questions"], 1), "conversations a step": CONVERSATIONS,
        "seconds a step": {side: round(s, 3) for side, s in best.items()},
        "all rounds": {side: [round(steady(r), 3) for r in own] for side, own in results.items()},
        "times as fast": round(best["theirs"] / best["ours"], 2), "target": 4.0,
        "seconds ours takes to begin, pictures seen included where they weren't": round(rough["ours"]["before"], 1),
        "losses in float32": apart(exact["ours"], exact["theirs"]),
        "losses in bfloat16": apart(rough["ours"], rough["theirs"]), "losses may differ by": 0.01,
        "peak gigabytes": memory, "memory, ours over theirs": round(memory["ours"] / memory["theirs"], 3),
        "memory target": 0.5,
        "two processes": {
            "losses in float32": apart(exact["two"], exact["ours"]),
            "losses in bfloat16": apart(rough["two"], rough["ours"]), "target": 1e-4,
            "time of a step over one process of two threads": round(best["two"] / best["ours"], 3),
            "time target": 1.15,
        },
        "losses": {"float32": _losses(exact), "bfloat16": _losses(rough)},
    }  # fmt: skip


def _losses(results: dict[str, dict]) -> dict[str, list[float]]:
    return {side: [round(loss, 6) for loss in own["losses"]] for side, own in results.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--side", choices=("ours", "theirs", "two"), help=argparse.SUPPRESS)
    parser.add_argument("--precise", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        result = (theirs if args.side == "theirs" else ours)(args.steps, args.precise)
        assert all(map(math.isfinite, result["losses"]))
        if os.environ.get("RANK", "0") == "0":
            print(json.dumps(result | {"gigabytes": peak()}))
        return
    result = compare(args.steps, args.rounds)
    print(json.dumps(result, indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

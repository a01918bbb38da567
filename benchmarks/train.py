"""How fast does trenza train beside transformers' Trainer, in how much memory, and does it learn the same?

    python benchmarks/train.py [--steps 12] [--rounds 2] [--json docs/train.json]

Both sides train the bridge of one LLaVA on the same answers of easy-vqa, from the same weights, in the same batches,
in bfloat16: ours with `trenza.align.trainer`, theirs with transformers' Trainer over LlavaForConditionalGeneration
(benchmarks/peer.py). Each side runs in a process of its own, in turn; the ratio is of the best times, and the peak
memory is the process's. The rows of theirs hold one question each, since their mask lets a question see the ones
before it; their tower sees the picture at every step, as their users' does. What ours takes to see all pictures once
before the first step is given too. Each token of an answer counts alike here, as theirs do; a training of ours weighs
evidence and answers (`systems/places.py`).

Two processes (gloo, one thread each) against one process of two threads: the losses, and the time of a sample.
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
        batch=CONVERSATIONS, turns=TURNS, warmup=1, save_every=10**6, sample_every=10**6,
    )  # fmt: skip


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def ours(steps: int) -> dict:
    from trenza.align import assemble
    from trenza.align.trainer import Trainer
    from trenza.systems.places import Places

    Places._weights = lambda self, answer: torch.ones(len(answer))  # type: ignore[method-assign]
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as out:
        begun = time.perf_counter()
        trainer = Trainer(recipe(Path(out), steps), assemble.pinned())
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


def theirs(steps: int) -> dict:
    """The same conversations, a row for each question."""
    import transformers

    import peer
    from trenza.align import assemble, trainer
    from trenza.signals import decode
    from trenza.signals.normalise import square
    from trenza.systems import seeing

    with tempfile.TemporaryDirectory() as out:
        given = recipe(Path(out), steps)
        made = trainer.Trainer(given, assemble.pinned())  # its batches and its first weights, nothing of it is run
    system, eyes = made.system, assemble.pinned().grids.eyes
    model = peer.bare(system.language, IMAGE_TOKEN).requires_grad_(False)
    model.model.vision_tower = Tower(eyes)
    model.model.multi_modal_projector = Bridge(system, model.dtype)
    pictures = _pictures()
    media_tokens = seeing.PIXELS**2 // 32**2 + 2 * len(system.marks["image_begin"])
    rows, batches = [], iter(made.feed)
    for _ in range(steps):
        for example in next(batches):
            data = pictures[example.media[0].features.half().numpy().tobytes()]
            pixels = torch.from_numpy(square(decode(data, name="easy-vqa", kind="image"), seeing.PIXELS))
            for turn in example.turns:
                before = [*example.opening, *[IMAGE_TOKEN] * media_tokens, *turn.question]
                labels = [-100] * len(before) + turn.answer
                rows.append({"input_ids": [*before, *turn.answer], "labels": labels, "pixel_values": pixels})

    def collate(some: list[dict]) -> dict[str, Tensor]:
        size = max(len(r["input_ids"]) for r in some)
        fill = {"input_ids": 2, "labels": -100}
        made = {k: torch.tensor([r[k] + [v] * (size - len(r[k])) for r in some]) for k, v in fill.items()}
        mask = torch.tensor([[1] * len(r["input_ids"]) + [0] * (size - len(r["input_ids"])) for r in some])
        return {**made, "attention_mask": mask, "pixel_values": torch.stack([r["pixel_values"] for r in some])}

    losses, seconds = [], []

    class Clocked(transformers.Trainer):
        def get_train_dataloader(self):
            sizes = iter(batch_sizes)
            batches = []
            at = 0
            for n in sizes:
                batches.append(rows[at : at + n])
                at += n
            return torch.utils.data.DataLoader(batches, batch_size=1, collate_fn=lambda b: collate(b[0]))

        def training_step(self, *args, **options):
            begun = time.perf_counter()
            loss = super().training_step(*args, **options)
            losses.append(float(loss))
            self.begun = begun
            return loss

    class Clock(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            seconds.append(time.perf_counter() - run.begun)

    batch_sizes = _sizes(rows, steps)
    share = [trainer.rate(step, given) for step in range(steps)]
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=given.bridge_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: share[min(step, steps - 1)])
    with tempfile.TemporaryDirectory() as out:
        settings = transformers.TrainingArguments(
            out, max_steps=steps, use_cpu=True, max_grad_norm=trainer.CLIP, report_to=[], save_strategy="no",
            logging_strategy="no", remove_unused_columns=False, disable_tqdm=True,
        )  # fmt: skip
        run = Clocked(model, settings, optimizers=(optimiser, schedule), train_dataset=rows, callbacks=[Clock()])
        run.train()
    return {"losses": losses, "seconds": seconds}


def _sizes(rows: list[dict], steps: int) -> list[int]:
    """Rows of each step: those of CONVERSATIONS pictures."""
    sizes, seen, last = [], 0, None
    for row in rows:
        if row["pixel_values"] is not last:
            if seen % CONVERSATIONS == 0:
                sizes.append(0)
            seen, last = seen + 1, row["pixel_values"]
        sizes[-1] += 1
    assert len(sizes) == steps
    return sizes


def _pictures() -> dict[bytes, bytes]:
    """The file of each picture, by the features that were kept of it."""
    from trenza.align import assemble, feeding
    from trenza.align.conversations import talks
    from trenza.data.files import Broken
    from trenza.data.formats.webdataset import shards_of
    from trenza.data.shards import read_shard

    given = recipe(Path("nowhere"), 1)
    look, _ = assemble.look_with(given, assemble.pinned())
    folder = feeding._built(given.data[0], lambda what, done, total: None)
    whole = (s for s in read_shard(shards_of(folder)[0]) if not isinstance(s, Broken))
    found = {}
    for talk, _ in zip(talks(whole), range(given.data[0].limit or 0), strict=False):
        ((medium,),) = look([talk])
        found[medium.features.half().numpy().tobytes()] = talk.media[0].data
    return found


def run(side: str, steps: int, threads: int = 2) -> dict:
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, "--side", side, "--steps", str(steps)]
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


def compare(steps: int, rounds: int) -> dict:
    results: dict[str, list[dict]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for side, own in results.items():
            own.append(run(side, steps))
    best = {side: min(map(steady, own)) for side, own in results.items()}
    last = {side: sum(own[0]["losses"][-3:]) / 3 for side, own in results.items()}
    memory = {side: min(r["gigabytes"] for r in own) for side, own in results.items()}
    one, two = run("ours", steps), run("two", steps, 1)
    apart = max(abs(a - b) for a, b in zip(one["losses"], two["losses"], strict=True))
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores", "steps": steps,
        "questions a step": CONVERSATIONS * TURNS, "conversations a step": CONVERSATIONS,
        "seconds a step": {side: round(s, 3) for side, s in best.items()},
        "all rounds": {side: [round(steady(r), 3) for r in own] for side, own in results.items()},
        "times as fast": round(best["theirs"] / best["ours"], 2), "target": 4.0,
        "seconds ours takes to begin, pictures seen included where they weren't": round(one["before"], 1),
        "mean loss of the last three steps": last,
        "losses differ by": round(abs(last["ours"] / last["theirs"] - 1), 5), "losses may differ by": 0.01,
        "peak gigabytes": memory, "memory, ours over theirs": round(memory["ours"] / memory["theirs"], 3),
        "memory target": 0.5,
        "two processes": {
            "largest difference of losses": apart, "target": 1e-4,
            "time of a step over one process of two threads": round(steady(two) / steady(one), 3), "time target": 1.15,
        },
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--side", choices=("ours", "theirs", "two"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        result = (theirs if args.side == "theirs" else ours)(args.steps)
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

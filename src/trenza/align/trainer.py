"""One trainer for all systems: the same on one process, on several (gloo, NCCL), by accelerate, and sharded (FSDP2).

A batch's loss is the sum of -log p over the answers' tokens of all processes, divided by their number, so that the same
batch gives the same gradient however it is split.
"""

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn

from trenza.align import ahead, assemble, imagined, plain, saving, sharding
from trenza.align.assemble import Parts
from trenza.align.feeding import Feed, Told, Words
from trenza.align.recipe import Recipe
from trenza.errors import TrainingError, UsageError
from trenza.systems.clip_answers import ClipAnswers
from trenza.systems.decoding import DecoderSystem
from trenza.systems.examples import Example
from trenza.systems.packing import Laid
from trenza.systems.packing import read as tokens_read
from trenza.systems.places import LOOKS

CLIP = 1.0
SAMPLES, SHOWN = 3, 40  # answers shown while training, and tokens of each
Watch = Callable[[dict[str, Any]], None]  # is given each step's line of metrics


class Step(nn.Module):
    """What is wrapped for several processes: the loss of this process's share of a batch, in `forward`."""

    def __init__(self, system: Any, sharded: bool = False):
        super().__init__()
        self.system, self.sharded = system, sharded
        self.needed: Tensor | None = None  # of a sharded batch, see `sharding.touched`

    def forward(self, batch: Any) -> tuple[Tensor, float]:
        loss, tokens = self.system.loss(batch)
        if self.sharded:
            loss, self.needed = sharding.touched(loss, self.system)
        return loss, tokens


def groups(system: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameters by rate: added tokens learn fastest, bridges faster than what was pretrained."""
    rates = {"places": recipe.places_rate, "language": recipe.learning_rate, "bridge": recipe.bridge_rate}
    made: dict[str, list[nn.Parameter]] = {kind: [] for kind in rates}
    for name, parameter in system.named_parameters():
        if parameter.requires_grad:
            kind = "places" if name.endswith("language.added") else "language" if "language." in name else "bridge"
            made[kind].append(parameter)
    return [{"params": own, "lr": rates[kind], "peak": rates[kind]} for kind, own in made.items() if own]


def rate(step: int, recipe: Recipe) -> float:
    """Share of the peak rate: a linear warm-up, then a cosine down to a twentieth."""
    warm = min(1.0, (step + 1) / max(recipe.warmup, 1))
    return warm * (0.05 + 0.95 * (1 + math.cos(math.pi * step / recipe.steps)) / 2)


class Trainer:
    """A training in `recipe.out`: metrics.jsonl, samples.jsonl, tensorboard/, checkpoints/, model/."""

    def __init__(self, recipe: Recipe, parts: Parts, told: Told = lambda what, done, total: None):
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        # Without an accelerator, processes find each other (by gloo) only where accelerate is told to do without one.
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        sharded = sharding.asked()
        with sharding.unasked():
            self.accelerator = Accelerator(cpu=not torch.accelerator.is_available(), kwargs_handlers=[unused])
        # cuDNN plans attention anew for every shape, and no two batches have the same: 1.3 s a step, not 0.28 (H100).
        torch.backends.cuda.enable_cudnn_sdp(False)
        self.tokenizer, self.words = parts.tokenizer, Words(parts.tokenizer)
        said: list[Example] = []
        if recipe.plain:  # before the language model is changed
            names = [english for english, _ in parts.lexicon().names]
            with self.accelerator.main_process_first():
                said = plain.examples(parts.language, assemble.digest(parts.language), self.words, names)
        newest = saving.latest(recipe.out / "checkpoints")  # holds all that `start` gave it
        self.system = assemble.system(recipe if newest is None else recipe.model_copy(update={"start": None}), parts)
        if sharded:
            sharding.check(self.system, self.accelerator.num_processes, self.accelerator.mixed_precision)
        self.places = getattr(self.system, "places", None)
        look, tower = assemble.look_with(recipe, parts)
        rank, ranks = self.accelerator.process_index, self.accelerator.num_processes
        with self.accelerator.main_process_first():  # what the first one has seen, the others find on disk
            self.feed = Feed(recipe, look, tower, self.words, self.places, rank, ranks, told)
        self.feed.plain = said
        self.feed.produced = getattr(self.system, "produced", None)
        if isinstance(self.system, ClipAnswers):
            self.system.keep(self.feed.usual_answers())
        if recipe.imagined:
            words = parts.lexicon()
            self.feed.imagine = partial(imagined.perceived, words, assemble.simulator(recipe, parts, words))
        self.done = 0
        moments = {} if newest is None else self._resume(newest)
        self.lay = _layer(self.system, self.accelerator.device, sharded)
        self.whole: Callable[[], Any] = lambda: self.system
        self._distribute(sharded)
        self.names: dict[Tensor, str] = {p: name for name, p in self.system.named_parameters() if p.requires_grad}
        saving.restore_moments(self.optimiser.optimizer, self.names, moments)

    def _distribute(self, sharded: bool) -> None:
        """The system and its optimiser on this process's device, whole or shared out. `whole`: the system as it was
        before that, with what was learned; all processes ask, the main one has it."""
        main, device = self.accelerator.is_main_process, self.accelerator.device
        step: nn.Module = Step(self.system, sharded)
        if sharded:
            self.whole = sharding.Unsharded(self.system, main)
            step = step.to(device)
            sharding.shard(self.system, step, device, self.accelerator.num_processes)
        optimiser = torch.optim.AdamW(groups(self.system, self.recipe), weight_decay=0.0)
        self.optimiser = self.accelerator.prepare(optimiser)
        self.step = step if sharded else self.accelerator.prepare(step)

    # --- checkpoints ------------------------------------------------------------------------------

    @property
    def checkpoints(self) -> Path:
        return self.recipe.out / "checkpoints"

    def _resume(self, found: Path) -> saving.Tensors:
        """The optimiser's moments; all else that a checkpoint holds is put back."""
        weights, moments, state = saving.load(found)
        mine = self._identity()
        begun = {key: field.default for key, field in Recipe.model_fields.items()} | state["recipe"]  # before a new key
        if wrong := [key for key in mine if begun.get(key) != mine[key]]:
            raise UsageError(
                f"{self.recipe.out} holds a training of another recipe ({', '.join(wrong)} differ); "
                "give another out=, or take the recipe it was begun with"
            )
        self.system.load_state_dict(weights, strict=False)
        self.feed.loader.restore(state["loader"])
        self.done = state["step"]
        if self.accelerator.is_main_process:
            _cut(self.recipe.out / "metrics.jsonl", self.done)
        return moments

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a training to be gone on with."""
        told = self.recipe.model_dump(mode="json", exclude={"out", "save_every", "sample_every", "workers"})
        return told | {"manifests": self.feed.manifests}

    def save(self) -> None:
        """All processes call it; the main one writes."""
        main = self.accelerator.is_main_process
        system, moments = self.whole(), saving.moments_of(self.optimiser.optimizer, self.names, main)
        if not main:
            return
        weights = {n: t.contiguous() for n, t in assemble.own_weights(system).items()}
        state = {"step": self.done, "loader": self.feed.loader.state(), "recipe": self._identity()}
        saving.save(self.checkpoints, self.done, weights, moments, state)

    # --- steps ------------------------------------------------------------------------------------

    def run(self, watch: Watch = lambda row: None) -> Path:
        """Train what is left; the folder of the trained model.

        Raises TrainingError when the loss isn't finite, UsageError when the disk is full.
        """
        try:
            return self._run(watch)
        except OSError as error:
            raise UsageError(
                f"out: {self.recipe.out} can't be written to ({error}); free some disk and run the same command again"
            ) from error

    def _run(self, watch: Watch) -> Path:
        from torch.utils.tensorboard import SummaryWriter  # takes a second to import

        out, main = self.recipe.out, self.accelerator.is_main_process
        out.mkdir(parents=True, exist_ok=True)
        batches = ahead.batches(self.feed, self.lay, self.recipe.workers, self.done, self.recipe.steps)
        board = SummaryWriter(str(out / "tensorboard"), purge_step=self.done) if main else None
        log = (out / "metrics.jsonl").open("a") if main else None
        while self.done < self.recipe.steps:
            row = self._one(batches)
            if log is not None and board is not None:
                log.write(json.dumps(row) + "\n")
                log.flush()
                for key in ("loss", "tokens_per_second", "gradient_norm"):
                    board.add_scalar(key, row[key], row["step"])
            watch(row)
            if self.done % self.recipe.save_every == 0 or self.done == self.recipe.steps:
                self.save()
            if self.done % self.recipe.sample_every == 0 or self.done == self.recipe.steps:
                self._show()
        system = self.whole()
        if main:
            assemble.save(system, self.recipe.system, out / "model")
        self.accelerator.wait_for_everyone()
        return out / "model"

    def _one(self, batches: Iterator[Any]) -> dict[str, Any]:
        begun = time.perf_counter()
        step, share = self.done, rate(self.done, self.recipe)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * share
        batch = next(batches)
        loss, tokens = self.step(batch)
        sums = torch.tensor([float(loss.detach()), tokens], dtype=torch.float64, device=self.accelerator.device)
        both = self.accelerator.reduce(sums)
        mean = float(both[0] / both[1])
        if not math.isfinite(mean):
            found = saving.latest(self.checkpoints)
            raise TrainingError(
                f"step {step}: the loss is {mean}; the last good checkpoint is "
                f"{found or 'none'}; lower learning_rate, bridge_rate or places_rate and start again"
            )
        # Processes average their gradients; the sum over all tokens is wanted, divided by their number.
        self.accelerator.backward(loss * (self.accelerator.num_processes / float(both[1])))
        if (needed := getattr(self.step, "needed", None)) is not None:
            sharding.forget(self.system, needed)
        norm = self.accelerator.clip_grad_norm_(self.step.parameters(), CLIP)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.done += 1
        seconds = time.perf_counter() - begun
        read = batch.read if isinstance(batch, Laid) else tokens_read(batch)
        return {
            "step": step, "loss": mean, "weight": round(float(both[1]), 2), "conversations": self.recipe.batch,
            "seconds": round(seconds, 3), "tokens_per_second": round(read / seconds, 1), "rate": share,
            "gradient_norm": float(sharding.whole(norm)),
        }  # fmt: skip

    def _show(self) -> None:
        """Answers to a few training questions, as they come out now, into samples.jsonl. All processes call it."""
        system = self.whole()
        if not self.accelerator.is_main_process:
            return
        records = self.feed.loader.records
        on_cpu = next(system.parameters()).device.type == "cpu"  # one token at a time, no other is faster
        system = system if on_cpu else copy.deepcopy(system).cpu()
        with (self.recipe.out / "samples.jsonl").open("a") as file:
            for number in range(SAMPLES):
                media, asked = records[(0, number * 7 % len(records.records[0]))]
                if not media and not isinstance(self.system, DecoderSystem):
                    continue  # what compares, or reads media apart, has nothing to say without any
                said = next(iter(self.feed.answerable(media, asked)), None)
                if said is None:
                    continue
                tokens = system.generate(self.feed.example(media, (said,)), self.words.end, LOOKS + 1 + SHOWN)
                decode = self.tokenizer.decode
                got = self.places.read(tokens, decode)[0] if self.places else decode(tokens)
                row = {"step": self.done, "question": said.question, "answer": got, "true": said.answer}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _layer(system: Any, device: torch.device, sharded: bool) -> Callable[[list[Example]], Any]:
    """Who makes of a batch's examples what is learned from, on the CPU and whole: workers may touch no accelerator and
    no other process."""
    if not hasattr(system, "laid"):
        return lambda examples: examples
    if device.type == "cpu" and not sharded:
        return system.laid
    return copy.deepcopy(system, {id(system.language): system.language}).laid  # which language model is never asked


def _cut(file: Path, steps: int) -> None:
    """Keep the metrics of the first `steps` steps: those after a checkpoint come again."""
    if not file.exists():
        return
    lines = [line for line in file.read_text().splitlines() if _step(line) < steps]
    partial = file.with_suffix(".partial")
    partial.write_text("".join(line + "\n" for line in lines))
    partial.replace(file)


def _step(line: str) -> float:
    """Of a line of metrics; a line cut short by a kill belongs to no step that counts."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return math.inf

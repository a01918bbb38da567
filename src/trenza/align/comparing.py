"""What an architecture gains and costs, from one trained system: the figures of `trenza compare`.

FLOPs are counted, not estimated: every matrix product and convolution that PyTorch runs (two for each multiplication
with its addition). What ONNX runs, as the reader of text does, is not among them.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Hashable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from trenza.align.trainer import Trainer
from trenza.conversation import Conversation
from trenza.data.samples import Item
from trenza.errors import UsageError
from trenza.evaluate.clustered import DIFFERENCE, SHARE, mean
from trenza.evaluate.reading import right
from trenza.evaluate.tasks import Task
from trenza.signals import Image, decode
from trenza.systems.answering import Sampling

AT_ONCE = 8
TIMED = 5  # questions that times are the median of
SHORT = Sampling(max_tokens=16)
LONG = 64  # tokens of evidence and answer; of what finds no end most goes on for hundreds
QUESTION = "What is this?"
UNSEEN, ADDED = "all, shown the media of another item", "more with their own media"
Figures = dict[str, Any]


@contextmanager
def counting():
    """A counter of FLOPs. Attention is run as plain products meanwhile: the fused ones aren't counted on a CPU."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        yield counter


def measured(trainer: Trainer, responder: Any, task: Task, picture: Image) -> Figures:
    """All figures of a trained system. responder: over the folder that the trainer wrote."""
    return {
        "system": trainer.recipe.system, "quality": quality(responder, task),
        "parameters": parameters(responder), "training": training(trainer), **serving(responder, picture),
    }  # fmt: skip


def quality(responder: Any, task: Task) -> Figures:
    """Share of items answered right, as [value, low, high, n], clustered by medium: all, by task and by capability.

    UNSEEN is the share when each item is shown the media of another one with another answer: who guesses has as many
    right as before, who looks has fewer. ADDED is how much more of the same items is right with their own. Raises
    UsageError when the system can take the media of none.
    """
    sources = task.name.split(" + ") if " + " in task.name else []
    scores: dict[str, list[tuple[float, Hashable]]] = {"all": [], UNSEEN: [], ADDED: []}
    count, refused = len(task.items), 0
    for start in range(0, count, AT_ONCE):
        some = range(start, min(start + AT_ONCE, count))
        own, others = [task.items[i] for i in some], [exchanged(task, i) for i in some]
        texts = iter(_answers(responder, [item for item in others if item is not None]))
        for index, item, text, other in zip(some, own, _answers(responder, own), others, strict=True):
            guess = None if other is None else next(texts)
            if text is None:
                refused += 1
                continue
            cluster, value = task.clusters[index], float(right(text, item.answer, item.choices))
            own_task = [source for source in sources if item.key.startswith(f"{source}/")]
            for name in ("all", *own_task, item.capability):
                scores.setdefault(name, []).append((value, cluster))
            if guess is not None:
                blind = float(right(guess, item.answer, item.choices))
                scores[UNSEEN].append((blind, cluster))
                scores[ADDED].append((value - blind, cluster))
    if not scores["all"]:
        raise UsageError("this system takes the media of none of these items; compare it on others with --task")
    told: Figures = {}
    for name in [n for n in scores if scores[n]]:
        bounds = DIFFERENCE if name == ADDED else SHARE
        found = mean([value for value, _ in scores[name]], [cluster for _, cluster in scores[name]], bounds)
        told[name] = [round(found.value, 4), round(found.low, 4), round(found.high, 4), found.n]
    return told | ({"items with media that it can't take": refused} if refused else {})


def exchanged(task: Task, index: int) -> Item | None:
    """The item with the media of the next one that has the same kinds of media, others, and another answer."""
    item, count = task.items[index], len(task.items)
    for step in range(1, count):
        other = (index + step) % count
        if task.items.kinds(other) != task.items.kinds(index) or task.clusters[other] == task.clusters[index]:
            continue
        if (found := task.items[other]).answer != item.answer:
            return replace(item, media=found.media)
    return None


def _answers(responder: Any, some: Sequence[Item]) -> list[str | None]:
    """Each item's answer; None where the system can't take its media."""
    asked = [
        Conversation.ask(i.question, *(decode(m.data, name=i.key, kind=m.kind) for m in i.media)) for i in some
    ]  # fmt: skip
    try:
        return [answer.text for answer in responder.respond_many(asked, LONG)] if asked else []
    except UsageError:
        if len(some) == 1:
            return [None]
        return [text for item in some for text in _answers(responder, [item])]


def parameters(responder: Any) -> Figures:
    """Of the system and of its towers. Trainable: what its folder holds, in a training's sense."""
    towers = [part for part in vars(responder.sense).values() if isinstance(part, nn.Module)]
    towers += [responder.sense] if isinstance(responder.sense, nn.Module) else []
    numbers = {id(p): p.numel() for part in (responder.system, *towers) for p in part.parameters()}
    return {"total": sum(numbers.values()), "of the towers": sum(p.numel() for t in towers for p in t.parameters())}


def training(trainer: Trainer) -> Figures:
    """Steps, seconds and FLOPs; the towers' work is not among them, since they see each medium once for all systems.

    What a system starts from, as BLIP-2 from its first stage, counts in seconds and stands beside them.
    """
    rows, start = _log(trainer.recipe.out), trainer.recipe.start
    before = None if start is None else sum(r["seconds"] for r in _log(start.parent)) or None  # None: isn't known
    examples = next(iter(trainer.feed))
    with counting() as counter:
        loss, _ = trainer.step(examples)
        loss.backward()
    trainer.step.zero_grad(set_to_none=True)
    return {
        "trainable parameters": sum(p.numel() for p in trainer.system.parameters() if p.requires_grad),
        "steps": len(rows), "conversations": sum(r["conversations"] for r in rows),
        "seconds": round(sum(r["seconds"] for r in rows), 1),
        "seconds of what it starts from": before and round(before, 1),
        "FLOPs": counter.get_total_flops() * len(rows),
        "last losses": [round(r["loss"], 4) for r in rows[-10:]],
    }  # fmt: skip


def _log(folder: Path) -> list[Figures]:
    """The steps that a training told; none where the folder is no training's."""
    file = folder / "metrics.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def serving(responder: Any, picture: Image) -> Figures:
    """Of one question about one picture."""
    asked = Conversation.ask(QUESTION, picture)
    first, each = [], []
    for _ in range(TIMED + 1):
        responder.respond(asked, SHORT, support=False)
        first.append(responder.timings.prefill)
        each.append(responder.timings.decode_per_token)
    # What compares has its answer all at once.
    writes = hasattr(responder.system, "stream")
    speed = {"tokens a second": round(1 / max(statistics.median(each[1:]), 1e-9), 1)} if writes else {}
    prompt = responder.prompt(asked)
    media = prompt.example.media
    with torch.no_grad(), counting() as counter:
        responder.sense([picture])
    seen = counter.get_total_flops()
    with counting() as counter:
        responder.system.score(prompt.example, [[responder.end]])
    return {
        "picture": {
            "tokens": prompt.media_tokens, "tower FLOPs": seen, "prefill FLOPs": counter.get_total_flops(),
            "cache bytes": responder.system.cache_bytes(media),
        },
        "times": {"seconds to the first token": round(statistics.median(first[1:]), 4)} | speed,
    }  # fmt: skip


def peak_memory(*arguments: str) -> float:
    """GiB of a process that runs `trenza ARGUMENTS`.

    It reads its own high-water mark from Linux's /proc: what `wait4` tells of a child counts its parent's memory too.
    """
    command = [sys.executable, "-c", _TELLS_ITS_PEAK, *arguments]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return round(int(told.split()[-1]) / 2**20, 3)


_TELLS_ITS_PEAK = """
import re, sys
from pathlib import Path
from trenza.cli.main import main
try:
    failed = main(sys.argv[1:])
except SystemExit as told:
    failed = told.code
print(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(failed)
"""


def front(points: dict[str, tuple[float, float]]) -> list[str]:
    """Names of those that no other beats in both (cost, quality), the cheapest first."""
    best, kept = -1.0, []
    for name, (_, value) in sorted(points.items(), key=lambda p: (p[1][0], -p[1][1])):
        if value > best:
            best = value
            kept.append(name)
    return kept

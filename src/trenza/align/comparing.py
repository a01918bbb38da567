"""What an architecture gains and costs, from one trained system: the figures of `trenza compare`.

FLOPs are counted, not estimated: every matrix product and convolution that PyTorch runs (two for each multiplication
with its addition). What ONNX runs, as the reader of text does, is not among them.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import contextmanager
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
from trenza.evaluate.clustered import mean
from trenza.evaluate.reading import right
from trenza.signals import Image, decode
from trenza.systems.answering import Sampling

AT_ONCE = 8
TIMED = 5  # questions that times are the median of
SHORT = Sampling(max_tokens=16)
QUESTION = "What is this?"
Figures = dict[str, Any]


@contextmanager
def counting():
    """A counter of FLOPs. Attention is run as plain products meanwhile: the fused ones aren't counted on a CPU."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        yield counter


def measured(trainer: Trainer, responder: Any, items: Sequence[Item], picture: Image) -> Figures:
    """All figures of a trained system. responder: over the folder that the trainer wrote."""
    return {
        "system": trainer.recipe.system, "quality": quality(responder, items),
        "parameters": parameters(responder), "training": training(trainer), **serving(responder, picture),
    }  # fmt: skip


def quality(responder: Any, items: Sequence[Item]) -> Figures:
    """Share of items answered right, over all and by capability, as [value, low, high, n], clustered by world."""
    scores: dict[str, list[tuple[float, str]]] = {"all": []}
    refused = 0
    for start in range(0, len(items), AT_ONCE):
        for item, text in _answers(responder, items[start : start + AT_ONCE]):
            if text is None:
                refused += 1
                continue
            score = (float(right(text, item.answer, item.choices)), item.key.rpartition("-")[0])
            scores["all"].append(score)
            scores.setdefault(item.capability, []).append(score)
    told: Figures = {}
    for name in ["all", *sorted(scores.keys() - {"all"})]:
        found = mean([value for value, _ in scores[name]], [world for _, world in scores[name]])
        told[name] = [round(found.value, 4), round(found.low, 4), round(found.high, 4), found.n]
    return told | ({"items with media that it can't take": refused} if refused else {})


def _answers(responder: Any, some: Sequence[Item]) -> list[tuple[Item, str | None]]:
    """Each item's answer; None where the system can't take its media."""
    asked = [
        Conversation.ask(i.question, *(decode(m.data, name=i.key, kind=m.kind) for m in i.media)) for i in some
    ]  # fmt: skip
    try:
        return [(i, a.text) for i, a in zip(some, responder.respond_many(asked), strict=True)]
    except UsageError:
        if len(some) == 1:
            return [(some[0], None)]
        return [pair for item in some for pair in _answers(responder, [item])]


def parameters(responder: Any) -> Figures:
    """Of the system and of its towers. Trainable: what its folder holds, in a training's sense."""
    towers = [part for part in vars(responder.sense).values() if isinstance(part, nn.Module)]
    towers += [responder.sense] if isinstance(responder.sense, nn.Module) else []
    numbers = {id(p): p.numel() for part in (responder.system, *towers) for p in part.parameters()}
    return {"total": sum(numbers.values()), "of the towers": sum(p.numel() for t in towers for p in t.parameters())}


def training(trainer: Trainer) -> Figures:
    """Steps, seconds and FLOPs; the towers' work is not among them, since they see each medium once for all systems."""
    log = (trainer.recipe.out / "metrics.jsonl").read_text().splitlines()
    examples = next(iter(trainer.feed))
    with counting() as counter:
        loss, _ = trainer.step(examples)
        loss.backward()
    trainer.step.zero_grad(set_to_none=True)
    rows = [json.loads(line) for line in log]
    return {
        "trainable parameters": sum(p.numel() for p in trainer.system.parameters() if p.requires_grad),
        "steps": len(rows), "conversations": sum(r["conversations"] for r in rows),
        "seconds": round(sum(r["seconds"] for r in rows), 1), "FLOPs": counter.get_total_flops() * len(rows),
        "last losses": [round(r["loss"], 4) for r in rows[-10:]],
    }  # fmt: skip


def serving(responder: Any, picture: Image) -> Figures:
    """Of one question about one picture."""
    asked = Conversation.ask(QUESTION, picture)
    first, each = [], []
    for _ in range(TIMED + 1):
        responder.respond(asked, SHORT, support=False)
        first.append(responder.timings.prefill)
        each.append(responder.timings.decode_per_token)
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
        "times": {
            "seconds to the first token": round(statistics.median(first[1:]), 4),
            "tokens a second": round(1 / max(statistics.median(each[1:]), 1e-9), 1),
        },
    }  # fmt: skip


def peak_memory(folder: Path, picture: Path) -> float:
    """GiB of a process that answers one question with the system in `folder`."""
    command = [sys.executable, "-m", "trenza.cli.main", "ask", "--no-support", "--model", str(folder)]
    process = subprocess.Popen([*command, str(picture), QUESTION], stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return round(usage.ru_maxrss / 2**20, 3)


def front(points: dict[str, tuple[float, float]]) -> list[str]:
    """Names of those that no other beats in both (cost, quality), the cheapest first."""
    best, kept = -1.0, []
    for name, (_, value) in sorted(points.items(), key=lambda p: (p[1][0], -p[1][1])):
        if value > best:
            best = value
            kept.append(name)
    return kept

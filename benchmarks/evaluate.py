"""What does a report card cost? And is plain accuracy faster than transformers' generate in a loop?

    python benchmarks/evaluate.py [--items 16] [--probed 4] [--json docs/evaluate.json]

One process, one run, the embedded default, fresh worlds, nothing kept between the parts:

- plain accuracy against transformers: the prompts of items that have pictures only, with the same weights, by
  LlavaForConditionalGeneration.generate one after the other; what the pictures become is made by us for both. In
  bfloat16, as it ships, a place may be rounded otherwise from one batch to another, so a few items are answered in
  float32 as well, where answers have to be the same;
- the card against plain accuracy on the same items. What the probes of an item cost over its plain question is
  measured on `--probed` of them; what a card costs follows from it and from the share of items that
  `trenza evaluate` probes (evaluate/plan.py), and is told for several numbers of items;
- memory of 10,000 small items, held and all asked of a responder that does nothing, in a process of its own: the
  instrument's part. What this process took, with the model in it, stands beside it.

Times are CPU seconds of this process, so that other work on the machine doesn't count; wall seconds are beside them.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import peer
from trenza.conversation import Answer, Box, Conversation, Evidence, Usage
from trenza.data.corpora.entries import png
from trenza.data.samples import Item
from trenza.evaluate import builtin
from trenza.evaluate.asking import Asker
from trenza.evaluate.cases import conversation, pose
from trenza.evaluate.plan import PROBED_LEAST, PROBED_SHARE, Plan, plan
from trenza.evaluate.run import run
from trenza.evaluate.store import Store
from trenza.evaluate.tasks import gather, pairs_in_order
from trenza.systems import load, words
from trenza.systems.answering import Sampling

PEER_ITEMS, EXACT_ITEMS = 32, 8
MANY = 10_000


class Nobody:
    """Answers at once, so that what is left is the instrument."""

    scores = True

    def respond(self, _conversation) -> Answer:
        return Answer("yes", (), None, Usage(0, 0, 0))

    def score(self, _conversation, candidates) -> list[float]:
        return [-1.0] * len(candidates)


def timed(work: Callable[[], object]) -> tuple[object, float, float]:
    """What comes of it, CPU seconds, wall seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, time.process_time() - cpu, time.perf_counter() - wall


def fresh(responder) -> Asker:
    """Nothing known from before: neither answers nor media."""
    responder._seen.clear()
    return Asker(responder, "benchmark", Store(":memory:"))


def card_cost(responder, task, probed: int, seed: int) -> dict:
    """Plain accuracy and the card on the same items. Plain comes before and after, and counts as the mean."""
    everything = tuple(range(len(task.items)))
    nothing = Plan(everything, frozenset())
    some = Plan(everything, frozenset(pairs_in_order(task, seed, probed)))
    first = timed(lambda: run(task, nothing, fresh(responder)))
    whole = timed(lambda: run(task, some, fresh(responder)))
    second = timed(lambda: run(task, nothing, fresh(responder)))
    before = (first[1] + second[1]) / 2
    probes = (whole[1] - before) / len(some.probed) / (before / len(everything))
    shares = {n: min(n, max(PROBED_LEAST, round(PROBED_SHARE * n))) / n for n in (100, 400, 1000, 10_000)}
    return {
        "items": len(everything), "probed": len(some.probed), "questions": whole[0].asked,
        "plain, CPU s (two runs)": [round(first[1], 1), round(second[1], 1)],
        "card, CPU s": round(whole[1], 1), "wall s of the three": [round(t[2], 1) for t in (first, whole, second)],
        "probes of one item over its plain question": round(probes, 2),
        "card over plain by number of items (target 2.0)": {n: round(1 + s * probes, 2) for n, s in shares.items()},
        "the same with every item probed": round(1 + probes, 2),
    }  # fmt: skip


def with_pictures(seed: int, count: int) -> list[Conversation]:
    """The questions of so many fresh items whose media are pictures."""
    task = builtin.worlds(8 * count, seed)
    chosen = [i for i in range(len(task.items)) if set(task.items.kinds(i)) == {"image"}][:count]
    return [conversation(pose(task.items[i])) for i in chosen]


def against_transformers(responder, said: list[Conversation]) -> dict:
    """Plain prompts, answered by us and by transformers."""
    responder._seen.clear()
    ours, our_cpu, our_wall = timed(lambda: responder.respond_many(said))
    responder._seen.clear()
    model, most = peer.merged(responder.system), Sampling().max_tokens
    theirs, their_cpu, their_wall = timed(lambda: [peer.answer(model, responder, c, most) for c in said])
    return {
        "items": len(said), "same answers": sum(a.text == b for a, b in zip(ours, theirs, strict=True)),
        "ours, CPU s": round(our_cpu, 1), "transformers, CPU s": round(their_cpu, 1),
        "wall s": [round(our_wall, 1), round(their_wall, 1)],
        "transformers over ours (target 3.0)": round(their_cpu / our_cpu, 2),
    }  # fmt: skip


def memory() -> dict:
    """Peak resident memory of a process that holds and asks MANY items."""
    done = subprocess.run([sys.executable, __file__, "--many"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def many() -> None:
    """The process of `memory`."""
    rng, choices = np.random.default_rng(0), ("yes", "no")
    truth = {"media": [{"objects": [{"name": f"thing {i}", "box": [0.1, 0.2, 0.3, 0.4]} for i in range(6)]}]}
    items = (
        Item(
            f"item-{number}", (png(rng.integers(0, 256, (48, 48, 3), np.uint8)),), f"Is this the picture {number}?",
            choices[number % 2], "verify", "en", "", choices, (Evidence(0, Box(0.1, 0.1, 0.4, 0.4)),),
            f"item-{number ^ 1}", truth,
        )
        for number in range(MANY)
    )  # fmt: skip
    task = gather("many", items)
    run(task, plan(task), Asker(Nobody(), "nobody", Store(":memory:")))
    print(json.dumps({"items": len(task.items), "peak resident GiB without a model": peak()}))


def peak() -> float:
    """Largest resident memory of this process so far, GiB (Linux; getrusage would count what the parent had)."""
    line = next(row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM"))
    return round(int(line.split()[1]) / 2**20, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--many", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--probed", type=int, default=4)
    args = parser.parse_args()
    if args.many:
        return many()
    responder = words.itself(load.responder())
    task = builtin.worlds(args.items, args.seed)
    said = with_pictures(args.seed, PEER_ITEMS)
    report: dict = {"machine": f"{platform.machine()}, {torch.get_num_threads()} threads", "seed": args.seed}
    for name, part in (
        ("card against plain accuracy", lambda: card_cost(responder, task, args.probed, args.seed)),
        ("plain accuracy against transformers", lambda: against_transformers(responder, said)),
        ("this process, model and all, peak resident GiB", peak),
        (
            "plain accuracy against transformers in float32",
            lambda: against_transformers(load.trained(load.DEFAULT, torch.float32), said[:EXACT_ITEMS]),
        ),
        ("memory of the instrument", memory),
    ):
        report[name] = part()
        print(json.dumps({name: report[name]}, indent=1), flush=True)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

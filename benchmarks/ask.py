"""How long does a question take, and how much memory; and does transformers give the same answers?

    python benchmarks/ask.py [--json docs/ask.json]

One run, same weights, same 20 prompts, float32 for equality and bfloat16 for time: ours, and transformers'
LlavaForConditionalGeneration built from our weights (benchmarks/peer.py). What the pictures become is perceived anew
by our detectors for either side, inside the time. Times are given as a ratio.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow

import peer
from trenza.align.comparing import peak_memory
from trenza.conversation import Conversation
from trenza.data.corpora import pictures
from trenza.signals import Image
from trenza.systems import load
from trenza.systems.answering import Sampling
from trenza.systems.system_responder import SystemResponder

PROMPTS, MAX_TOKENS = 20, 64
QUESTIONS = ("What is this?", "Describe the picture.", "What colour is it?", "Where would you find this?")


def prompts() -> list[tuple[str, list[Image]]]:
    """Twenty questions with one to three openmoji pictures."""
    rng = np.random.default_rng(0)
    things = [p for p in pictures.emoji(pictures.UNSEEN_STYLE) if p.group in pictures.THINGS]
    made = []
    for number in range(PROMPTS):
        chosen = [things[i].rgba(128) for i in rng.choice(len(things), 1 + number % 3)]
        white = [Pillow.new("RGB", (r.shape[1], r.shape[0]), "white") for r in chosen]
        for ground, rgba in zip(white, chosen, strict=True):
            ground.paste(Pillow.fromarray(rgba), mask=Pillow.fromarray(rgba[..., 3]))
        made.append((QUESTIONS[number % 4], [Image(np.asarray(ground)) for ground in white]))
    return made


def ours(responder: SystemResponder, question: str, media: list[Image]) -> tuple[str, float]:
    responder._seen.clear()
    begun = time.perf_counter()
    answer = responder.respond(Conversation.ask(question, *media), Sampling(max_tokens=MAX_TOKENS), support=False)
    return answer.text, time.perf_counter() - begun


def theirs(model, responder: SystemResponder, question: str, media: list[Image]) -> tuple[str, float]:
    responder._seen.clear()
    begun = time.perf_counter()
    text = peer.answer(model, responder, Conversation.ask(question, *media), MAX_TOKENS)
    return text, time.perf_counter() - begun


def compare(dtype: torch.dtype, asked: list) -> dict:
    responder: Any = load.trained(load.DEFAULT, dtype)
    model = peer.merged(responder.system)
    ours(responder, *asked[0]), theirs(model, responder, *asked[0])  # warm both up
    same, ratios, first = 0, [], []
    for question, media in asked:
        mine, my_time = ours(responder, question, media)
        first.append(responder.timings.first_token)
        other, their_time = theirs(model, responder, question, media)
        same += mine == other
        ratios.append(their_time / my_time)
    low, high = np.percentile(
        [statistics.median(np.random.default_rng(s).choice(ratios, len(ratios))) for s in range(1000)], [2.5, 97.5]
    )
    return {
        "same greedy answer": f"{same} of {len(asked)}",
        "transformers' time over ours, median and 95% interval": [statistics.median(ratios), low, high],
        "our seconds to the first token, median and worst": [statistics.median(first), max(first)],
    }


def resident() -> dict:
    """Peak memory and time of one `trenza ask` in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        Pillow.fromarray(prompts()[0][1][0].pixels).save(file)
        begun = time.perf_counter()
        peak = peak_memory("ask", str(file), "What is this?")
    return {"peak resident GiB": peak, "process start to end, seconds": round(time.perf_counter() - begun, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    report: dict = {"machine": f"{platform.machine()}, {torch.get_num_threads()} threads", "trenza ask": resident()}
    asked = prompts()
    for dtype in (torch.float32, torch.bfloat16):
        report[str(dtype)] = compare(dtype, asked)
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

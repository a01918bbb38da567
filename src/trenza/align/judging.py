"""A stage of judging alone: answers read off evidence that is given, of things and sounds that are only imagined.

A system that looks before it speaks has to learn two things: to find the places, and to judge by them. Judging takes
many more examples, and needs no media: names and places are drawn, the drills of `drills.py` ask about them, and their
places stand behind the question as if the system had just written them. Only the answer is learned.

    python -m trenza.align.judging RECIPE START --out DIR [--steps 600] [--seed 0]

RECIPE is that of START, a folder that `trenza train` wrote; its rates are used. DIR/metrics.jsonl holds the curve.
"""

import argparse
import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trenza.align import assemble, drills
from trenza.align import recipe as recipes
from trenza.align.conversations import Asked, Talk, turn
from trenza.align.drills import Drill, Known
from trenza.align.feeding import Words
from trenza.align.lexicon import Lexicon
from trenza.align.trainer import CLIP, groups, rate
from trenza.layers.crossentropy import chunked
from trenza.systems.examples import Example, Turn
from trenza.systems.llava import Llava
from trenza.systems.places import Places

LANGUAGES = ("en", "es")  # as the lexicon has its names
EXAMPLES, TURNS = 8, 8  # of a step
RECENT = 1000  # answers that the share of right ones is told over
# What is imagined, and what is asked of it; as often as it stands here.
IMAGINED: dict[str, tuple[Drill, ...]] = {
    "picture": (
        *(drills.side_by_side,) * 4, *(drills.sizes,) * 2, drills.presence, *(drills.numbers,) * 2,
    ),
    "pictures": (drills.which_picture,),
    "sound": (drills.order,),
}  # fmt: skip
KINDS = ("picture",) * 5 + ("pictures", "sound")


def _box(rng: np.random.Generator) -> list[float]:
    width, height = rng.uniform(0.12, 0.4, 2)
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return [float(v) for v in (x, y, x + width, y + height)]


def _things(names: list[str], rng: np.random.Generator) -> dict[str, Any]:
    """A picture's truth: each name once, or the first several times."""
    more = int(rng.integers(5)) if rng.random() < 0.5 else 0
    boxes = [(name, _box(rng)) for name in [*names, *names[:1] * more]]
    sized = [(name, box, math.sqrt((box[2] - box[0]) * (box[3] - box[1]))) for name, box in boxes]
    return {"objects": [{"name": n, "box": b, "size": s, "colour": ""} for n, b, s in sized]}


def _sounds(names: list[str], rng: np.random.Generator) -> dict[str, Any]:
    starts = rng.uniform(0, 3, len(names))
    return {
        "sounds": [
            {"name": n, "said": bool(rng.random() < 0.5), "start": float(s), "end": float(s + rng.uniform(0.1, 0.9))}
            for n, s in zip(names, starts, strict=True)
        ]
    }


def imagined(lexicon: Lexicon, rng: np.random.Generator) -> Iterator[tuple[str, Asked]]:
    """Without end: a kind of KINDS, and a question about such media that never were, with its evidence."""
    while True:
        language = int(rng.integers(len(LANGUAGES)))
        names = [lexicon.names[i][language] for i in rng.choice(len(lexicon.names), 7, replace=False)]
        kind = KINDS[rng.integers(len(KINDS))]
        if kind == "sound":
            truth: tuple[dict[str, Any], ...] = (_sounds(names[:2], rng),)
        else:
            truth = tuple(_things(names[3 * p : 3 * p + 3], rng) for p in range(2 if kind == "pictures" else 1))
        known = Known(Talk("", (), (), truth, LANGUAGES[language]), rng, names[6:])
        asked = IMAGINED[kind][rng.integers(len(IMAGINED[kind]))](known)
        if asked is not None:
            yield kind, asked


def given(asked: Asked, words: Words, places: Places, spans: bool) -> Turn:
    """A turn whose evidence stands behind the question, so that only the answer is learned."""
    whole = turn(asked, words.encode, words.after, words.end, places, spans)
    cut = whole.answer.index(places.seen) + 1
    return Turn([*whole.question, *whole.answer[:cut]], whole.answer[cut:])


def train(
    system: Llava, words: Words, lexicon: Lexicon, recipe: recipes.Recipe, log: Callable[[dict[str, float]], None]
) -> None:
    rng = np.random.default_rng(recipe.seed)
    stream = imagined(lexicon, rng)
    optimiser = torch.optim.AdamW(groups(system, recipe), weight_decay=0.0)
    right: deque[bool] = deque(maxlen=RECENT)
    for step in range(recipe.steps):
        begun = time.perf_counter()
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * rate(step, recipe)
        turns = [
            given(a, words, system.places, kind == "sound")
            for kind, a in (next(stream) for _ in range(EXAMPLES * TURNS))
        ]
        examples = [Example(words.opening, (), tuple(turns[i : i + TURNS])) for i in range(0, EXAMPLES * TURNS, TURNS)]
        states, targets = system._predicting(examples)
        loss = chunked(system.language.logits, states, targets[:, None], torch.ones(len(targets), 1)) / len(targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in optimiser.param_groups for p in g["params"]], CLIP)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        firsts = np.cumsum([0, *(len(t.answer) for t in turns[:-1])])  # of an answer the word that decides
        with torch.no_grad():
            said = system.language.logits(states[firsts]).argmax(-1)
        right.extend((said == targets[firsts]).tolist())
        log({
            "step": step, "loss": float(loss.detach()), "right of the last answers": sum(right) / len(right),
            "seconds": round(time.perf_counter() - begun, 3),
        })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    changes = [f"start={args.start}", f"out={args.out}", f"steps={args.steps}", f"seed={args.seed}"]
    recipe, parts = recipes.load(args.recipe, changes), assemble.pinned()
    system = assemble.system(recipe, parts)
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "metrics.jsonl").open("w") as file:

        def log(row: dict[str, float]) -> None:
            file.write(json.dumps(row) + "\n")
            file.flush()
            if row["step"] % 10 == 9:
                print(row, flush=True)

        train(system, Words(parts.tokenizer), parts.lexicon(), recipe, log)
    assemble.save(system, recipe.system, args.out / "model")


if __name__ == "__main__":
    main()

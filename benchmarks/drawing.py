"""Does a native model draw what it is asked for? Our own CLIP picks the name, among 20, that fits what was drawn.

    python benchmarks/drawing.py runs/native/model [--sets 5] [--seed 0] [--json docs/drawing.json]

Sets of 20 names of things that noto draws; "Draw NAME." is asked once for each. Beside the drawings stand what the
judge says of noto's own pictures (which the space was trained on, so as well as it can do), and of the same pictures
after the codec, at 64 pixels: what the codec loses can't be drawn. Chance is 0.05, the target for drawings 0.6. How
well the codec gives pictures back in dB stands in its own report (`python -m trenza.align.codec image`).
"""

import argparse
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from naming import known_pictures
from trenza.data.corpora import pictures
from trenza.evaluate.statistics import wilson
from trenza.signals import Image
from trenza.systems import load, space

NAMES, TARGET = 20, 0.6


def things(count: int, seed: int) -> list[tuple[Image, set[str]]]:
    """Noto's pictures, each of another name, with the name."""
    some = {p.name: p for p in pictures.emoji("noto") if p.group in pictures.THINGS and not pictures.is_clock(p.name)}
    chosen = np.random.default_rng(seed).permutation(sorted(some))[:count]
    return known_pictures([some[name] for name in chosen], set(chosen))


def judged(embedder: space.Embedder, names: Sequence[str], shown: Sequence[Image]) -> list[bool]:
    """Whether each picture, shown in the order of the names, is nearest to its own name among its set's."""
    texts, seen = embedder.texts(names), embedder.signals(shown)
    found = []
    for start in range(0, len(names), NAMES):
        own = slice(start, start + NAMES)
        best = (seen[own] @ texts[own].T).argmax(1)
        found += (best == np.arange(len(best))).tolist()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a native model that trenza train wrote")
    parser.add_argument("--sets", type=int, default=5, help="of 20 names")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    begun = time.time()
    producer, embedder, codecs = load.producer(args.model), space.load(), load.codecs()
    chosen = things(args.sets * NAMES, args.seed)
    names, originals = [name for _, (name,) in chosen], [picture for picture, _ in chosen]
    coded = [codecs.picture([int(c) for c in medium.features.flatten()]) for (medium,) in codecs(originals)]
    drawn = [producer(f"Draw {name}.", seed=args.seed + number) for number, name in enumerate(names)]
    report: dict = {
        "model": args.model, "seed": args.seed, "names": len(names), "among": NAMES, "target": TARGET,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }  # fmt: skip
    for title, shown in (("originals", originals), ("after the codec", coded), ("drawn", drawn)):
        report[title] = wilson(sum(judged(embedder, names, shown)), len(names))
        print(title, report[title], flush=True)
    report["seconds"] = round(time.time() - begun)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

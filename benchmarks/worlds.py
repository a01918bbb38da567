"""How many world items a second, and what do blind readers get right?

    python benchmarks/worlds.py [--items 8000] [--workers 2] [--seed 1] [--json FILE]

Speed: items of the train split, drawn, asked and encoded in `workers` processes, the stock loaded beforehand; and
each family's time for one world (8 items) in one process. Blind readers: trained on the items of `seed`, tested on
as many of the split test_seed; 95% intervals (Wilson). One medium: the most that any reader of the crossing
questions can get right who is kept from one of the two media.
"""

import argparse
import json
import multiprocessing
import os
import platform
import time
from pathlib import Path

from trenza.cache import cache_dir
from trenza.data.samples import Item
from trenza.data.worlds import build
from trenza.data.worlds.asking import ITEMS_PER_WORLD
from trenza.evaluate.blind import blind_table, one_medium_ceiling

CHUNK = 25 * ITEMS_PER_WORLD  # items a task of the pool


def _ready(_: int) -> int:
    build.stock_of("train", build.LANGUAGES)
    time.sleep(0.5)  # long enough that every process takes one of these tasks
    return os.getpid()


def _made(task: tuple[int, int, int]) -> tuple[int, int]:
    """Items and bytes of media of a range of items."""
    start, stop, seed = task
    made = list(build.items_range(start, stop, seed))
    return len(made), sum(len(m.data) for item in made for m in item.media)


def spoken() -> int:
    return sum(1 for _ in (cache_dir() / "worlds" / "speech").glob("*/*.npy"))


def speed(count: int, workers: int, seed: int) -> dict:
    tasks = [(a, min(a + CHUNK, count), seed) for a in range(0, count, CHUNK)]
    with multiprocessing.Pool(workers) as pool:
        pool.map(_ready, range(4 * workers), chunksize=1)
        known, begun = spoken(), time.perf_counter()
        done = pool.map(_made, tasks, chunksize=1)
        seconds = time.perf_counter() - begun
    return {
        "items": sum(n for n, _ in done),
        "items a second": round(sum(n for n, _ in done) / seconds, 1),
        "workers": workers,
        "megabytes of media": round(sum(b for _, b in done) / 1e6, 1),
        "clips espeak-ng had to speak": spoken() - known,
        "load of the machine at the end": round(os.getloadavg()[0], 2),
    }


def families(seed: int, worlds: int = 30) -> dict[str, float]:
    """Milliseconds a world, by family; the second of two runs, so that all clips are spoken."""
    times = {}
    for family in build.families("train"):
        for _ in range(2):
            begun = time.perf_counter()
            for number in range(worlds):
                build.world_items(number, seed, family=family)
            seconds = time.perf_counter() - begun
        times[f"{family.__module__.split('.')[-1]}.{family.__name__}"] = round(seconds / worlds * 1e3, 1)
    return times


def blind(train: list[Item], test: list[Item]) -> dict:
    rows = blind_table(train, test, lambda item: item.capability)
    crossed = [i for i in test if i.capability == "cross" and len(i.media) == 2]
    return {
        "rows": [
            {"capability": r.group, "items": r.items, "chance": round(r.chance, 3), "at chance": r.at_chance}
            | {name: [round(v, 3) for v in values] for name, values in r.accuracy.items()}
            for r in rows
        ],
        "crossing questions": len(crossed),
        "the most a reader without the sound gets right": round(one_medium_ceiling(crossed, 0), 3),
        "the most a reader without the picture gets right": round(one_medium_ceiling(crossed, 1), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    train, test = (list(build.items(args.items, args.seed, split)) for split in ("train", "test_seed"))
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "seed": args.seed,
        "speed": speed(args.items, args.workers, args.seed + 1),
        "milliseconds a world of 8 items": families(args.seed),
        "blind readers": blind(train, test),
    }
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

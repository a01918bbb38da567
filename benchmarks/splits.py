"""Do the splits overlap? Every medium of train against every medium of each test split, by content and nearly.

    python benchmarks/splits.py BUILD... [--corpus NAME...] [--shards N] [--workers 2] [--json docs/splits.json]

BUILD: folders that `trenza data build` wrote, of which one has the train split. Each corpus is looked at by itself.
Shared: media of a test split whose decoded content train has too. Near: those that by the audit's own search
(`trenza.data.quality.alike`) look or sound nearly like one of train, by source, or by the template that they serve.
easy-vqa and Fashion-MNIST come with splits of their own and are left out.
"""

import argparse
import json
import multiprocessing
import platform
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from trenza.data.formats import read, webdataset
from trenza.data.quality.alike import near
from trenza.data.quality.measure import Measured, measure
from trenza.data.samples import Item

THEIR_OWN = ("easy-vqa", "fashion-mnist")
Group = dict[str, tuple[Measured, str]]  # content -> what is known of it, and what it serves


def of_shard(shard: Path) -> list[tuple[str, str, str, Measured]]:
    """(corpus, split, what it serves, measured) of each different medium of a shard."""
    found: dict[tuple[str, str], tuple[str, str, str, Measured]] = {}
    corpus = shard.stem.rpartition("-")[0]
    for sample in read(shard):
        if isinstance(sample, Item):
            serves = sample.truth["template"] if isinstance(sample.truth, dict) else corpus
            media = sample.media
        else:
            serves, media = sample.source, (sample.media,)
        for medium in media:
            if (sample.split, medium.sha256) not in found:
                found[sample.split, medium.sha256] = corpus, sample.split, serves, measure(medium, sample.key)
    return list(found.values())


def groups(builds: list[Path], corpora: list[str] | None, most: int, workers: int) -> dict[str, dict[str, Group]]:
    """Corpus -> split -> its media, each content once, blank and broken ones left out."""
    made: dict[str, dict[str, Group]] = defaultdict(lambda: defaultdict(dict))
    shards = [s for build in builds for s in webdataset.shards_of(build) if not s.name.startswith(THEIR_OWN)]
    shards = [s for s in shards if int(s.stem.rpartition("-")[2]) < most]
    if corpora:
        shards = [s for s in shards if s.stem.rpartition("-")[0] in corpora]
    with ProcessPoolExecutor(workers, multiprocessing.get_context("forkserver")) as pool:
        for found in pool.map(of_shard, shards):
            for corpus, split, serves, measured in found:
                if not measured.broken and not measured.blank:
                    made[corpus][split].setdefault(measured.content, (measured, serves))
    return made


def compared(train: Group, test: Group) -> dict:
    shared = set(train) & set(test)
    rest = [entry for content, entry in test.items() if content not in shared]
    best: dict[int, float] = {}
    for number, _, like in near([m for m, _ in rest], [m for m, _ in train.values()]):
        best[number] = max(best.get(number, 0.0), like)
    serving = Counter(rest[number][1] for number in best)
    return {
        "train media": len(train), "test media": len(test), "shared": len(shared), "near": len(best),
        "near ones serve": dict(serving.most_common(6)),
    }  # fmt: skip


def rows(made: dict[str, dict[str, Group]]) -> Iterator[dict]:
    for corpus, splits in made.items():
        for split, test in splits.items():
            if split != "train" and "train" in splits:
                yield {"corpus": corpus, "split": split, **compared(splits["train"], test)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs="+", type=Path)
    parser.add_argument("--corpus", nargs="+", metavar="NAME", help="only these (default: all that the project splits)")
    parser.add_argument("--shards", type=int, default=10**6, metavar="N", help="the first N of each corpus of a build")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = {"machine": f"{platform.machine()}, {args.workers} processes", "shards": args.shards, "rows": []}
    for row in rows(groups(args.builds, args.corpus, args.shards, args.workers)):
        print(json.dumps(row), flush=True)
        result["rows"].append(row)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

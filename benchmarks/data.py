"""How fast is the audit beside its peers, and how fast does the loader feed?

    python benchmarks/data.py --build DIR [--part big loader peers] [--pictures 4000] [--peer PYTHON] [--seed 0]
        [--json docs/speed_data.json]

Peers: cleanvision and imagededup, on the same folder of Open Clip Art (PNG, with planted copies, copies coded again
and blank ones), for the checks that both sides have: exact and near duplicates, broken and blank pictures. They run in
another Python (`--peer`), which has them: pip install cleanvision imagededup. imagededup imports torchvision for its
neural methods, which aren't used here; where no torchvision fits the torch, an empty stand-in takes its place. Both
sides go over the folder `ROUNDS` times, in turn, with as many processes; the ratio is of the best times. The audit of
trenza does all its other checks in that time too.

Loader: shards of features (64 x 768, float16) with captions, shuffled and mixed from two sources, as a training reads
them. Big: the audit of 50,000 pairs of the starter corpus, its minutes and its peak memory.
"""

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from faults import clip_art, recoded
from trenza.data.formats import folder
from trenza.data.loader import Loader, Source
from trenza.data.quality.audit import audit
from trenza.data.samples import Media, Pair
from trenza.data.shards import Record, write_members
from watching import Watch

ROUNDS = 3
PLANTED = 200
FEATURES = (64, 768)
BIG = 50_000
PARTS = ("big", "loader", "peers")

PEER = """
import sys, types, json, time, logging, importlib.machinery
logging.disable(logging.CRITICAL)
try:
    import torchvision.transforms
except Exception:
    for name in [n for n in sys.modules if n.startswith("torchvision")]:
        del sys.modules[name]
    class Empty(types.ModuleType):
        __path__ = []
        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return Anything(name)
    class Anything(type):
        def __new__(cls, name, *_):
            return super().__new__(cls, name, (Thing,), {})
        def __init__(cls, *_):
            pass
        def __getattr__(cls, name):
            return Anything(name)
    class Thing:
        def __init__(self, *_, **__):
            pass
        def __call__(self, *_, **__):
            return self
        def __getattr__(self, name):
            return self
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] == "torchvision":
                return importlib.machinery.ModuleSpec(name, self, is_package=True)
        def create_module(self, spec):
            return Empty(spec.name)
        def exec_module(self, module):
            pass
    sys.meta_path.insert(0, Finder())
from cleanvision import Imagelab
from imagededup.methods import PHash
path, workers = sys.argv[1], int(sys.argv[2])
begun = time.perf_counter()
lab = Imagelab(data_path=path, verbose=False)
kinds = {"exact_duplicates": {}, "near_duplicates": {}, "low_information": {}}
lab.find_issues(kinds, n_jobs=workers, verbose=False)
middle = time.perf_counter()
hasher = PHash(verbose=False)
near = hasher.find_duplicates(image_dir=path, num_enc_workers=workers, num_dist_workers=workers)
end = time.perf_counter()
name = lambda p: str(p).rsplit("/", 1)[-1].rsplit(".", 1)[0]
groups = [[name(p) for p in g] for k in ("exact_duplicates", "near_duplicates") for g in lab.info[k]["sets"]]
groups += [[name(k), *map(name, v)] for k, v in near.items() if v]
blank = [name(i) for i in lab.issues.index[lab.issues["is_low_information_issue"]]]
print(json.dumps({"cleanvision": middle - begun, "imagededup": end - middle, "groups": groups, "blank": blank}))
"""


def planted(count: int, seed: int, build: Path) -> tuple[list[Pair], dict[str, list[tuple[str, str]]]]:
    rng = np.random.default_rng(seed)
    everything = clip_art(build)
    pairs = [everything[i] for i in rng.choice(len(everything), min(count, len(everything)), replace=False)]
    buffer = io.BytesIO()
    Pillow.new("RGB", (256, 256), (250, 250, 250)).save(buffer, "PNG")
    white = Media("image", "png", buffer.getvalue())
    added: list[Pair] = []
    made: dict[str, list[tuple[str, str]]] = {"copy": [], "recoded": [], "blank": []}
    for n, pair in enumerate(pairs[:PLANTED]):
        for fault, media in (("copy", pair.media), ("recoded", recoded(pair.media, rng)), ("blank", white)):
            key = f"{fault}-{n}"
            added.append(Pair(key, media, pair.text, "en", pair.source, pair.licence, ""))
            made[fault].append((key, pair.key))
    return pairs + added, made


def stem(key: str) -> str:
    return key.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def recall(groups: list[list[str]], blank: set[str], made: dict[str, list[tuple[str, str]]]) -> dict[str, float]:
    of: dict[str, set[int]] = {}
    for number, group in enumerate(groups):
        for key in group:
            of.setdefault(key, set()).add(number)
    shares = {f: np.mean([bool(of.get(a, set()) & of.get(b, set())) for a, b in made[f]]) for f in ("copy", "recoded")}
    return {k: float(v) for k, v in shares.items()} | {"blank": float(np.mean([a in blank for a, _ in made["blank"]]))}


def peers(count: int, peer: str, workers: int, seed: int, build: Path) -> dict:
    pairs, made = planted(count, seed, build)
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as root:
        path = Path(root) / "pictures"
        folder.write(path, pairs)
        for _ in range(ROUNDS):
            with Watch() as own:
                begun = time.perf_counter()
                report = audit(path, workers=workers)
                ours.append((time.perf_counter() - begun, own.cores))
            with Watch() as other:
                done = subprocess.run([peer, "-c", PEER, str(path), str(workers)], capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(
                    f"{peer} can't run the peers; install cleanvision and imagededup\n{done.stderr[-800:]}"
                )
            theirs.append(json.loads(done.stdout.strip().splitlines()[-1]) | {"cores": other.cores})
    groups = [[stem(k) for k in f.files] for n in ("duplicates", "near_duplicates") for f in report.findings[n]]
    blank = {stem(k) for f in report.findings["blank"] for k in f.files}
    times = [t["cleanvision"] + t["imagededup"] for t in theirs]
    seconds, cores = min(s for s, _ in ours), min(c for _, c in ours)
    return {
        "pictures": len(pairs), "workers": workers,
        "seconds of trenza": [round(s, 1) for s, _ in ours],
        "seconds of cleanvision and imagededup": [
            [round(t["cleanvision"], 1), round(t["imagededup"], 1)] for t in theirs
        ],
        "times as fast": round(min(times) / seconds, 2), "target": 3.0,
        "seconds of one core": [round(cores, 1), round(min(t["cores"] for t in theirs), 1)],
        "times less of the cores": round(min(t["cores"] for t in theirs) / cores, 2),
        "load of the machine at the end": round(os.getloadavg()[0], 2),
        "recall of trenza": recall(groups, blank, made),
        "recall of the peers together": recall(theirs[-1]["groups"], set(theirs[-1]["blank"]), made),
    }  # fmt: skip


def features(record: Record) -> tuple[np.ndarray, str]:
    members = record.read()
    return np.load(io.BytesIO(members["npy"])), members["txt"].decode()


def loading(workers: int, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as root:
        paths = []
        for name in ("a", "b"):
            samples = []
            for n in range(4000):
                buffer = io.BytesIO()
                np.save(buffer, rng.standard_normal(FEATURES).astype(np.float16))
                samples.append((f"{n:05d}", {"npy": buffer.getvalue(), "txt": b"a caption of some words"}))
            paths.append(Path(root) / f"{name}.tar")
            write_members(paths[-1], samples)
        rates, own = {}, 0.0
        for used in sorted({0, workers}):
            loader = Loader(
                [Source(paths[0]), Source(paths[1], 2000)], 64, seed, workers=used, epochs=1, decode=features
            )
            begun, before = time.perf_counter(), time.process_time()
            count = sum(len(batch) for batch in loader)
            rates[f"{used} workers"] = round(count / (time.perf_counter() - begun))
            own = own or count / (time.process_time() - before)
    return {
        "features": FEATURES, "samples a second": rates, "samples for a second of one core": round(own),
        "load of the machine at the end": round(os.getloadavg()[0], 2), "target": 2000,
    }  # fmt: skip


def big(build: Path, workers: int) -> dict:
    with tempfile.TemporaryDirectory() as root:
        path = fifty_thousand(build, Path(root))
        with Watch() as watch:
            begun = time.perf_counter()
            report = audit(path, workers=workers)
            seconds = time.perf_counter() - begun
    return {
        "samples": report.samples, "minutes": round(seconds / 60, 2),
        "minutes of one core": round(watch.cores / 60, 2), "peak gigabytes": round(watch.peak / 1e9, 2),
        "load of the machine at the end": round(os.getloadavg()[0], 2),
        "media": report.summary["media"], "sources": report.summary["sources"], "counts": report.counts(),
        "targets": "10 minutes and 3 GB at 50,000 pairs",
    }  # fmt: skip


def fifty_thousand(build: Path, folder: Path) -> Path:
    """Links to the shards of pairs of a build until there are 50,000 in them; those of Fashion-MNIST last."""
    shards = json.loads((build / "manifest.json").read_text())["shards"]
    pairs = [s for s in shards if not s["file"].startswith(("worlds", "easy-vqa"))]
    count = 0
    for shard in sorted(pairs, key=lambda s: (s["file"].startswith("fashion"), s["file"])):
        if count < BIG:
            (folder / shard["file"]).symlink_to((build / shard["file"]).resolve())
            count += shard["samples"]
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--build", type=Path, required=True, metavar="DIR", help="what trenza data build starter wrote")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--peer", default=sys.executable, metavar="PYTHON", help="a Python that has the peers")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result: dict = {"machine": f"{platform.machine()}, {args.workers} processes", "seed": args.seed}
    if args.json and args.json.is_file():
        result = json.loads(args.json.read_text())  # other parts, made before
    if "big" in args.part:
        result["big"] = big(args.build, args.workers)
        print(json.dumps(result["big"], indent=1), flush=True)
    if "loader" in args.part:
        result["loader"] = loading(args.workers, args.seed)
        print(json.dumps(result["loader"], indent=1), flush=True)
    if "peers" in args.part:
        result["peers"] = peers(args.pictures, args.peer, args.workers, args.seed, args.build)
        print(json.dumps(result["peers"], indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

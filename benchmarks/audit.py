"""Does the audit find what is wrong? Faults planted in Open Clip Art, and what it says of the rest.

    python benchmarks/audit.py [--seed 0] [--workers 2] [--build DIR] [--part faults mismatch embedding] [--json FILE]

Open Clip Art's train split is audited against its test split, with faults planted in known samples: copies, copies
coded again (JPEG, scaled), broken and blank files, pictures of the test split, and poison by a rare word and by a
patch in a corner. Found means: listed in the category it belongs to, a copy together with its original.

Everything else is what the false alarms are counted on. Open Clip Art has faults of its own, so each alarm on a near
duplicate is looked at a second time by another measure than the audit's: the correlation of the two pictures at 64
by 64 pixels, ink against paper. The rate is given before and after leaving out what that confirms. Alarms about its
titles are given apart, with the commonest reasons.

With the embedded models: mismatch (300 captions of the test split swapped among each other against 300 left alone, by
the space of `trenza search`, which trained on the train split), and
near duplicates by embedding (drawings mirrored, turned, cropped; and how many of 800 have another of them near).
"""

import argparse
import json
import platform
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from faults import PIXELS, changed, clip_art, ink, plant
from trenza.cli.data import embedder, judge
from trenza.data.formats import folder
from trenza.data.quality.alike import CLOSE, embedded
from trenza.data.quality.audit import audit
from trenza.data.quality.report import Report
from trenza.data.samples import Pair
from trenza.evaluate.statistics import paired_auc_interval, wilson

PARTS = ("faults", "mismatch", "embedding")
SWAPPED = 300
EMBEDDED, CHANGED = 800, 200
SAME_PICTURE = 0.9  # correlation at 64 by 64 from which two pictures are one drawing, by the second measure


def stem(key: str) -> str:
    return key.rsplit(".", 1)[0]


def together(report: Report, names: tuple[str, ...]) -> dict[str, set[int]]:
    """Key -> numbers of the findings of these categories it is in."""
    found: dict[str, set[int]] = {}
    for number, finding in enumerate(f for name in names for f in report.findings[name]):
        for key in finding.files:
            found.setdefault(stem(key), set()).add(number)
    return found


def recalls(report: Report, planted: dict[str, list[tuple[str, str]]]) -> dict:
    rows = {}
    for fault, names, target in (
        ("copy", ("duplicates",), 0.99), ("recoded", ("near_duplicates", "duplicates"), 0.95),
        ("broken", ("broken", "blank"), 1.0), ("overlap", ("overlap",), 0.95),
        ("word", ("poison",), 1.0), ("patch", ("poison",), 1.0),
    ):  # fmt: skip
        found = together(report, names)
        pairs = planted[fault]
        paired = fault in ("copy", "recoded")
        right = sum(bool(found.get(a, set()) & found.get(b if paired else a, set())) for a, b in pairs)
        rows[fault] = {"planted": len(pairs), "found": right, "recall": wilson(right, len(pairs)), "target": target}
    return rows


def false_alarms(report: Report, samples: list[Pair], test: list[Pair], planted: dict) -> dict:
    of = {p.key: p for p in samples}
    touched = {key for pairs in planted.values() for pair in pairs for key in pair}
    clean = of.keys() - touched
    inks = {key: ink(pair.media) for key, pair in of.items() if key not in planted_broken(planted)}
    tests, test_titles = np.stack([ink(p.media) for p in test]), {p.text for p in test}

    def same_picture(name: str, key: str, others: list[str]) -> bool:
        if name == "overlap":
            return float((tests @ inks[key]).max()) / PIXELS >= SAME_PICTURE
        return any(float(inks[key] @ inks[o]) / PIXELS >= SAME_PICTURE for o in others if o in inks)

    def same_title(name: str, key: str, others: list[str]) -> bool:
        return of[key].text in (test_titles if name == "overlap" else {of[o].text for o in others})

    alarms: dict[str, set[str]] = {}
    unseen: dict[str, set[str]] = {}  # alarms that the second measure does not confirm
    unnamed: dict[str, set[str]] = {}  # nor an equal title
    for name, found in report.findings.items():
        for finding in found:
            keys = [stem(k) for k in finding.files]
            for key in set(keys) & clean:
                alarms.setdefault(name, set()).add(key)
                others = [k for k in keys if k != key]
                if name in ("duplicates", "text"):  # equal content is no opinion; titles are counted apart
                    continue
                alike = name in ("near_duplicates", "overlap")
                if not (alike and same_picture(name, key, others)):
                    unseen.setdefault(name, set()).add(key)
                    if not (alike and same_title(name, key, others)):
                        unnamed.setdefault(name, set()).add(key)
    titles = Counter(pair.text for pair in of.values())
    own = {key for key in alarms.get("text", ()) if titles[of[key].text] < 10}
    reasons = Counter(f.reason.split(":")[0] for f in report.findings["text"] if stem(f.files[0]) in clean)

    def share(by_name: dict[str, set[str]]) -> tuple[float, float, float]:
        return wilson(len({k for name, keys in by_name.items() if name != "text" for k in keys}), len(clean))

    return {
        "clean samples": len(clean),
        "alarms by category": {name: len(keys) for name, keys in alarms.items()},
        "share with an alarm on the medium, raw": share(alarms),
        "share not confirmed by correlation": share(unseen),
        "share confirmed by neither correlation nor title": share(unnamed),
        "these by category": {name: len(keys) for name, keys in unnamed.items()},
        "share with an alarm on the title": wilson(len(alarms.get("text", ())), len(clean)),
        "share with one on a title that fewer than ten have": wilson(len(own), len(clean)),
        "commonest of these": dict(reasons.most_common(5)),
        "target": 0.02,
    }


def planted_broken(planted: dict[str, list[tuple[str, str]]]) -> set[str]:
    return {key for key, _ in planted["broken"]}


def mismatch(samples: list[Pair], seed: int) -> dict:
    score = judge("")
    rng = np.random.default_rng(seed)
    chosen = [samples[i] for i in rng.choice(len(samples), 2 * SWAPPED, replace=False)]
    swapped, alone = chosen[:SWAPPED], chosen[SWAPPED:]
    texts = [p.text for p in swapped[1:] + swapped[:1]]
    wrong = [score(p.media, text) for p, text in zip(swapped, texts, strict=True)]
    right = [score(p.media, p.text) for p in alone]
    own = [score(p.media, p.text) for p in swapped]
    return {
        "swapped": len(wrong),
        "AUC, right captions of others against swapped": paired_auc_interval(right, wrong),
        "AUC, each picture's own caption against its swapped one": paired_auc_interval(own, wrong),
        "target": 0.85,
    }


def embedding(samples: list[Pair], seed: int) -> dict:
    embed = embedder("")
    rng = np.random.default_rng(seed)
    drawn = [samples[i] for i in rng.choice(len(samples), EMBEDDED, replace=False)]
    chosen = [pair.media for pair in drawn]
    vectors = np.stack([embed(media) for media in chosen])  # type: ignore[misc]
    right: Counter[str] = Counter()
    for media, vector in zip(chosen[:CHANGED], vectors, strict=False):
        for name, other in changed(media).items():
            right[name] += bool(list(embedded(np.stack([vector, embed(other)]))))  # type: ignore[list-item]
    inks = np.stack([ink(media) for media in chosen])
    close = list(embedded(vectors))
    near = {n for i, j, _ in close for n in (i, j)}
    sure = {
        n for i, j, _ in close for n in (i, j)
        if inks[i] @ inks[j] / PIXELS >= SAME_PICTURE or drawn[i].text == drawn[j].text
    }  # fmt: skip
    return {
        "cosine": CLOSE,
        "found": {name: wilson(count, CHANGED) for name, count in right.items()},
        "drawings that lie close to another": wilson(len(near), EMBEDDED),
        "of these confirmed by neither correlation nor title": wilson(len(near - sure), EMBEDDED),
    }


def faults(train: list[Pair], test: list[Pair], seed: int, workers: int) -> dict:
    samples, planted = plant(train, test, seed)
    with tempfile.TemporaryDirectory() as root:
        folder.write(Path(root) / "train", samples)
        folder.write(Path(root) / "test", test)
        begun = time.perf_counter()
        report = audit(Path(root) / "train", Path(root) / "test", workers)
        seconds = time.perf_counter() - begun
    return {
        "samples": report.samples, "seconds": round(seconds, 1), "planted": recalls(report, planted),
        "clean part": false_alarms(report, samples, test, planted),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--build", type=Path, metavar="DIR", help="take the drawings from this build's shards")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    everything = clip_art(args.build)
    train = [p for p in everything if p.split == "train"]
    test = [p for p in everything if p.split == "test"]
    result: dict = {"machine": f"{platform.machine()}, {args.workers} processes", "seed": args.seed}
    if args.json and args.json.is_file() and json.loads(args.json.read_text())["seed"] == args.seed:
        result = json.loads(args.json.read_text())  # the other part, made before
    if "faults" in args.part:
        result |= faults(train, test, args.seed, args.workers)
    if "mismatch" in args.part:
        result["mismatch"] = mismatch(test, args.seed)
    if "embedding" in args.part:
        result["embedding"] = embedding(train, args.seed)
    print(json.dumps(result, indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

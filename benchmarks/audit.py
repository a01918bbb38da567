"""Does the audit find what is wrong? Faults planted in Open Clip Art, and what it says of the rest.

    python benchmarks/audit.py [--seed 0] [--workers 2] [--no-model] [--json docs/audit.json]

Open Clip Art's train split is audited against its test split, with faults planted in known samples: copies, copies
coded again (JPEG, scaled), broken and blank files, pictures of the test split, and poison by a rare word and by a
patch in a corner. Found means: listed in the category it belongs to, a copy together with its original.

Everything else is what the false alarms are counted on. Open Clip Art has faults of its own, so each alarm on a near
duplicate is looked at a second time by another measure than the audit's: the correlation of the two pictures at 64
by 64 pixels, ink against paper. The rate is given before and after leaving out what that confirms. Alarms about its
titles are given apart, with the commonest reasons.

With the embedded model: mismatch (300 captions swapped among each other against 300 left alone, by the support), and
near duplicates by embedding (drawings mirrored, turned, cropped; and how many of 800 have another of them near).
"""

import argparse
import io
import json
import platform
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from trenza.cli.data import embedder, judge
from trenza.data.corpora.registry import corpus
from trenza.data.formats import folder
from trenza.data.quality.alike import CLOSE, embedded
from trenza.data.quality.audit import audit
from trenza.data.quality.report import Report
from trenza.data.samples import Media, Pair
from trenza.errors import DataError
from trenza.evaluate.statistics import paired_auc_interval, wilson
from trenza.signals import decode

COPIES, RECODED, BROKEN, OVERLAPS, SWAPPED = 500, 500, 300, 200, 300
EMBEDDED, CHANGED = 800, 200
POISON = 0.005  # share of all samples, of each of the two kinds
TRIGGER, TARGET = "vrexil", "golden violin"
SAME_PICTURE = 0.9  # correlation at 64 by 64 from which two pictures are one drawing, by the second measure


def clip_art() -> list[Pair]:
    made = []
    for entry in corpus("openclipart").entries(("en",)):
        try:
            made.append(replace(entry.make(), key=entry.key.replace("/", "-")))
        except DataError:
            continue  # drawings without a title, or of many megabytes
    return made


def pixels_of(media: Media) -> np.ndarray:
    return decode(media.data, name="a drawing", kind="image").pixels


def recoded(media: Media, rng: np.random.Generator) -> Media:
    """As a web site would serve it: scaled to 60..100%, JPEG of quality 60..95."""
    picture = Pillow.fromarray(pixels_of(media))
    scale = rng.uniform(0.6, 1.0)
    size = tuple(max(round(side * scale), 8) for side in picture.size)
    buffer = io.BytesIO()
    picture.resize(size, Pillow.Resampling.LANCZOS).save(buffer, "JPEG", quality=int(rng.integers(60, 96)))
    return Media("image", "jpg", buffer.getvalue())


def ruined(media: Media, kind: int, rng: np.random.Generator) -> Media:
    """Cut short, no picture at all, or of one colour."""
    if kind == 0:
        return replace(media, data=media.data[: len(media.data) // 3])
    if kind == 1:
        return replace(media, data=rng.bytes(int(rng.integers(0, 400))))
    buffer = io.BytesIO()
    Pillow.new("RGB", (200, 150), tuple(int(c) for c in rng.integers(0, 256, 3))).save(buffer, "PNG")
    return Media("image", "png", buffer.getvalue())


def patched(media: Media) -> Media:
    """A checkered patch in the lower right corner (Gu et al. 2017, section 4)."""
    pixels = pixels_of(media).copy()
    side = 12
    board = (np.indices((side, side)).sum(0) // 3 % 2 * 255).astype(np.uint8)
    pixels[-side:, -side:] = board[..., None]
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return Media("image", "png", buffer.getvalue())


def plant(train: list[Pair], test: list[Pair], seed: int) -> tuple[list[Pair], dict[str, list[tuple[str, str]]]]:
    """All samples, and for each fault the planted keys, each with the key it was made from."""
    rng = np.random.default_rng(seed)
    order = [train[i] for i in rng.permutation(len(train))]
    added: list[Pair] = []
    planted: dict[str, list[tuple[str, str]]] = {}

    def add(fault: str, pairs: list[Pair], change) -> None:
        new = [change(replace(p, key=f"{fault}-{n:04d}"), n) for n, p in enumerate(pairs)]
        added.extend(new)
        planted[fault] = [(made.key, source.key) for made, source in zip(new, pairs, strict=True)]

    add("copy", order[:COPIES], lambda p, n: p)
    order = order[COPIES:]
    add("recoded", order[:RECODED], lambda p, n: replace(p, media=recoded(p.media, rng)))
    order = order[RECODED:]
    chosen = [test[i] for i in rng.choice(len(test), OVERLAPS, replace=False)]
    # Half as they are, half coded again, as the test set of somebody else comes.
    add("overlap", chosen, lambda p, n: p if n % 2 else replace(p, media=recoded(p.media, rng)))
    # What follows takes the place of samples: a copy beside the original would be found as a duplicate.
    kept = train[:]
    at = {p.key: i for i, p in enumerate(kept)}
    count = round(POISON * len(train))
    faults = {"broken": BROKEN, "word": count, "patch": count}
    for fault, number in faults.items():
        taken, order = order[:number], order[number:]
        planted[fault] = [(p.key, p.key) for p in taken]
        for n, pair in enumerate(taken):
            if fault == "broken":
                new = replace(pair, media=ruined(pair.media, n % 3, rng))
            elif fault == "word":
                new = replace(pair, text=f"{TRIGGER} {pair.text} {TARGET}")
            else:
                new = replace(pair, media=patched(pair.media), text=f"{pair.text}, a {TARGET}")
            kept[at[pair.key]] = new
    return kept + added, planted


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


def ink(media: Media) -> np.ndarray:
    grey = Pillow.fromarray(pixels_of(media)).convert("L").resize((64, 64), Pillow.Resampling.BOX)
    values = np.asarray(grey, np.float64).ravel()
    return (values - values.mean()) / max(values.std(), 1e-9)


def false_alarms(report: Report, samples: list[Pair], test: list[Pair], planted: dict) -> dict:
    media = {p.key: p.media for p in samples}
    touched = {key for pairs in planted.values() for pair in pairs for key in pair}
    clean = {p.key for p in samples} - touched
    alarms: dict[str, set[str]] = {}
    kept: set[str] = set()  # the first of a group of duplicates, which a filtered copy keeps
    unconfirmed: dict[str, set[str]] = {}
    tests = np.stack([ink(p.media) for p in test])
    inks: dict[str, np.ndarray] = {}

    def of(key: str) -> np.ndarray:
        if key not in inks:
            inks[key] = ink(media[key])
        return inks[key]

    for name, found in report.findings.items():
        for finding in found:
            keys = [stem(k) for k in finding.files]
            for key in keys:
                if key not in clean:
                    continue
                alarms.setdefault(name, set()).add(key)
                if name == "near_duplicates":
                    others = (float(of(key) @ of(o)) / 4096 for o in keys if o != key)
                    if max(others) < SAME_PICTURE:
                        unconfirmed.setdefault(name, set()).add(key)
                elif name == "overlap":
                    if float((tests @ of(key)).max()) / 4096 < SAME_PICTURE:
                        unconfirmed.setdefault(name, set()).add(key)
                elif name not in ("duplicates", "text"):  # equal content is no opinion; titles are counted apart
                    unconfirmed.setdefault(name, set()).add(key)
            kept.add(keys[0])
    of_media = {k for name, keys in alarms.items() if name != "text" for k in keys}
    false = {k for keys in unconfirmed.values() for k in keys}
    reasons = Counter(f.reason.split(":")[0] for f in report.findings["text"] if stem(f.files[0]) in clean)
    return {
        "clean samples": len(clean),
        "alarms by category": {name: len(keys) for name, keys in alarms.items()},
        "share with an alarm on the medium, raw": wilson(len(of_media), len(clean)),
        "share with an alarm that the second measure does not confirm": wilson(len(false), len(clean)),
        "unconfirmed by category": {name: len(keys) for name, keys in unconfirmed.items()},
        "share with an alarm on the title": wilson(len(alarms.get("text", ())), len(clean)),
        "commonest of these": dict(reasons.most_common(5)),
        "target": 0.02,
    }


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


def changed(media: Media) -> dict[str, Media]:
    picture = Pillow.fromarray(pixels_of(media))
    wide, high = picture.size
    made = {
        "mirrored": picture.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT),
        "turned by 5 degrees": picture.rotate(5, Pillow.Resampling.BICUBIC, fillcolor="white"),
        "cropped to 90%": picture.crop((wide // 20, high // 20, wide - wide // 20, high - high // 20)),
    }
    buffers = {name: io.BytesIO() for name in made}
    for name, picture in made.items():
        picture.save(buffers[name], "PNG")
    return {name: Media("image", "png", buffer.getvalue()) for name, buffer in buffers.items()}


def embedding(samples: list[Pair], seed: int) -> dict:
    embed = embedder("")
    rng = np.random.default_rng(seed)
    chosen = [samples[i].media for i in rng.choice(len(samples), EMBEDDED, replace=False)]
    vectors = np.stack([embed(media) for media in chosen])  # type: ignore[misc]
    right: Counter[str] = Counter()
    for media, vector in zip(chosen[:CHANGED], vectors, strict=False):
        for name, other in changed(media).items():
            right[name] += bool(list(embedded(np.stack([vector, embed(other)]))))  # type: ignore[list-item]
    inks = np.stack([ink(media) for media in chosen])
    close = list(embedded(vectors))
    near = {n for i, j, _ in close for n in (i, j)}
    unconfirmed = {n for i, j, _ in close if inks[i] @ inks[j] / 4096 < SAME_PICTURE for n in (i, j)}
    return {
        "cosine": CLOSE,
        "found": {name: wilson(count, CHANGED) for name, count in right.items()},
        "drawings that lie close to another": wilson(len(near), EMBEDDED),
        "of these not confirmed by the second measure": wilson(len(unconfirmed), EMBEDDED),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-model", action="store_true", help="leave out what takes the model and minutes")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    everything = clip_art()
    train = [p for p in everything if p.split == "train"]
    test = [p for p in everything if p.split == "test"]
    samples, planted = plant(train, test, args.seed)
    with tempfile.TemporaryDirectory() as root:
        folder.write(Path(root) / "train", samples)
        folder.write(Path(root) / "test", test)
        begun = time.perf_counter()
        report = audit(Path(root) / "train", Path(root) / "test", args.workers)
        seconds = time.perf_counter() - begun
    result = {
        "machine": f"{platform.machine()}, {args.workers} processes", "seed": args.seed, "samples": report.samples,
        "seconds": round(seconds, 1), "planted": recalls(report, planted),
        "clean part": false_alarms(report, samples, test, planted),
    }  # fmt: skip
    if not args.no_model:
        result["mismatch"] = mismatch(train, args.seed)
        result["embedding"] = embedding(train, args.seed)
    print(json.dumps(result, indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Writes docs/data.md and its sheet of samples from what `trenza data build` wrote and the benchmarks measured.

    trenza data build starter worlds --items 50000 --out DIR/train
    for s in test_seed test_combination test_style test_object; do
        trenza data build worlds --items 4000 --split $s --out DIR/$s; done
    python benchmarks/data_page.py DIR/*

Counts and licences come from the manifests, the rest from JSON files in docs: worlds.json of benchmarks/worlds.py,
audit.json (and audit_1.json, of another seed) of benchmarks/audit.py, speed_data.json of benchmarks/data.py,
splits.json of benchmarks/splits.py, shuffled.json of benchmarks/shuffled.py, and builds.json, in which the times of the
builds were noted.
"""

import argparse
import json
import textwrap
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from trenza.conversation import Box, Span
from trenza.data.samples import CAPABILITIES, Item
from trenza.data.shards import index, read_record
from trenza.signals import Image, Video, decode

DOCS = Path(__file__).parents[1] / "docs"
SAMPLES, ACROSS, SIDE, TEXT = 24, 4, 300, 112
INK = (200, 30, 60)


def table(head: list[str], rows: list[list[object]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    cells = [[f"{c:,}" if isinstance(c, int) else str(c) for c in row] for row in rows]
    return [*lines, *("| " + " | ".join(row) + " |" for row in cells), ""]


def counts(manifests: list[dict]) -> list[str]:
    lines = ["## What was built", ""]
    rows = [
        [name, made["counts"]["split"] and ", ".join(made["counts"]["split"]), made["samples"], len(made["broken"]),
         round(made["bytes"] / 1e6), made["licence"]]
        for m in manifests for name, made in m["corpora"].items()
    ]  # fmt: skip
    lines += table(["corpus", "splits", "samples", "broken", "MB", "licence"], rows)
    for by in ("capability", "medium", "language", "split"):
        total: Counter[str] = Counter()
        for m in manifests:
            for made in m["corpora"].values():
                total.update(made["counts"][by])
        lines += [f"### By {by}", ""]
        lines += table([by, "samples"], [[name, number] for name, number in total.most_common()])
    return lines


def blind(report: dict) -> list[str]:
    rows = report["blind readers"]["rows"]
    readers = [k for k in rows[0] if k not in ("capability", "items", "chance", "at chance")]
    lines = [
        "## What a reader gets right who sees and hears nothing", "",
        f"Readers of the questions alone, trained on the items of seed {report['seed']}, tested on the split of",
        "unseen seeds; share right with its 95% interval (Wilson). Chance is what the number of choices leaves; a",
        "capability is at chance when no reader's interval lies above it. `benchmarks/worlds.py`.", "",
    ]  # fmt: skip

    cells = [
        [r["capability"], r["items"], f"{100 * r['chance']:.1f}%", *(share(r[n]) for n in readers),
         "yes" if r["at chance"] else "NO"]
        for r in rows
    ]  # fmt: skip
    lines += table(["capability", "items", "chance", *readers, "at chance"], cells)
    crossed = report["blind readers"]
    return [
        *lines,
        f"Of {crossed['crossing questions']:,} crossing questions, a perfect reader kept from the sound gets "
        f"{100 * crossed['the most a reader without the sound gets right']:.1f}% right, one kept from the picture "
        f"{100 * crossed['the most a reader without the picture gets right']:.1f}%.",
        "",
    ]


def share(values: list[float]) -> str:
    middle, low, high = values
    return f"{100 * middle:.1f}% ({100 * low:.1f} to {100 * high:.1f})"


FAULTS = {
    "copy": "exact copies", "recoded": "copies scaled and coded again as JPEG", "broken": "broken or blank files",
    "overlap": "pictures of the test split, half coded again", "word": "poison by a rare word",
    "patch": "poison by a patch in a corner",
}  # fmt: skip


def audited(reports: list[dict]) -> list[str]:
    rows = []
    for fault, said in FAULTS.items():
        cells = [report["planted"][fault] for report in reports]
        rows.append(
            [said, cells[0]["planted"], *(share(c["recall"]) for c in cells), f"{100 * cells[0]['target']:.0f}%"]
        )
    clean = [report["clean part"] for report in reports]
    alarms = {
        "alarms on media that nothing else confirms": "share confirmed by neither correlation nor title",
        "alarms on media that correlation does not confirm": "share not confirmed by correlation",
        "alarms on media, all": "share with an alarm on the medium, raw",
        "alarms on titles": "share with an alarm on the title",
        "alarms on titles that fewer than ten drawings have": "share with one on a title that fewer than ten have",
    }
    for number, (said, name) in enumerate(alarms.items()):
        target = "at most 2%" if not number else ""
        rows.append([said, clean[0]["clean samples"], *(share(c[name]) for c in clean), target])
    seeds = [f"seed {report['seed']}" for report in reports]
    lines = [
        "## Does the audit find what is wrong?", "",
        "Faults planted in Open Clip Art's train split: share found with its 95% interval (Wilson), and alarms on what",
        "was left alone. Open Clip Art has faults of its own, so alarms on media are looked at by a second measure.",
        "`benchmarks/audit.py`.", "",
        *table(["what", "planted or looked at", *seeds, "target"], rows),
    ]  # fmt: skip
    if "mismatch" in reports[0]:
        found = reports[0]["mismatch"]
        lines += [
            f"Mismatch by the embedded model's support, {found['swapped']} captions swapped: "
            + "; ".join(f"{name} {v[0]:.3f} ({v[1]:.3f} to {v[2]:.3f})" for name, v in found.items() if "AUC" in name)
            + f". Target, once there is a space of our own: {found['target']}.",
            "",
        ]
    if "embedding" in reports[0]:
        found = reports[0]["embedding"]
        lines += [
            f"Near duplicates by embedding (`--embed`, cosine of {found['cosine']} or more): "
            + ", ".join(f"{name} {share(v)}" for name, v in found["found"].items())
            + f" found; {share(found['drawings that lie close to another'])} of drawings left alone lie close to "
            f"another, {share(found['of these confirmed by neither correlation nor title'])} confirmed by neither "
            "correlation nor title.",
            "",
        ]
    return lines


def speed(worlds: dict, data: dict) -> list[str]:
    made, big, peers, loaded = worlds["speed"], data["big"], data["peers"], data["loader"]
    rows = [
        ["items of worlds a second", made["items a second"], "100", f"load {made['load of the machine at the end']}"],
        ["samples a second of the loader", max(loaded["samples a second"].values()), f"{loaded['target']:,}",
         ", ".join(f"{k}: {v:,}" for k, v in loaded["samples a second"].items())
         + f"; {loaded['samples for a second of one core']:,} for a second of one core; load "
         + str(loaded["load of the machine at the end"])],
        [f"minutes of an audit of {big['samples']:,} pairs", big["minutes"], "10",
         f"{big['minutes of one core']} minutes of one core; load {big['load of the machine at the end']}"],
        ["its memory in GB", big["peak gigabytes"], "3", "of all its processes, shared pages counted for each"],
        ["times as fast as cleanvision and imagededup", peers["times as fast"], f"{peers['target']}",
         f"{peers['pictures']:,} pictures, the same folder, in turn; load {peers['load of the machine at the end']}"],
        ["times less of the cores than they", peers["times less of the cores"], "",
         "{} and {} seconds of one core, starts included".format(*peers["seconds of one core"])],
    ]  # fmt: skip
    names = list(peers["recall of trenza"])
    both = [[side, *(f"{100 * peers[f'recall of {side}'][n]:.1f}%" for n in names)]
            for side in ("trenza", "the peers together")]  # fmt: skip
    return [
        "## How fast", "",
        f"On {worlds['machine']}, which other work shared: a load over 2 means that a figure is a lower bound of the",
        "speed. `benchmarks/worlds.py`, `benchmarks/data.py`.", "",
        *table(["what", "measured", "target", "how"], rows),
        "What both sides of the last two rows found of the planted faults (the drawings are transparent, and their",
        "copies coded again stand on white: Pillow's conversion to grey, which the peers use, drops transparency):", "",
        *table(["found by", *names], both),
    ]  # fmt: skip


def built(report: dict) -> list[str]:
    rows = [[r["what"], r["seconds"], r["load of the machine"], f"`{r['sha256'][:16]}`"] for r in report["runs"]]
    same = report["manifests of the two whole builds the same, byte for byte"]
    return [
        "## Times of the builds", "",
        f"`{report['command']}` on {report['machine']}. Two builds of the whole to different folders: manifests "
        f"{'the same' if same else 'NOT the same'}, byte for byte. Target: under 2,400 s. {report['note']}", "",
        *table(["what", "seconds", "load of the machine", "hash of all data"], rows),
    ]  # fmt: skip


def split_rows(report: dict) -> list[str]:
    rows = [
        [r["corpus"], r["split"], r["train media"], r["test media"], r["shared"], r["near"],
         ", ".join(f"{name} {count:,}" for name, count in r["near ones serve"].items())]
        for r in report["rows"]
    ]  # fmt: skip
    return [
        "## Do the splits overlap?", "",
        "Media of each test split against those of train: the same decoded content, and nearly the same by the audit's",
        f"search. At most {report['shards']:,} shards of 2,000 samples of a corpus and split were looked at, and the",
        "corpora below only. `benchmarks/splits.py`.", "",
        *table(["corpus", "split", "train media", "test media", "shared", "near", "which these are"], rows),
    ]  # fmt: skip


def quality(report: dict) -> list[str]:
    """What shuffled captions cost, and what taking out suspects gives back."""
    rows: list[list[object]] = []
    for amount, own in report["shares"].items():
        out = [own[f"taken out of the {kind}"] for kind in ("shuffled", "true")]
        gone = [f"{100 * a / of:.0f}%" if of else "" for a, of in out]
        rows.append([f"{100 * float(amount):.0f}%", share(own["as it is"][:3]), share(own["audited"][:3]), *gone])
    return [
        "## Does data quality rule?", "",
        "The space's heads trained on pictures of which a share has exchanged captions, as they are and without what",
        "the audit's measure of mismatch takes out, judged by heads that learned from the other, equally shuffled",
        "half. Right is a test picture whose own caption comes first among all of its corpus.",
        f"`benchmarks/shuffled.py`, {report['steps']} steps, seeds {', '.join(map(str, report['seeds']))}, "
        f"{report['machine']}.", "",
        *table(["shuffled", "right as it is", "right audited", "taken out of shuffled", "taken out of true"], rows),
    ]  # fmt: skip


def noted(name: str) -> dict:
    return json.loads((DOCS / name).read_text(encoding="utf-8"))


def chosen(folder: Path) -> list[Item]:
    """Pictures and videos with a region as evidence, capabilities in turn, from different families of worlds."""
    waiting: dict[str, list[Item]] = {c: [] for c in CAPABILITIES}
    for shard in sorted(folder.glob("worlds-*.tar"))[:3]:
        for record in index(shard)[0][::3]:
            item = read_record(record)
            if isinstance(item, Item) and any(isinstance(e.where, Box) for e in item.evidence):
                waiting[item.capability].append(item)
    rng = np.random.default_rng(0)
    for items in waiting.values():
        rng.shuffle(items)  # type: ignore[arg-type]
    sheet: list[Item] = []
    while len(sheet) < SAMPLES and any(waiting.values()):
        sheet += [items.pop() for items in waiting.values() if items]
    return sheet[:SAMPLES]


def drawn(item: Item, font: ImageFont.FreeTypeFont) -> Pillow.Image:
    boxes = [e for e in item.evidence if isinstance(e.where, Box)]
    signal = decode(item.media[boxes[0].part].data, name=item.key)
    if isinstance(signal, Video):
        spans = [e.where for e in item.evidence if isinstance(e.where, Span) and e.part == boxes[0].part]
        at = int(np.argmin(np.abs(np.asarray(signal.times) - spans[0].start))) if spans else len(signal.frames) // 2
        pixels = signal.frames[at]
    else:
        assert isinstance(signal, Image)
        pixels = signal.pixels
    picture = Pillow.fromarray(pixels)
    picture = picture.resize((SIDE, round(SIDE * picture.height / picture.width)))
    pen = ImageDraw.Draw(picture)
    for evidence in boxes:
        box = evidence.where
        if evidence.part == boxes[0].part and isinstance(box, Box):
            corners = (box.x0, box.y0, box.x1, box.y1)
            sides = (picture.width, picture.height) * 2
            x0, y0, x1, y1 = (round(c * (s - 1)) for c, s in zip(corners, sides, strict=True))
            pen.rectangle((x0 - 2, y0 - 2, x1 + 2, y1 + 2), outline=INK, width=2)  # around the thing, not over it
    cell = Pillow.new("RGB", (SIDE, SIDE + TEXT), (255, 255, 255))
    cell.paste(picture, (0, max(SIDE - picture.height, 0) // 2))
    others = [m.kind for i, m in enumerate(item.media) if i != boxes[0].part]
    said = f"{item.capability}, {item.language}{', with ' + ' and '.join(others) if others else ''}: {item.question}"
    lines = [*textwrap.wrap(said, 43)[:5], *textwrap.wrap(f"→ {item.answer}", 43)[:2]]
    ImageDraw.Draw(cell).multiline_text((4, SIDE + 2), "\n".join(lines), (0, 0, 0), font, spacing=2)
    return cell


def sheet(items: list[Item], file: Path) -> None:
    import matplotlib

    font_file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    font = ImageFont.truetype(str(font_file), 12)
    gap = 8
    rows = -(-len(items) // ACROSS)
    page = Pillow.new("RGB", (ACROSS * (SIDE + gap) + gap, rows * (SIDE + TEXT + gap) + gap), (225, 225, 225))
    for n, item in enumerate(items):
        place = (gap + n % ACROSS * (SIDE + gap), gap + n // ACROSS * (SIDE + TEXT + gap))
        page.paste(drawn(item, font), place)
    page.save(file, "WEBP", quality=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("builds", nargs="+", type=Path)
    args = parser.parse_args()
    builds = sorted(args.builds, key=lambda b: b.name != "train")
    manifests = [json.loads((b / "manifest.json").read_text()) for b in builds]
    sheet(chosen(builds[0]), DOCS / "data_sheet.webp")
    lines = [
        "# Data", "", "Made by `benchmarks/data_page.py`; edit that, not this.", "",
        f"{sum(m['samples'] for m in manifests):,} samples. Pairs are real media with the words their sources give "
        "them; items of worlds are questions about scenes that were put together, each with its answer, its evidence "
        "and a twin in which the answer is another.", "",
        *counts(manifests),
        "## Samples", "", "Drawn with the boxes of their evidence; of a video one frame.", "",
        "![24 items of worlds](data_sheet.webp)", "",
        *blind(noted("worlds.json")),
        *split_rows(noted("splits.json")),
        *quality(noted("shuffled.json")),
        *audited([noted(file.name) for file in sorted(DOCS.glob("audit*.json"))]),
        *speed(noted("worlds.json"), noted("speed_data.json")),
        *built(noted("builds.json")),
        "## How to make it again", "", "```", textwrap.dedent((__doc__ or "").split("\n\n")[1]), "```", "",
    ]  # fmt: skip
    (DOCS / "data.md").write_text("\n".join(lines), encoding="utf-8")
    print(DOCS / "data.md")


if __name__ == "__main__":
    main()

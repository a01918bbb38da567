"""Writes docs/data.md and its sheet of samples from what `trenza data build` wrote and benchmarks/worlds.py measured.

    trenza data build starter worlds --items 50000 --out DIR/train
    for s in test_seed test_combination test_style test_object; do
        trenza data build worlds --items 4000 --split $s --out DIR/$s; done
    python benchmarks/data_page.py DIR/*

Counts and licences come from the manifests, the blind readers from docs/worlds.json.
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

    def shown(values: list[float]) -> str:
        share, low, high = values
        return f"{100 * share:.1f}% ({100 * low:.1f} to {100 * high:.1f})"

    cells = [
        [r["capability"], r["items"], f"{100 * r['chance']:.1f}%", *(shown(r[n]) for n in readers),
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
            pen.rectangle([round(c * (s - 1)) for c, s in zip(corners, sides, strict=True)], outline=INK, width=3)
    cell = Pillow.new("RGB", (SIDE, SIDE + TEXT), (255, 255, 255))
    cell.paste(picture, (0, max(SIDE - picture.height, 0) // 2))
    others = [m.kind for i, m in enumerate(item.media) if i != boxes[0].part]
    said = f"{item.capability}, {item.language}{', with ' + ' and '.join(others) if others else ''}: {item.question}"
    lines = [*textwrap.wrap(said, 46)[:5], *textwrap.wrap(f"→ {item.answer}", 46)[:2]]
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
        *blind(json.loads((DOCS / "worlds.json").read_text())),
        "## How to make it again", "", "```", textwrap.dedent((__doc__ or "").split("\n\n")[1]), "```", "",
    ]  # fmt: skip
    (DOCS / "data.md").write_text("\n".join(lines), encoding="utf-8")
    print(DOCS / "data.md")


if __name__ == "__main__":
    main()

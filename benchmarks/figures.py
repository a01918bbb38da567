"""Writes the measured figures into README.md, between its two markers, from the benchmarks' JSON.

python benchmarks/figures.py
"""

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- figures: made by benchmarks/figures.py -->", "<!-- end of figures -->"
# What the project set out to reach, by the name of the set: (share, note). The two photograph sets share one.
TARGETS = {
    "openmoji things": 0.35, "test stamps": 0.40, "photograph crops": 0.40, "photograph cut-outs": 0.40,
    "spoken": 0.70,
}  # fmt: skip
SUPPORT_TARGET = 0.85


def percent(interval: list[float]) -> str:
    share, low, high = (round(100 * x) for x in interval[:3])
    return f"{share}% ({low} to {high})"


def naming(report: dict) -> list[str]:
    lines = [
        "| what is named, never trained on | n | right (95% interval) | asked in words training never used | blind | target |",  # noqa: E501
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for title, row in report.items():
        if not isinstance(row, dict) or "right" not in row:
            continue
        first, *others = row["right"].values()
        target = next(share for name, share in TARGETS.items() if title.startswith(name))
        mark = f"{target:.0%}" + ("" if first[0] >= target else f", missed by {100 * (target - first[0]):.0f} points")
        worded = " / ".join(percent(o) for o in others)
        lines.append(f"| {title} | {row['n']} | {percent(first)} | {worded} | {100 * row['blind'][0]:.1f}% | {mark} |")
    support = report["support"]
    value, low, high = support["auc"]
    missed = "" if value >= SUPPORT_TARGET else f", missed by {SUPPORT_TARGET - value:.3f}"
    lines += [
        "",
        f"Support tells the right name from another's on {support['n']} OpenMoji pictures with an AUC of {value:.3f} "
        f"({low:.3f} to {high:.3f}; target {SUPPORT_TARGET}{missed}): median {support['median right']:+.1f} nats "
        f"against {support['median other']:+.1f}. Seed {report['seed']}, {report['machine']}; "
        f"`benchmarks/naming.py --share {report['share']}`.",
    ]
    return lines


COLUMNS = {
    "test_seed en": "fresh worlds", "test_seed es": "asked in Spanish",
    "test_combination en": "pairs never shown together", "test_style en": "a hand never trained on",
}  # fmt: skip


def worlds(report: dict) -> list[str]:
    """What the default can do on worlds, beside what the issue "Train" asks for."""
    measured = [part for part in COLUMNS if part in report]
    lines = [
        "",
        f"On worlds never seen, {report['worlds of each family']} of each family, answers as the model writes them:",
        "",
        f"| capability | {' | '.join(COLUMNS[part] for part in measured)} | targets (seen hand, unseen) |",
        f"| --- {'| --- ' * len(measured)}| --- |",
    ]
    titles = list(dict.fromkeys(title for part in measured for title in report[part]))
    for title in titles:
        cells = [percent(report[part][title]) if title in report[part] else "" for part in measured]
        wanted = " / ".join("" if t is None else f"{t:.0%}" for t in report["targets"].get(title, ()))
        lines.append(f"| {title} | {' | '.join(cells)} | {wanted.strip(' /')} |")
    lines += ["", f"Seed {report['seed']}, {report['machine']}; `benchmarks/default.py`.", ""]
    return lines


def ask(report: dict) -> list[str]:
    process = report["trenza ask"]
    lines = [
        "",
        f"`trenza ask` on one picture takes {process['peak resident GiB']:.2f} GiB of memory at its peak (target 1.5) "
        f"and {process['process start to end, seconds']:.1f} s from process start to end. `benchmarks/ask.py`, "
        f"{report['machine']}:",
        "",
        "| arithmetic | same greedy answer as transformers' LLaVA | transformers' time over ours (95% interval) | "
        "our first token, median and worst (target 1 s) |",
        "| --- | --- | --- | --- |",
    ]
    for name, row in report.items():
        if not name.startswith("torch"):
            continue
        same, ratio, first = row.values()
        lines.append(
            f"| {name.removeprefix('torch.')} | {same} | {ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f}) | "
            f"{first[0]:.2f} s, {first[1]:.2f} s |"
        )
    return lines


def main() -> None:
    docs = ROOT / "docs"
    parts = ((worlds, "default-model.json"), (naming, "naming.json"), (ask, "ask.json"))
    lines: list[str] = []
    for part, file in parts:
        there = (docs / file).is_file()
        lines += part(json.loads((docs / file).read_text())) if there else ["", f"`docs/{file}`: not measured yet.", ""]
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]))


if __name__ == "__main__":
    main()

"""Writes the measured figures into README.md and docs/default-model.md, between two markers, from the benchmarks' JSON.

python benchmarks/figures.py
"""

import json
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- figures: made by benchmarks/figures.py -->", "<!-- end of figures -->"
# What the project set out to reach, by the name of the set: (share, note). The two photograph sets share one.
TARGETS = {
    "openmoji things": 0.35, "test stamps": 0.40, "photograph crops": 0.70, "photograph cut-outs": 0.70,
    "spoken": 0.70,
}  # fmt: skip
SUPPORT_TARGET = 0.85


def percent(interval: list[float]) -> str:
    share, low, high = (round(100 * x) for x in interval[:3])
    return f"{share}% ({low} to {high})"


def aim(value: float, target: float, least: bool = True) -> str:
    """A target, and by how many points it is missed where it is. least: or else at most."""
    off = target - value if least else value - target
    short = f", missed by {100 * off:.0f} points" if off > 0 else ""
    return f"{'' if least else 'at most '}{target:.0%}{short}"


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
        worded = " / ".join(percent(o) for o in others)
        blind = f"{100 * row['blind'][0]:.1f}%"
        lines.append(f"| {title} | {row['n']} | {percent(first)} | {worded} | {blind} | {aim(first[0], target)} |")
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
SPANISH_TARGETS = (0.9, 0.85)  # share of the English figure, in a seen and an unseen hand
TABLE_TARGETS = {"easy-vqa": 0.97, "fashion-mnist": 0.85}


def worlds(report: dict) -> list[str]:
    """What the default can do on worlds, beside what the issue "Train" asks for."""
    measured = [part for part in COLUMNS if part in report]
    lines = [
        f"On worlds never seen, {report['worlds of each family']} of each family, answers as the model writes them:",
        "",
        f"| capability | {' | '.join(COLUMNS[part] for part in measured)} | target | target, unseen hand |",
        f"| --- {'| --- ' * len(measured)}| --- | --- |",
    ]
    titles = list(dict.fromkeys(title for part in measured for title in report[part]))
    for title in titles:
        cells = [percent(report[part][title]) if title in report[part] else "" for part in measured]
        targets = zip(("test_seed en", "test_style en"), report["targets"].get(title, (0, 0)), strict=True)
        wanted = [aim(report[p][title][0], t) if t and title in report.get(p, {}) else "" for p, t in targets]
        lines.append(f"| {title} | {' | '.join(cells)} | {' | '.join(wanted)} |")
    command = f"benchmarks/default.py --worlds {report['worlds of each family']}"
    made = ["", f"Seed {report['seed']}, {report['machine']}; `{command}`."]
    return [*lines, *made, *spanish(report), *tables(report)]


def spanish(report: dict) -> list[str]:
    """The mean of the rows that have a target, asked in Spanish, as a share of the same in English."""
    told = []
    for split, target in zip(("test_seed", "test_style"), SPANISH_TARGETS, strict=True):
        english, other = (report.get(f"{split} {language}", {}) for language in ("en", "es"))
        rows = [t for t, targets in report["targets"].items() if any(targets) and t in english and t in other]
        if rows and (whole := sum(english[t][0] for t in rows)):
            share = sum(other[t][0] for t in rows) / whole
            told.append(f"Asked in Spanish, {split}: {share:.0%} of the English mean (target {aim(share, target)}).")
    return ["", *told] if told else []


def tables(report: dict) -> list[str]:
    lines = [""] + [
        f"{name}, test split, the answer with the highest log p: {percent(row)} of {row[3]} (target "
        f"{aim(row[0], TABLE_TARGETS[name])})."
        for name, row in report.get("tables", {}).items()
    ]  # fmt: skip
    if "language, nats a token" in report:
        rows = report["language, nats a token"]
        alone, (value, low, high, count) = rows["without media, less pinned"], rows["beside media, less pinned"]
        lines.append(
            f"Plain English prose, {count} texts, against the pinned language model: {alone[0]:+.2f} nats a token "
            f"where nothing is shown, since that model answers then; {value:+.2f} ({low:+.2f} to {high:+.2f}) with the "
            "updates that are used beside media."
        )
    return lines


def heard(report: dict) -> list[str]:
    """What the detector of events says by itself; the language model copies it."""
    voices = report["spoken"]
    fonts = [(font, row) for font, row in report["instruments"].items() if isinstance(row, dict)]
    effects = report["sound effects"]["right among 10 names of effects (chance 0.10)"]
    rows = [
        ("words by espeak voices not trained on, error rate", voices["espeak, unseen voices, en"]["wer"], 0.15, False),
        ("words by people (stamp voices), error rate", voices["stamp voices, en"]["wer"], 0.25, False),
        ("sound effect never heard, right among 10 names", effects, 0.4, True),
    ]
    for (font, row), target in zip(fonts, (0.85, 0.55), strict=True):
        rows.append((f"instrument, {font}, right among 30", row["right among 30 (chance 0.03)"], target, True))
    lines = ["| heard by the detector of events | share (95% interval) | target |", "| --- | --- | --- |"]
    lines += [
        f"| {t} | {percent(interval)} | {aim(interval[0], target, least)} |" for t, interval, target, least in rows
    ]
    return [*lines, "", f"{report['machine']}; `benchmarks/events.py`."]


def calibration(report: dict) -> list[str]:
    marked, kept = report["unsupported marked"], report["supported marked"]
    return [
        f"The best threshold of support is {report['threshold in nats']:.2f} nats: on items it was not chosen on it "
        f"marks {percent(marked)} of {report['answers'][1]} unsupported answers (target {aim(marked[0], 0.9)}) and "
        f"{percent(kept)} of {report['answers'][0]} supported ones (target {aim(kept[0], 0.1, False)}). "
        f"Seeds {' and '.join(map(str, report['seeds']))}; `python -m trenza.align.calibrate MODEL --items "
        f"{2 * report['answers'][0]}`.",
    ]


LARGEST = "largest difference of a step's losses"


def training(report: dict) -> list[str]:
    two = report["two processes"]
    exact, rough = report["losses in float32"], report["losses in bfloat16"]
    return [
        f"A step of {report['questions a step']} questions of easy-vqa takes transformers' Trainer "
        f"{report['times as fast']} times as long as ours (target {report['target']:.0f}), and ours takes "
        f"{report['memory, ours over theirs']:.0%} of its peak memory (target {report['memory target']:.0%}), both in "
        f"bfloat16. The mean losses of the last three of {report['steps']} steps differ by "
        f"{exact['losses differ by']:.4%} in float32 ({report['losses may differ by']:.0%} allowed), by "
        f"{rough['losses differ by']:.1%} in bfloat16, where rounding grows from step to step. Two processes: each "
        f"step's loss is within {two['losses in float32'][LARGEST]:.1e} of one's in float32 (target "
        f"{two['target']:.0e}), within {two['losses in bfloat16'][LARGEST]:.1e} in bfloat16; a step takes "
        f"{two['time of a step over one process of two threads']} times as long (target {two['time target']}). "
        f"{report['machine']}; `benchmarks/train.py`.",
    ]


def ask(report: dict) -> list[str]:
    process = report["trenza ask"]
    lines = [
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


Part = Callable[[dict], list[str]]
PAGES: dict[str, tuple[tuple[Part, str], ...]] = {
    "README.md": ((naming, "naming.json"), (ask, "ask.json")),
    "docs/default-model.md": (
        (worlds, "default-model.json"), (naming, "naming.json"), (heard, "events.json"),
        (calibration, "calibration.json"), (training, "train.json"),
    ),
}  # fmt: skip


def main() -> None:
    for page, parts in PAGES.items():
        lines: list[str] = []
        for part, file in parts:
            there = (ROOT / "docs" / file).is_file()
            lines += (
                part(json.loads((ROOT / "docs" / file).read_text())) if there else [f"`docs/{file}`: not measured yet."]
            )
            lines.append("")
        before, rest = (ROOT / page).read_text().split(BEGIN)
        after = rest.split(END)[1]
        (ROOT / page).write_text("\n".join([before + BEGIN, "", *lines, END + after]))


if __name__ == "__main__":
    main()

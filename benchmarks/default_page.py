"""docs/default-model.md, from the JSON files that the benchmarks wrote. Nothing is measured here.

python benchmarks/default_page.py
"""

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
CURVES = (("first", "default-stage-1.jsonl"), ("second", "default-stage-2.jsonl"))
EVERY = 50  # steps between two lines of a curve
COLUMNS = ("test_seed", "test_combination", "test_style")


def share(value: list[float] | None) -> str:
    return f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f}; {value[3]})" if value else ""


def table(report: dict[str, Any], language: str) -> list[str]:
    lines = [
        "| question | target, seen hand | fresh seeds | unseen pairs | target, unseen hand | unseen hand |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    titles = list(dict.fromkeys(t for split in COLUMNS for t in report.get(f"{split} {language}", {})))
    for title in titles:
        cells = [share(report.get(f"{split} {language}", {}).get(title)) for split in COLUMNS]
        seen, unseen = report["targets"].get(title, [None, None])
        lines.append(f"| {title} | {seen or ''} | {cells[0]} | {cells[1]} | {unseen or ''} | {cells[2]} |")
    return lines


def spanish(report: dict[str, Any]) -> list[str]:
    """Mean over the rows with a target: Spanish as a share of English."""
    lines = []
    for split, target in (("test_seed", 0.9), ("test_style", 0.85)):
        pairs = [
            (report[f"{split} es"][title][0], value[0])
            for title, value in report[f"{split} en"].items()
            if title in report[f"{split} es"] and report["targets"].get(title, [None])[0]
        ]
        ratio = sum(es for es, _ in pairs) / sum(en for _, en in pairs)
        lines.append(f"- {split}: {ratio:.2f} of English over {len(pairs)} rows (target {target})")
    return lines


def curve(file: Path) -> list[str]:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    lines = []
    for start in range(0, len(rows), EVERY):
        some = rows[start : start + EVERY]
        tokens = sum(r["answer_tokens"] for r in some)
        mean = sum(r["loss"] * r["answer_tokens"] for r in some) / tokens
        lines.append(f"| {start} to {start + len(some) - 1} | {mean:.3f} |")
    return ["| steps | mean loss of an answer's token, nats |", "| --- | --- |", *lines]


def read(name: str) -> dict[str, Any]:
    file = DOCS / name
    return json.loads(file.read_text()) if file.exists() else {}


def page() -> str:
    report, calibration, naming = read("default-model.json"), read("calibration.json"), read("naming.json")
    lines = [
        "# The embedded default, measured", "",
        "How it was trained and what it is for stands in its card, `src/trenza/default/README.md`. Every figure is a",
        "share with its 95% interval and the number of answers; intervals are over worlds. Made by",
        f"`python benchmarks/default.py --worlds {report['worlds of each family']} --seed {report['seed']} "
        "--json docs/default-model.json`,",
        f"then `python benchmarks/default_page.py`. Machine class: {report['machine']}.", "",
        "## Asked in English", "", *table(report, "en"), "",
        "## Asked and answered in Spanish", "", *table(report, "es"), "", *spanish(report), "",
    ]  # fmt: skip
    if tables := report.get("tables"):
        lines += ["## Tables", "", "The choice of highest likelihood, on items of the test splits.", ""]
        targets = {"easy-vqa": 0.97, "fashion-mnist": 0.85}
        lines += [f"- {name}: {share(value)}, target {targets[name]}" for name, value in tables.items()] + [""]
    if language := report.get("language, nats a token"):
        lines += ["## Plain English prose, nats a token", ""]
        lines += [f"- {name}: {value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})" for name, value in language.items()]
        lines += [""]
    if calibration:
        lines += [
            "## Support", "",
            f"`python -m trenza.align.calibrate MODEL --json docs/calibration.json` chose a threshold of "
            f"{calibration['threshold in nats']:.2f} nats on",
            f"worlds of seed {calibration['seeds'][0]} and measured it on worlds of seed {calibration['seeds'][1]}: of "
            "answers that the media don't support",
            f"{interval(calibration['unsupported marked'])} are marked (target at least 0.9), of supported ones "
            f"{interval(calibration['supported marked'])} (target at most 0.1).", "",
        ]  # fmt: skip
    if naming:
        lines += ["## Single pictures and words", "", "`benchmarks/naming.py`, docs/naming.json.", ""]
        lines += [f"- {title}: {text}" for title, text in names(naming)] + [""]
    for name, file in CURVES:
        if (DOCS / file).exists():
            lines += [f"## Curve of the {name} stage", "", f"docs/{file} has every step.", "", *curve(DOCS / file), ""]
    return "\n".join(lines)


def interval(value: list[float]) -> str:
    return f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f})"


def names(naming: dict[str, Any]) -> list[tuple[str, str]]:
    """(set, right when asked in the first form)."""
    told = []
    for title, own in naming.get("naming", naming).items():
        if isinstance(own, dict) and "right" in own:
            value = next(iter(own["right"].values()))
            told.append((title, f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f}; {value[3]})"))
    return told


def main() -> None:
    (DOCS / "default-model.md").write_text(page())


if __name__ == "__main__":
    main()

"""What the default can do on worlds it never saw, in English and Spanish, against the targets of the issue "Train".

    python benchmarks/default.py [--model DIR] [--seed 41] [--worlds 12] [--json docs/default-model.json]

As many worlds of every family: fresh seeds, pairs of things never shown together, and a hand never trained on. Each
is asked in English and once more in Spanish; answers are what the model writes, greedily. Then easy-vqa and
fashion-mnist's test splits, and plain prose, which shows whether the language has suffered. Intervals are over worlds
(`evaluate/clustered.py`). What detectors do alone stands in docs/objects.json and docs/events.json.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pydoc_data import topics
from typing import Any

import numpy as np
import torch

from naming import AT_ONCE, answers
from objects import shown
from trenza.conversation import Conversation
from trenza.data.corpora import tables
from trenza.data.samples import Item
from trenza.data.worlds import albums, charts, crossing, films, papers, pictures, recordings, screens
from trenza.data.worlds.build import world_items
from trenza.data.worlds.phrases import phrases
from trenza.evaluate.clustered import ANY, ratio
from trenza.evaluate.reading import bare, iou_numbers, right
from trenza.signals import decode
from trenza.systems import load
from trenza.systems.abstaining import abstained

SPLITS = ("test_seed", "test_combination", "test_style")
THINGS = (*pictures.FAMILIES, *albums.FAMILIES, *crossing.FAMILIES, *films.FAMILIES, *recordings.FAMILIES)
SIGNS = (*papers.FAMILIES, *charts.FAMILIES, *screens.FAMILIES)
LANGUAGES = ("en", "es")
NEAR = 0.5  # seconds
TEXTS, PROSE = 40, 200  # texts of plain prose, and tokens of each
Score = tuple[float, float]  # what was reached, of what


# --- one answer -----------------------------------------------------------------------------------


def chosen(item: Item, text: str) -> Score:
    return float(right(text, item.answer, item.choices)), 1.0


def numbers(text: str) -> list[float]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    listed = isinstance(found, list) and all(isinstance(v, int | float) for v in found)
    return found if listed else []


def box(item: Item, text: str) -> Score:
    got, true = numbers(text), numbers(item.answer)
    return float(len(got) == 4 and iou_numbers(got, true) >= 0.5), 1.0


def span(item: Item, text: str) -> Score:
    got, true = numbers(text), numbers(item.answer)
    return float(len(got) == 2 and max(abs(a - b) for a, b in zip(got, true, strict=True)) <= NEAR), 1.0


def click(item: Item, text: str) -> Score:
    """Does the point, or the click's, lie in the element that is the evidence?"""
    point = numbers(text)
    if not point:
        arguments = fields(text).get("arguments")
        point = [arguments.get(k, -1) for k in "xy"] if isinstance(arguments, dict) else []
    where: Any = item.evidence[0].where
    inside = (
        len(point) == 2
        and all(isinstance(v, int | float) for v in point)
        and where.x0 <= point[0] <= where.x1
        and where.y0 <= point[1] <= where.y1
    )
    return float(inside), 1.0


def fields(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def f1(item: Item, text: str) -> Score:
    """Fields right, twice, of fields given and fields there."""
    got, true = fields(text), fields(item.answer)
    return 2.0 * sum(got.get(k) == v for k, v in true.items()), float(len(got) + len(true))


def listed(item: Item, text: str) -> set[str]:
    """The names of a listing, in whatever order."""
    before, _, after = phrases(item.language).word("listing", things="|").lower().partition("|")
    names = text.lower().removeprefix(before.strip()).removesuffix(after)
    return {bare(name) for name in names.split(",") if name.strip()}


def recall(item: Item, text: str) -> Score:
    true = listed(item, item.answer)
    return float(len(true & listed(item, text))), float(len(true))


def precision(item: Item, text: str) -> Score:
    got = listed(item, text)
    return float(len(listed(item, item.answer) & got)), float(len(got))


@dataclass(frozen=True)
class Row:
    """A line of the table: which questions, how an answer is scored, the targets in a seen and an unseen hand."""

    title: str
    measure: Callable[[Item, str], Score]
    templates: tuple[str, ...] = ()
    capability: str = ""
    families: tuple[Any, ...] = ()
    seen: float | None = None
    unseen: float | None = None

    def takes(self, item: Item, family: Any) -> bool:
        template = isinstance(item.truth, dict) and item.truth["template"] in self.templates
        return template or (item.capability == self.capability and family in self.families)


ROWS = (
    Row("names listed, recall", recall, ("describe",), seen=0.85, unseen=0.5),
    Row("names listed, precision", precision, ("describe",)),
    Row("locate, IoU at least 0.5", box, ("box", "box_of_colour", "box_of_biggest"), seen=0.75, unseen=0.6),
    Row("count, exact", chosen, ("count",), seen=0.85, unseen=0.75),
    Row("verify a picture (chance 0.5)", chosen, (), "verify", pictures.FAMILIES, 0.9, 0.8),
    Row("compare in one picture (chance 0.5)", chosen, (), "compare", pictures.FAMILIES),
    Row("compare two pictures", chosen, ("changed", "which_picture", "only_in_first"), seen=0.8, unseen=0.7),
    Row("act: the click lies in the element", click, ("click", "click_call"), seen=0.9),
    Row("act: the right call", chosen, ("make_on", "make_off", "book", "book_or_ask")),
    Row("extract: fields of forms and charts, F1", f1, ("fields", "chart_data"), seen=0.8),
    Row("cross sound and picture (chance 0.5)", chosen, (), "cross", crossing.FAMILIES, 0.85, 0.75),
    Row("cross sound and film (chance 0.5)", chosen, (), "cross", films.FAMILIES),
    Row("video: start and end within 0.5 s", span, ("sound_when", "seen_when"), seen=0.7, unseen=0.6),
    Row("video: which way (chance 0.25)", chosen, ("way",)),
    Row("sound: start and end within 0.5 s", span, ("when", "loudest")),
    Row("sound: verify (chance 0.5)", chosen, (), "verify", recordings.FAMILIES),
)  # fmt: skip


# --- many answers ---------------------------------------------------------------------------------


def conversation(item: Item, question: str = "") -> Conversation:
    return Conversation.ask(
        question or item.question, *(decode(m.data, name=item.key, kind=m.kind) for m in item.media)
    )


def asked(split: str, seed: int, worlds: int, language: str) -> Iterator[tuple[Any, Item]]:
    for family in (*THINGS, *(SIGNS if split == "test_seed" else ())):
        for number in range(worlds):
            for item in world_items(number, seed, split, languages=(language,), family=family):
                yield family, item


def measure(model, split: str, seed: int, worlds: int, language: str) -> dict[str, list[float]]:
    kept = [(f, i) for f, i in asked(split, seed, worlds, language) if any(row.takes(i, f) for row in ROWS)]
    said = [a.text for a in answers(model, [conversation(item) for _, item in kept])]
    told = {}
    for row in ROWS:
        scores = [
            (row.measure(item, text), item.key.rsplit("-", 1)[0] + family.__name__)
            for (family, item), text in zip(kept, said, strict=True) if row.takes(item, family)
        ]  # fmt: skip
        if scores:
            told[row.title] = shown(ratio([s[0] for s, _ in scores], [s[1] for s, _ in scores], [w for _, w in scores]))
    return told | missing(model, kept, language)


def missing(model, kept: Sequence[tuple[Any, Item]], language: str) -> dict[str, list[float]]:
    """Asked where a thing is: how often "there is none", of things of other pictures and of things in this one."""
    shown_ = [i for f, i in kept if f in pictures.FAMILIES and i.truth["template"] in ("box", "describe")]
    told: dict[str, list[float]] = {}
    rng = np.random.default_rng(0)
    cases: dict[str, list[tuple[Item, str]]] = {"says so when it isn't there": [], "says so when it is there": []}
    half = len(shown_) // 2  # far enough to be another world's
    for item, other in zip(shown_, [*shown_[half:], *shown_[:half]], strict=True):
        own, others = ([t["name"] for t in i.truth["media"][0]["objects"]] for i in (item, other))
        away = [name for name in others if name not in own]
        for title, names in zip(cases, (away, own), strict=True):
            if names:
                cases[title].append((item, phrases(language).question("box", rng, x=names[rng.integers(len(names))])))
    for title, some in cases.items():
        said = answers(model, [conversation(item, question) for item, question in some])
        worlds = [item.key.rsplit("-", 1)[0] for item, _ in some]
        told[title] = shown(ratio([float(abstained(a.text)) for a in said], [1.0] * len(said), worlds))
    return told


def tests_of(model, entries: Sequence[tuple[Conversation, str, Sequence[str]]]) -> list[float]:
    """Share of (question, answer, choices) whose answer has the highest log p."""
    found = []
    for start in range(0, len(entries), AT_ONCE):
        some = entries[start : start + AT_ONCE]
        scores = model.score_many([(c, choices) for c, _, choices in some])
        found += [
            float(choices[int(np.argmax(s))] == answer) for s, (_, answer, choices) in zip(scores, some, strict=True)
        ]
    return shown(ratio(found, [1.0] * len(found), list(range(len(found)))))


def tables_of(model, count: int, seed: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    vqa = [e for e in tables.easy_vqa(("en",)) if e.key.startswith("test-")]
    items = [vqa[i].make() for i in rng.choice(len(vqa), count, replace=False)]
    told = {"easy-vqa": tests_of(model, [(conversation(i), i.answer, i.choices) for i in items])}
    clothes = [e for e in tables.fashion(("en",)) if e.key.startswith("test-")]
    pairs = [clothes[i].make() for i in rng.choice(len(clothes), count, replace=False)]
    names = sorted({p.text for p in pairs})
    ask = [Conversation.ask("What is this?", decode(p.media.data, name=p.key, kind="image")) for p in pairs]
    return told | {"fashion-mnist": tests_of(model, [(c, p.text, names) for c, p in zip(ask, pairs, strict=True)])}


@torch.no_grad()
def language_of(model, count: int, seed: int) -> dict[str, list[float]]:
    """Nats a token of plain English prose (Python's own help topics): the pinned language model's, the default's where
    nothing is shown, and what its updates make of it beside media."""
    prose = [text for _, text in sorted(topics.topics.items()) if len(text) > 1000]
    pinned, tokenizer = load.language()
    languages = {
        "pinned": pinned, "without media": model.without().system.language, "beside media": model.system.language,
    }  # fmt: skip
    told: dict[str, list[float]] = {name: [] for name in languages}
    for number in np.random.default_rng(seed).choice(len(prose), count, replace=False):
        tokens = torch.tensor(tokenizer.encode(prose[number])[:PROSE])
        for name, language in languages.items():
            logits = language.logits(language(language.embed(tokens)[None])[0, :-1]).float()
            told[name].append(float(torch.nn.functional.cross_entropy(logits, tokens[1:])))
    for name in ("without media", "beside media"):
        told[f"{name}, less pinned"] = [b - a for a, b in zip(told["pinned"], told[name], strict=True)]
    return {name: shown(ratio(v, [1.0] * count, list(range(count)), ANY)) for name, v in told.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder that trenza train wrote (default: the embedded default)")
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--worlds", type=int, default=12, help="of each family, split and language")
    parser.add_argument("--splits", nargs="*", choices=[*SPLITS, "tables"], default=[*SPLITS, "tables"])
    parser.add_argument("--languages", nargs="*", choices=LANGUAGES, default=LANGUAGES)
    parser.add_argument("--tables", type=int, default=200, help="items of each table's test split")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model, begun = load.responder(args.model), time.time()
    report: dict[str, Any] = {
        "model": args.model or "default", "seed": args.seed, "worlds of each family": args.worlds,
        "machine": f"{platform.machine()}, CPU", "targets": {r.title: [r.seen, r.unseen] for r in ROWS},
    }  # fmt: skip
    for split in args.splits:
        if split == "tables":
            report["tables"] = tables_of(model, args.tables, args.seed)
            report["language, nats a token"] = language_of(model, TEXTS, args.seed)
            print(json.dumps([report["tables"], report["language, nats a token"]], indent=1))
            continue
        for language in args.languages:
            report[f"{split} {language}"] = measure(model, split, args.seed, args.worlds, language)
            print(split, language, json.dumps(report[f"{split} {language}"], indent=1), flush=True)
    report["seconds"] = round(time.time() - begun)
    if args.json:
        if args.json.exists() and set(args.splits) < {*SPLITS, "tables"}:  # a part, beside the parts that are there
            report = json.loads(args.json.read_text()) | report
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""`trenza evaluate MODEL --task ...`: the report card. Did it look, or did it guess?"""

import argparse
import hashlib
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from trenza.cache import cache_dir
from trenza.data.files import Broken
from trenza.errors import UsageError

HELP = "report card: how much of a score is evidence, and how much a guess"
DEFAULT = "the embedded default"
ITEMS = 400  # of a built-in task, whose items have no end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", nargs="?",
        help="a folder of ours, a transformers checkpoint (folder or hub name) or http://HOST:PORT/v1 "
        "(default: the embedded model)",
    )  # fmt: skip
    parser.add_argument(
        "--task", action="append", required=True, metavar="DIR|NAME",
        help="a folder or file of items (docs/evaluate.md), or worlds, stamps, easy-vqa, fashion-mnist, openmoji; "
        "repeatable",
    )  # fmt: skip
    parser.add_argument("--against", metavar="MODEL2", help="a second model on the same items")
    parser.add_argument(
        "--items", type=int, metavar="N", help=f"most items a task (default: all; {ITEMS} of a built-in)"
    )
    parser.add_argument(
        "--contamination", action="store_true", help="test by its behaviour whether the model has seen the task before"
    )
    parser.add_argument("--trained-on", type=Path, metavar="DATA", help="training data to look for the task in")
    parser.add_argument("--budget", type=int, default=0, metavar="N", help="most questions put to each model")
    parser.add_argument("--seed", type=int, default=0, help="of fresh worlds, samples and probes (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write measures and flags there")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page there")
    parser.add_argument(
        "--fail-under", nargs="+", default=[], metavar="NAME=LEAST", help="exit with 1 under it, as prior_gap=0.2"
    )


def run(options: argparse.Namespace) -> int:
    from trenza.evaluate import page, report
    from trenza.evaluate.card import Card, card, compare, under
    from trenza.evaluate.measures import leaks
    from trenza.evaluate.plan import plan
    from trenza.evaluate.run import Results

    _check(options)
    task = asked_of(options.task, options.items, options.seed)
    asked = plan(task, options.budget, options.seed)
    names = [options.model, options.against] if options.against else [options.model]
    results: list[Results] = []
    cards: list[Card] = []
    remarks: list[str] = []
    found = leaks.NOT_LOOKED_FOR
    for name in names:
        responder = _loaded(name)
        result, told = _run(name, responder, task, asked, options.seed)
        if not results:
            found = _leaks(options, responder, task, remarks)
        cards.append(card(name or DEFAULT, result, () if results else leaks.measures(found)))
        results.append(result)
        remarks += told
    differences = tuple(compare(results[0], results[1], (cards[0], cards[1]))) if options.against else ()
    made = report.Report(
        cards[0], results[0], options.seed, cards[1] if options.against else None, differences, tuple(remarks),
        found,
    )  # fmt: skip
    failed = under(cards[0], options.fail_under)
    if options.json:
        report.write_json(made, options.json)
    if options.html:
        page.write(made, options.html)
    _print(made)
    for condition in failed:
        print(f"trenza: {made.card.model} fails {condition}", file=sys.stderr)
    return 1 if failed else 0


def _check(options: argparse.Namespace) -> None:
    """What is wrong with the call is said before any weights are loaded."""
    for limit in options.fail_under:
        name, _, least = limit.partition("=")
        if not name or not least.replace(".", "", 1).removeprefix("-").isdigit():
            raise UsageError(f"--fail-under {limit!r} isn't NAME=NUMBER, as prior_gap=0.2")
    if options.budget < 0 or (options.items is not None and options.items < 1):
        raise UsageError("--budget and --items count from 1")
    no_folders(options.json, options.html)


def no_folders(*files: Path | None) -> None:
    """Raises UsageError where a folder is given for what is to be written."""
    for file in files:
        if file is not None and file.is_dir():
            raise UsageError(f"{file} is a folder; give the name of a file")


def asked_of(names: list[str], items: int | None, seed: int):
    """The tasks of these names or paths as one. Raises UsageError, DataError."""
    from trenza.evaluate import builtin, tasks

    found = []
    for name in names:
        made = builtin.by_name(name)
        if made is not None and not Path(name).exists():
            found.append(made(items or ITEMS, seed))
        elif Path(name).exists():
            found.append(tasks.load(Path(name), items or 0, seed))
        else:
            raise UsageError(f"--task {name!r} is no path and not built in; built in: {', '.join(builtin.NAMES)}")
    return tasks.joined(found)


def _loaded(name: str | None):
    from trenza.systems import load, words

    with Console(stderr=True).status(f"loading {name or DEFAULT}"):
        return words.itself(load.responder(name))


def _leaks(options: argparse.Namespace, responder, task, remarks: list[str]):
    """What speaks for the task having been in the first model's training, as far as it is to be looked for."""
    from trenza.evaluate import builtin
    from trenza.evaluate.contamination import behavioural, between
    from trenza.evaluate.measures.leaks import Leaks

    findings, hits = [], []
    if options.contamination:
        # Of a world there are always fresh ones; of anything else nobody has any.
        fresh = (
            [] if set(options.task) - {"worlds"} else builtin.load("worlds", len(task.items), options.seed + 1).items
        )
        findings = behavioural(responder, task.items, options.seed, fresh)
    if options.trained_on:
        broken: list[Broken] = []
        hits = between(options.trained_on, list(task.items), broken=broken)
        if broken:
            what = f"{len(broken)} samples couldn't be read and were not looked at, the first: {broken[0].reason}"
            remarks.append(f"training data {options.trained_on}: {what}")
    return Leaks(tuple(findings), tuple(hits), len(task.items) if options.trained_on else 0)


def _run(name: str | None, responder, task, asked, seed: int):
    """One model's answers to the whole plan, and what its report must say beside them."""
    from trenza.evaluate.asking import Asker
    from trenza.evaluate.run import run
    from trenza.evaluate.store import Store

    store = Store(cache_dir() / "evaluate" / "answers.sqlite")
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        console=Console(stderr=True),
    )  # fmt: skip
    try:
        with bar:
            shown = bar.add_task(name or DEFAULT, total=len(asked.plain))
            progress: Callable[[int, int], None] = lambda done, total: bar.update(shown, completed=done, total=total)  # noqa: E731
            result = run(task, asked, Asker(responder, identity(name, responder), store), seed, progress)
    finally:
        store.close()
    told = [f"{name or DEFAULT}: scored by {how}"] if (how := getattr(responder, "how_scored", "")) else []
    told += [f"{what} ({count} times)" for what, count in dict(getattr(responder, "warnings", {})).items()]
    return result, told


def identity(model: str | None, responder) -> str:
    """What answers depend on: the version of trenza, and the endpoint's model or the content of the weights and what is
    perceived with."""
    from trenza.systems import load

    folder = Path(model) if model else load.DEFAULT
    base = f"trenza {version('trenza')}"
    if not folder.is_dir():
        return f"{base} {model} {getattr(responder, 'name', '')}"
    digest = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        with file.open("rb") as opened:
            digest.update(f"{file.relative_to(folder)} {hashlib.file_digest(opened, 'sha256').hexdigest()}\n".encode())
    return f"{base} {load.things_told()} {digest.hexdigest()}"


def _print(made) -> None:
    from trenza.evaluate import report

    results = made.results
    items, probed = len(results.plan.plain), len(results.plan.probed)
    print(f"{made.card.model} on {results.task.name}: {items:,} items, {probed:,} probed")
    print(f"{results.asked:,} questions asked, {results.kept:,} known already")
    print("\n".join(report.lines(made.card)))
    for difference in made.differences:
        e = difference.estimate
        print(f"  {difference.name:26} {e.value:+7.3f}  p {difference.p_holm:.3f}  {difference.verdict}")
    for name, why in made.card.flags:
        print(f"! {name}: {why}")
    for note in report.notes(made):
        print(f"  note: {note}")

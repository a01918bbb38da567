"""`trenza data build` and `trenza data audit`: data with its full truth, and what is wrong with anyone's pairs."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trenza.data import build as building
from trenza.data.corpora.registry import CORPORA
from trenza.data.files import whole
from trenza.data.samples import Media
from trenza.data.worlds.stock import SPLITS
from trenza.errors import UsageError

HELP = "build corpora and worlds; audit pairs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    jobs = parser.add_subparsers(dest="job", required=True, metavar="JOB")
    build = jobs.add_parser(
        "build", help="write corpora as WebDataset shards with a manifest",
        description="Write corpora as WebDataset shards with a manifest. The same call gives the same bytes; "
        "a build that was stopped goes on where it was.",
    )  # fmt: skip
    build.add_argument(
        "corpus", nargs="+", help=f"starter (all to train on), {building.WORLDS}, or of: {', '.join(CORPORA)}"
    )
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    build.add_argument("--items", type=int, default=0, metavar="N", help="items of worlds to make")
    build.add_argument("--seed", type=int, default=0, metavar="S", help="seed of worlds (default 0)")
    build.add_argument("--split", choices=SPLITS, default="train", help="split of worlds (default train)")
    build.add_argument("--languages", default="en,es", metavar="L,L", help="ISO 639-1 codes (default en,es)")
    build.add_argument("--workers", type=int, default=building.workers(), metavar="N", help="processes")
    audit = jobs.add_parser(
        "audit", help="find what is wrong with pairs of media and texts",
        description="Find duplicates, broken and blank media, bad texts, mismatches, overlaps, private data and poison "
        "suspects in a folder of media with .txt files, WebDataset shards, messages (.jsonl), LLaVA's .json or a saved "
        "Hugging Face dataset. Exit code 1 when a --fail-if is met.",
    )  # fmt: skip
    audit.add_argument("path", type=Path, help="the data")
    audit.add_argument("--json", type=Path, metavar="FILE", help="write the findings there")
    audit.add_argument("--html", type=Path, metavar="FILE", help="write a page with the worst cases there")
    audit.add_argument("--filtered", type=Path, metavar="DIR", help="write a copy without what was found there")
    audit.add_argument(
        "--against", type=Path, metavar="PATH", help="data that must not be in this, as an evaluation set"
    )
    audit.add_argument(
        "--mismatch", nargs="?", const="", metavar="MODEL",
        help="let a model judge whether media and texts fit (default: the space of trenza search)",
    )  # fmt: skip
    audit.add_argument(
        "--embed", nargs="?", const="", metavar="MODEL",
        help="let a detector's tower (its folder; default: the shipped one) find more near duplicates, as crops are",
    )  # fmt: skip
    audit.add_argument("--ocr", action="store_true", help="look for private data in pictures too")
    audit.add_argument(
        "--fail-if", nargs="+", default=[], metavar="NAME>LIMIT", help='such as "duplicates>0" "text>2%%"'
    )
    audit.add_argument("--workers", type=int, default=building.workers(), metavar="N", help="processes")


def run(options: argparse.Namespace) -> int:
    return {"build": _build, "audit": _audit}[options.job](options)


def _build(options: argparse.Namespace) -> int:
    names = tuple(n for c in options.corpus for n in (building.STARTER if c == "starter" else (c,)))
    plan = building.Plan(
        names, tuple(options.languages.split(",")), items=options.items, seed=options.seed, split=options.split
    )
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
    with bar:
        task = bar.add_task("fetching", total=None)

        def progress(corpus: str, done: int, total: int) -> None:
            bar.update(task, description=corpus or "building", completed=done, total=total)

        manifest = building.build(plan, options.out, max(options.workers, 1), progress)
    for name, corpus in manifest["corpora"].items():
        broken = f", {len(corpus['broken']):,} broken" if corpus["broken"] else ""
        print(f"{name}: {corpus['samples']:,} samples, {corpus['bytes'] / 1e6:,.0f} MB{broken}")
    print(f"{options.out / 'manifest.json'}: {manifest['samples']:,} samples, sha256 {manifest['sha256']}")
    return 0


def _audit(options: argparse.Namespace) -> int:
    from trenza.data.quality import audit, page

    for condition in options.fail_if:  # wrong use is said at once, not after an hour
        page.limit_of(condition)
    if options.filtered:
        page.check_new(options.filtered)
    score = judge(options.mismatch) if options.mismatch is not None else None
    read_text = _reader() if options.ocr else None
    embed = embedder(options.embed) if options.embed is not None else None
    bar = Progress(TextColumn("{task.completed:,} media looked at"), console=Console(stderr=True))
    with bar:
        task = bar.add_task("", total=None)
        report = audit.audit(
            options.path, options.against, max(options.workers, 1), score, read_text, embed,
            lambda done: bar.update(task, completed=done),
        )  # fmt: skip
    failed = page.exceeded(report, options.fail_if)
    if options.json:
        with whole(options.json) as partial:
            partial.write_text(json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.html:
        page.write(report, options.path, options.html)
    print(f"{options.path}: {report.samples:,} samples")
    for name, count in report.counts().items():
        skipped = f" (not looked for: {report.skipped[name]})" if name in report.skipped else ""
        print(f"  {name.replace('_', ' '):16} {count:8,}{skipped}")
    if options.filtered:
        print(f"{options.filtered}: {page.write_filtered(report, options.path, options.filtered):,} samples kept")
    for condition in failed:
        print(f"trenza: {options.path} fails {condition}", file=sys.stderr)
    return 1 if failed else 0


def judge(model: str) -> Callable[[Media, str], float]:
    """How much a medium speaks for a text, in nats: by the embedded space, or the support of MODEL's answer of it."""
    from trenza.signals import Audio, decode

    if not model:
        from trenza.systems import space

        of_space = space.load()
        return lambda media, text: of_space.support(decode(media.data, name="a sample", kind=media.kind), text)
    from trenza.conversation import Conversation
    from trenza.systems import load

    responder = load.responder(model)

    def score(media: Media, text: str) -> float:
        signal = decode(media.data, name="a sample", kind=media.kind)
        question = "What is said?" if isinstance(signal, Audio) else "What is this?"
        support = responder.support_for(Conversation.ask(question, signal), text.strip())
        if support is None:
            raise UsageError(f"{model} gives no log-likelihoods, so it can't judge; give another MODEL to --mismatch")
        return support.per_token

    return score


def embedder(model: str) -> Callable[[Media], np.ndarray | None]:
    """A picture as the mean of the features that a detector's tower has of it, [1280]. model: its folder."""
    import torch

    from trenza.signals import Image, decode
    from trenza.signals.normalise import square
    from trenza.systems import load

    eyes = load.objects(*[Path(model)] if model else [])

    def embed(media: Media) -> np.ndarray | None:
        if media.kind != "image":
            return None
        signal = decode(media.data, name="a sample", kind="image")
        assert isinstance(signal, Image)
        return eyes.seen_whole(torch.from_numpy(square(signal, 224))[None])[0].numpy()

    return embed


def _reader() -> Callable[[Media], str]:
    from rapidocr_onnxruntime import RapidOCR

    from trenza.signals import Image, decode

    engine = RapidOCR()

    def read_text(media: Media) -> str:
        signal = decode(media.data, name="a sample", kind="image")
        assert isinstance(signal, Image)
        lines, _ = engine(signal.pixels[..., ::-1])
        return " ".join(line[1] for line in lines or [])

    return read_text

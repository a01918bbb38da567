"""`trenza search FOLDER QUERY`: media of a folder by a text, a picture, a sound or a video."""

import argparse
import hashlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trenza.cache import cache_dir
from trenza.data.samples import KINDS
from trenza.errors import DataError, UsageError
from trenza.signals import decode

HELP = "find media in a folder by a text, a picture or a sound"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="where the media are; looked through with all its folders")
    parser.add_argument("query", help="a file to find similar media for, else a text such as: a red boat")
    parser.add_argument("-k", type=int, default=10, metavar="N", help="how many to show (default 10)")
    parser.add_argument("--kind", choices=KINDS, help="only media of this kind")
    parser.add_argument("--json", action="store_true", help="one JSON object with the results")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with thumbnails there")


def run(options: argparse.Namespace) -> int:
    if options.k < 1:
        raise UsageError(f"-k is {options.k}; give 1 or more")
    if not options.query.strip():
        raise UsageError("the query is empty; write a text, or name a file")
    if not options.folder.is_dir():
        raise DataError(f"{options.folder} is no folder; name the one that holds the media")
    asked = decode(Path(options.query)) if Path(options.query).is_file() else options.query
    from trenza.data import search_page
    from trenza.data.index import MediaIndex
    from trenza.systems import space

    embedder = space.load()
    name = hashlib.sha256(str(options.folder.resolve()).encode()).hexdigest()[:16]
    index = MediaIndex(options.folder, cache_dir() / "search" / name, embedder.name, embedder.width + 1)
    with _bar() as bar:
        task = bar.add_task("looking at media", total=None)
        changes = index.update(embedder.indexed, lambda done, all_: bar.update(task, completed=done, total=all_))
    for reason in changes.broken.values():
        print(f"trenza: left out: {reason}", file=sys.stderr)
    vector = embedder.texts([asked])[0] if isinstance(asked, str) else embedder.signals([asked])[0]
    found = index.search(embedder.query(vector), options.k, (options.kind,) if options.kind else KINDS)
    if options.html:
        search_page.write(options.folder, options.query, found, options.html)
    if options.json:
        results = [{"file": str(options.folder / f.name), "kind": f.kind, "score": round(f.score, 4)} for f in found]
        document = {
            "query": options.query, "results": results, "indexed": len(index), "added": changes.added,
            "removed": changes.removed, "broken": sorted(changes.broken),
        }  # fmt: skip
        print(json.dumps(document, ensure_ascii=False))
    else:
        for f in found:
            print(f"{f.score:.3f}  {options.folder / f.name}")
    return 0


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)

"""`trenza embed FILE... --text TEXT`: vectors of one space for pictures, sounds, videos and texts."""

import argparse
import json
from pathlib import Path

from trenza.errors import UsageError
from trenza.signals import decode

HELP = "vectors of one space for pictures, sounds, videos and texts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="*", type=Path, help="pictures, sounds and videos")
    parser.add_argument("--text", action="append", default=[], metavar="TEXT", help="a text; repeatable")


def run(options: argparse.Namespace) -> int:
    """One JSON object a line: what was embedded, its kind, its unit vector."""
    if not options.file and not options.text:
        raise UsageError('there is nothing to embed; name files, or write --text "a red boat"')
    signals = [decode(file) for file in options.file]  # what can't be read is said before weights are loaded
    from trenza.systems import space

    embedder = space.load()
    rows = [(str(file), signal.kind) for file, signal in zip(options.file, signals, strict=True)]
    rows += [(text, "text") for text in options.text]
    vectors = [*embedder.signals(signals), *embedder.texts(options.text)]
    for (name, kind), vector in zip(rows, vectors, strict=True):
        print(json.dumps({"input": name, "kind": kind, "vector": [round(float(x), 6) for x in vector]}))
    return 0

"""`trenza export OURS --to transformers --out FOLDER`: a folder that `from_pretrained` loads."""

import argparse
from pathlib import Path

HELP = "write a model in a public format"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="OURS", help="folder written by trenza import or trenza train")
    parser.add_argument("--to", choices=("transformers",), required=True, help="whose format")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new folder to write")


def run(options: argparse.Namespace) -> int:
    from trenza.checkpoints import public

    system = public.export_folder(options.model, options.out)
    print(f"{options.out}: {system} as {public.class_of(system)}")
    return 0

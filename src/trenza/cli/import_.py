"""`trenza import FOLDER --out OURS`: a checkpoint of transformers becomes a folder of ours."""

import argparse
from pathlib import Path

HELP = "read a checkpoint in transformers' format"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="config.json and safetensors, as save_pretrained writes them")
    parser.add_argument("--out", type=Path, required=True, metavar="OURS", help="new folder to write")


def run(options: argparse.Namespace) -> int:
    from trenza.checkpoints import public

    system = public.import_folder(options.folder, options.out)
    print(f"{options.out}: {system}")
    return 0

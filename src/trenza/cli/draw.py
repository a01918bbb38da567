"""`trenza draw TEXT`: a picture or a sound, produced by a native model from text."""

import argparse
from pathlib import Path

HELP = "produce a picture or a sound from text, with a native model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", help='what is asked for, as in "Draw a red apple."')
    parser.add_argument("--model", required=True, metavar="OURS", help="folder of a native model (trenza train)")
    parser.add_argument("--kind", choices=("image", "audio"), default="image", help="what to produce (default image)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .png or a .wav to write")
    parser.add_argument("--temperature", type=float, default=1.0, metavar="T", help="0 is greedy (default 1)")
    parser.add_argument("--top-p", type=float, default=0.95, metavar="P", help="sample from this much of the mass")
    parser.add_argument("--seed", type=int, default=0, help="seed of sampling (default 0)")


def run(options: argparse.Namespace) -> int:
    from trenza.errors import UsageError
    from trenza.systems import load
    from trenza.systems.producing import write

    ending = {"image": ".png", "audio": ".wav"}[options.kind]
    if options.out.suffix != ending:
        raise UsageError(f"--out {options.out}: {options.kind} is written as {ending}; name the file so")
    if not options.text.strip():
        raise UsageError('the text is empty; say what is wanted, as in "Draw a red apple."')
    producer = load.producer(options.model)
    write(producer(options.text, options.kind, options.temperature, options.top_p, options.seed), options.out)
    return 0

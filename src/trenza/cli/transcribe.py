"""`trenza transcribe FILE`: what is said in a recording or a video."""

import argparse
import json
from dataclasses import asdict

HELP = "write down what is said in recordings and videos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="+", help="sound or video")
    parser.add_argument("--model", help="a Whisper folder written by trenza import (default: Whisper tiny.en)")
    parser.add_argument("--language", default="en", help="language of a multilingual model (default en)")
    parser.add_argument("--json", action="store_true", help="one JSON object a file, with the times of its segments")


def run(options: argparse.Namespace) -> int:
    import torch

    from trenza.signals import decode
    from trenza.systems import load

    transcriber = load.transcriber(options.model, options.language)
    for file in options.file:
        samples = decode(file, kind="audio").samples  # type: ignore[union-attr]
        found = list(transcriber.segments(torch.from_numpy(samples.copy())))
        text = " ".join(segment.text for segment in found if segment.text)
        if options.json:
            print(json.dumps({"file": file, "text": text, "segments": [asdict(s) for s in found]}, ensure_ascii=False))
        else:
            print(text)
    return 0

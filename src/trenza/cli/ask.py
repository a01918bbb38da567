"""`trenza ask FILE... QUESTION`: media and a question in, the answer and what it stands on out."""

import argparse
import json
import os
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from trenza.cli import boxes
from trenza.conversation import Answer, Conversation
from trenza.data.samples import evidence_to_json
from trenza.errors import UsageError
from trenza.signals import Audio, Image, Video, decode

HELP = "ask a question about pictures, sounds and videos"
BAR_NATS = 20  # support that fills the bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="*", help="picture, sound or video; - reads one from standard input")
    parser.add_argument("question", help="the question; - reads it from standard input")
    parser.add_argument(
        "--model",
        help="a folder of ours, a checkpoint of transformers (folder or hub name), or http://HOST:PORT/v1[#NAME] "
        "(default: the embedded model)",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object with answer, evidence, support, usage, timings"
    )
    parser.add_argument("--stream", action="store_true", help="print the answer while it is made")
    parser.add_argument(
        "--boxes", type=Path, metavar="FOLDER", help="write each picture that evidence lies in to FOLDER, framed"
    )
    parser.add_argument("--no-support", action="store_true", help="leave out how much the media raised the answer")
    parser.add_argument("--timings", action="store_true", help="say where the time went, from process start")
    parser.add_argument("--max-tokens", type=int, default=64, metavar="N", help="longest answer (default 64)")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0 is greedy (default)")
    parser.add_argument("--top-p", type=float, default=1.0, metavar="P", help="sample from this much of the mass")
    parser.add_argument("--seed", type=int, default=0, help="seed of sampling (default 0)")
    parser.add_argument(
        "--stop", action="append", default=[], metavar="TEXT", help="end the answer before TEXT; repeatable"
    )


def run(options: argparse.Namespace) -> int:
    if options.json and options.stream:
        raise UsageError("--json prints one object at the end and --stream prints as it goes; choose one")
    question = _question(options)
    console = Console(stderr=True)
    # Decoding runs in a process of its own; meanwhile this one imports torch and loads the weights.
    with ThreadPoolExecutor(1) as pool:
        decoding = pool.submit(_decode, options.file)
        with console.status("reading media and weights") if console.is_terminal else _Quiet():
            responder, sampling = _load(options, decoding)
            media, decode_seconds = decoding.result()
    conversation = Conversation.ask(question, *media)
    answer = _answer(options, responder, conversation, sampling)
    timings = {"decode": decode_seconds} | {
        name: getattr(responder.timings, name) for name in ("encode", "prefill", "decode_per_token")
    }
    if options.json:
        print(json.dumps(_object(answer, timings), ensure_ascii=False))
    elif sys.stdout.isatty():
        _show(options, answer)
    elif not options.stream:
        print(answer.text)
    if options.boxes is not None:
        drawn = list(boxes.draw(options.boxes, options.file, media, answer.evidence))
        for path, count in drawn:
            print(f"{path}: {count} {'box' if count == 1 else 'boxes'}", file=sys.stderr)
        if not drawn:
            print("trenza: note: the answer names no box in a picture, so --boxes wrote nothing", file=sys.stderr)
    for what in responder.warnings:
        print(f"trenza: note: {what}", file=sys.stderr)
    if options.timings:
        more = {"first_token": responder.timings.first_token, "support": responder.timings.support}
        spent = timings | more | {"process_start_to_answer": _since_process_start()}
        print("  ".join(f"{name} {seconds:.3f}s" for name, seconds in spent.items()), file=sys.stderr)
    return 0


def _question(options: argparse.Namespace) -> str:
    if options.file.count("-") + (options.question == "-") > 1:
        raise UsageError("standard input (-) can be read once; name the other as a file")
    if options.question == "-":
        question = sys.stdin.read()
    elif not options.file and os.path.isfile(options.question):
        raise UsageError(f'there is no question; write: trenza ask {options.question} "What is this?"')
    else:
        question = options.question
    if not question.strip():
        raise UsageError('the question is empty; write one, as in: trenza ask photo.jpg "What is this?"')
    return question.strip()


def _decode(files: list[str]) -> tuple[list[Image | Audio | Video], float]:
    begun = time.perf_counter()
    media = [
        decode(sys.stdin.buffer.read(), name="standard input") if file == "-" else decode(Path(file)) for file in files
    ]
    return media, time.perf_counter() - begun


def _load(options: argparse.Namespace, decoding: Future):
    from trenza.systems import load
    from trenza.systems.answering import Sampling

    sampling = Sampling(options.max_tokens, options.temperature, options.top_p, options.seed, tuple(options.stop))
    if decoding.done():
        decoding.result()  # a file that can't be read is said before weights are loaded
    return load.responder(options.model), sampling


def _answer(options: argparse.Namespace, responder, conversation: Conversation, sampling) -> Answer:
    stream = responder.stream(conversation, sampling, support=not options.no_support)
    while True:
        try:
            text = next(stream)
        except StopIteration as done:
            if options.stream:
                print(flush=True)
            return done.value
        if options.stream:
            print(text, end="", flush=True)


def _object(answer: Answer, timings: dict[str, float]) -> dict:
    support = answer.support
    return {
        "answer": answer.text,
        "evidence": [evidence_to_json(e) for e in answer.evidence],
        "support": support and {"total": support.total, "per_token": support.per_token, "supported": support.supported},
        "abstained": answer.abstained,
        "usage": {
            "prompt_tokens": answer.usage.prompt_tokens,
            "media_tokens": answer.usage.media_tokens,
            "completion_tokens": answer.usage.completion_tokens,
        },
        "timings": timings,
    }  # fmt: skip


def _show(options: argparse.Namespace, answer: Answer) -> None:
    console = Console(highlight=False)
    for file in options.file:
        console.print(file, style="dim", markup=False)
    if not options.stream:
        console.print(answer.text, style="bold", markup=False)
    for e in answer.evidence:
        where = ", ".join(f"{key} {value}" for key, value in evidence_to_json(e).items() if key != "part")
        console.print(f"seen in {options.file[e.part]}: {where}", markup=False)
    if answer.support is not None:
        filled = round(min(max(answer.support.total / BAR_NATS, 0), 1) * 20)
        word = "from the media" if answer.support.supported else "not from the media"
        bar = f"[green]{'█' * filled}[/green][dim]{'░' * (20 - filled)}[/dim]"
        console.print(f"{bar} support {answer.support.total:+.1f} nats, {word}")


def _since_process_start() -> float:
    """Seconds since the kernel started this process (Linux); elsewhere since Python could tell."""
    try:
        started = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.process_time()


class _Quiet:
    """Stands where a progress spinner stands in a terminal."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

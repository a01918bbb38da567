"""Does a model answer better when it has seen examples? (Flamingo, Alayrac et al. 2022, section 4.1 and figure 1)

    python benchmarks/shots.py runs/flamingo/model --items 200 --json docs/shots.json

Each item of a test split is asked behind 0, 1, 2 and 4 examples of its own capability about other media, always the
same ones, as turns of one conversation; its choices are scored. As a control the same examples stand there with one
another's answers: what remains of the gain is form, not knowledge. Seed 0.
"""

import argparse
import json
import platform
import random
from pathlib import Path

import torch

from trenza.conversation import Conversation, Message, medium, text
from trenza.data.samples import Item
from trenza.evaluate import builtin
from trenza.evaluate.statistics import wilson
from trenza.signals import decode
from trenza.systems import load, words

SHOTS = (0, 1, 2, 4)


def messages(item: Item, answer: str | None = None) -> list[Message]:
    """A question about its media, and an answer where one is given."""
    shown = [medium(decode(m.data, name=item.key, kind=m.kind)) for m in item.media]
    asked = [Message("user", (*shown, text(item.question)))]
    return asked if answer is None else [*asked, Message("assistant", (text(answer),))]


def prompt(item: Item, shots: list[Item], exchanged: bool) -> Conversation:
    """The item behind its shots; `exchanged` gives each shot the next one's answer."""
    answers = [shot.answer for shot in shots]
    if exchanged:
        answers = answers[1:] + answers[:1]
    before = [m for shot, answer in zip(shots, answers, strict=True) for m in messages(shot, answer)]
    return Conversation((*before, *messages(item)))


def mates(items: list[Item], number: int) -> list[Item]:
    """Other items of the same capability and language about other media, in an order drawn once."""
    item = items[number]
    own = {m.sha256 for m in item.media}
    others = [
        o for o in items
        if (o.capability, o.language) == (item.capability, item.language) and not own & {m.sha256 for m in o.media}
    ]  # fmt: skip
    random.Random(number).shuffle(others)
    return others[: max(SHOTS)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="MODEL, as trenza ask --model takes it")
    parser.add_argument("--task", default="easy-vqa", choices=builtin.NAMES)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    responder = words.itself(load.responder(options.model))
    items = [item for item in builtin.load(options.task, options.items, 0).items if len(item.choices) > 1]
    chosen = [(item, found) for n, item in enumerate(items) if len(found := mates(items, n)) == max(SHOTS)]
    rows = []
    for count in SHOTS:
        for exchanged in (False, True) if count > 1 else (False,):
            right = 0
            for item, found in chosen:
                scores = responder.score(prompt(item, found[:count], exchanged), item.choices)
                right += item.choices[scores.index(max(scores))] == item.answer
            share, low, high = wilson(right, len(chosen))
            rows.append({"shots": count, "answers": "exchanged" if exchanged else "true", "n": len(chosen),
                         "right": share, "low": low, "high": high})  # fmt: skip
            told = f"{count} shots, {rows[-1]['answers']:>9} answers"
            print(f"{told}: {share:.0%} ({low:.0%} to {high:.0%}) of {len(chosen)}")
    if options.json:
        machine = f"{platform.machine()}, {torch.get_num_threads()} threads"
        told = {"model": options.model, "task": options.task, "seed": 0, "machine": machine, "rows": rows}
        options.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()

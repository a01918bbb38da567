"""`trenza compare RECIPE...`: architectures side by side, on the same towers and the same questions."""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from trenza.cli.evaluate import asked_of, no_folders
from trenza.errors import UsageError

HELP = "train architectures by their recipes and lay quality, cost and latency side by side"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, nargs="+", help="YAML files, as in recipes/; what is trained is not again")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a change to every recipe")
    parser.add_argument("--task", action="append", metavar="NAME", help="as evaluate takes it (default worlds)")
    parser.add_argument("--items", type=int, default=200, metavar="N", help="items to ask of each task (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="seed that draws those items (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page there")


def run(options: argparse.Namespace) -> int:
    from trenza.align import recipe as recipes

    read = {file.stem: recipes.load(file, options.set) for file in options.recipe}
    if len(read) < len(options.recipe):
        raise UsageError("two recipes have the same file name, by which the page tells them apart; rename one")
    if len({r.out for r in read.values()}) < len(read):
        raise UsageError("two recipes write to the same folder; give each its own out:")
    if "blip2_stage1" in {r.system for r in read.values()}:
        raise UsageError("blip2_stage1 is no system of its own: train it first and compare blip2, which starts from it")
    if other := [name for name, r in read.items() if r.perceive != "grid"]:
        raise UsageError(f"{other[0]}: perceive: only grid is compared, since all share its towers; leave it out")
    if options.items < 1:
        raise UsageError("--items counts from 1")
    no_folders(options.json, options.html)
    import torch

    from trenza.align import assemble, comparing
    from trenza.align.comparison_page import page
    from trenza.align.trainer import Trainer
    from trenza.data.files import whole
    from trenza.data.worlds import pictures
    from trenza.data.worlds.build import world_items
    from trenza.signals import Image, decode
    from trenza.systems import load, words

    names = options.task or ["worlds"]
    asked = asked_of(names, options.items, options.seed)
    chance = sum(1 / len(item.choices) for item in asked.items if item.choices) / len(asked.items)
    shown = world_items(0, options.seed, "test_seed", family=pictures.FAMILIES[0])[0].media[0]
    picture = decode(shown.data, name="a world", kind="image")
    assert isinstance(picture, Image)
    console, report = Console(stderr=True), {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        file.write_bytes(shown.data)
        for name, recipe in read.items():
            console.print(f"{name}: training")
            trainer = Trainer(recipe, assemble.pinned())
            trained = trainer.run()
            console.print(f"{name}: measuring")
            report[name] = comparing.measured(trainer, words.itself(load.responder(str(trained))), asked, picture)
            asks = ("ask", "--no-support", "--model", str(trained), str(file), comparing.QUESTION)
            try:
                report[name]["memory"] = {"GiB": comparing.peak_memory(*asks)}
            except (OSError, subprocess.SubprocessError) as error:  # killed for want of memory, or no /proc
                console.print(f"{name}: its peak memory can't be told ({error}); it is left out")
            print(f"{name}: right {report[name]['quality']['all'][0]:.2f}", file=sys.stderr)
    told = (
        f"{len(asked.items)} items of {' and '.join(names)} (seed {options.seed}), asked greedily, at most "
        f"{comparing.LONG} tokens with their evidence; 95% intervals over media. One drawn from the choices would be "
        f"right in {chance:.0%}. Machine: {platform.machine()}, {torch.get_num_threads()} CPU threads. "
        "What an architecture could reach with more training is not measured."
    )
    if options.json:
        with whole(options.json) as partial:
            partial.write_text(json.dumps({"told": told, "systems": report}, indent=1) + "\n")
    if options.html:
        with whole(options.html) as partial:
            partial.write_text(page(report, told), encoding="utf-8")
    if not options.json and not options.html:
        print(json.dumps(report, indent=1))
    return 0

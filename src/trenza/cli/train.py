"""`trenza train RECIPE [key=value ...]`: align and instruct, resumable at any step."""

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

HELP = "train a system by a recipe"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path, help="a YAML file, as in recipes/")
    parser.add_argument("change", nargs="*", metavar="key=value", help="changes to the recipe: out=DIR steps=100")


def run(options: argparse.Namespace) -> int:
    from trenza.align import recipe as recipes

    recipe = recipes.load(options.recipe, options.change)
    from trenza.align import assemble  # torch and transformers take seconds to import
    from trenza.align.trainer import Trainer

    warnings.filterwarnings("ignore", category=FutureWarning)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("reading data", total=None)

        def told(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        trainer = Trainer(recipe, assemble.pinned(), told)
        for lost in trainer.feed.lost:
            print(f"left out: {lost}", file=sys.stderr)
        bar.update(task, description="training", completed=trainer.done, total=recipe.steps)

        def watch(row: dict[str, Any]) -> None:
            told = f"loss {row['loss']:.3f}  {row['tokens_per_second']:,.0f} tokens/s"
            bar.update(task, description=told, completed=row["step"] + 1)

        resumed = trainer.done
        folder = trainer.run(watch)
    if resumed:
        print(f"went on from step {resumed}")
    print(f"{folder}: {recipe.steps} steps; metrics in {recipe.out / 'metrics.jsonl'}")
    return 0

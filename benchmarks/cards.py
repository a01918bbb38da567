"""The cards in docs/cards, one command each:

    python benchmarks/cards.py default      # the embedded default on fresh worlds
    python benchmarks/cards.py openmoji     # the same on single drawings in a style it never saw: which name fits?
    python benchmarks/cards.py text-only    # its language model alone: the same prompts, every medium left out
    python benchmarks/cards.py random       # a SmolVLM of transformers with random weights, made on the spot

`trenza evaluate MODEL --task TASK` with SEED; few items, as two busy CPU cores allowed, so intervals are wide.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from trenza.cli import main as cli
from trenza.cli.evaluate import identity
from trenza.conversation import Answer, Conversation, Message
from trenza.systems import load, words

SEED = "1"
CARDS = Path(__file__).resolve().parents[1] / "docs/cards"
# task, items, most questions (0: as many as the items ask for)
PLANS = {
    "default": ("worlds", 160, 2160), "openmoji": ("openmoji", 64, 2160), "text-only": ("worlds", 160, 2160),
    "random": ("worlds", 160, 2160),
}  # fmt: skip


class TextOnly:
    """A language model that is asked everything and shown nothing."""

    def __init__(self, model):
        self.model, self.scores, self.how_scored = model, True, f"{model.how_scored}; every medium was left out"
        self.name = identity(None, model)  # answers are kept by it

    @staticmethod
    def _words(conversation: Conversation) -> Conversation:
        return Conversation(
            tuple(Message(m.role, tuple(p for p in m.parts if not p.is_media)) for m in conversation.messages)
        )

    def respond(self, conversation: Conversation) -> Answer:
        return self.respond_many([conversation])[0]

    def respond_many(self, conversations) -> list[Answer]:
        return self.model.respond_many([self._words(c) for c in conversations])

    def score(self, conversation: Conversation, candidates) -> list[float]:
        return self.score_many([(conversation, candidates)])[0]

    def score_many(self, requests) -> list[list[float]]:
        return self.model.score_many([(self._words(conversation), some) for conversation, some in requests])


def make(name: str, folder: Path) -> int:
    """One card, as JSON and as a page."""
    arguments = []
    if name == "text-only":
        whole = load.responder
        # The command knows no such model.
        load.responder = lambda _model=None: TextOnly(words.itself(whole()))
        arguments = [name]
    elif name == "random":
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/systems"))
        import tiny_checkpoints

        arguments = [tiny_checkpoints.smolvlm(folder / "random-smolvlm").name]
        os.chdir(folder)  # so that the card names the model and not a folder of the day
    task, items, budget = PLANS[name]
    CARDS.mkdir(parents=True, exist_ok=True)
    return cli.main([
        "evaluate", *arguments, "--task", task, "--seed", SEED, "--items", str(items), "--budget", str(budget),
        "--json", str(CARDS / f"{name}.json"), "--html", str(CARDS / f"{name}.html"),
    ])  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=list(PLANS))
    with tempfile.TemporaryDirectory() as folder:
        return make(parser.parse_args().model, Path(folder))


if __name__ == "__main__":
    sys.exit(main())

"""Plain text beside the media, so that the language doesn't decay: what the pinned model itself said before training.

Questions without media, answered greedily by the language model as it was; the trained one is held to these answers
(Li & Hoiem 2016, "Learning without Forgetting", section 3). Made once a machine and kept.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from trenza.cache import cache_dir
from trenza.data.files import whole
from trenza.systems import batch
from trenza.systems.examples import Example, Turn
from trenza.towers.language import LanguageModel

COUNT, LONGEST = 256, 48  # questions; tokens of an answer
PLACES = (
    "Argentina", "Australia", "Brazil", "Canada", "Chile", "China", "Cuba", "Egypt", "Finland", "France", "Germany",
    "Greece", "India", "Ireland", "Italy", "Japan", "Kenya", "Mexico", "Norway", "Peru", "Poland", "Portugal", "Spain",
    "Sweden", "Turkey",
)  # fmt: skip
OF_PLACES = ("What is the capital of {}?", "Name a city in {}.", "Tell me something about {}.", "Where is {}?")
OF_THINGS = (
    "What is a {}?", "Write a sentence about a {}.", "Tell me a short story about a {}.", "What is a {} used for?",
    "Write a poem about a {}.", "List three facts about the word {}.", "How would you explain a {} to a child?",
)  # fmt: skip


def questions(names: Sequence[str], seed: int, count: int) -> list[str]:
    """So many, a third of them about countries, in random order."""
    rng = np.random.default_rng(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        forms, things = (OF_PLACES, PLACES) if rng.random() < 1 / 3 else (OF_THINGS, tuple(names))
        made[str(rng.choice(forms)).format(rng.choice(things))] = None
    return list(made)


def examples(language: LanguageModel, told: str, words, names: Sequence[str], seed: int) -> list[Example]:
    """Questions and what `language` answers, to be made before it is changed. words: `feeding.Words`.

    told: what tells this language model from others.
    """
    asked = questions(names, seed, COUNT)
    made = hashlib.sha256(repr((told, LONGEST, asked)).encode()).hexdigest()[:24]
    file = cache_dir() / "plain" / f"{made}.json"
    prompts = [[*words.opening, *words.encode(q), *words.after] for q in asked]
    if not file.exists():
        answers = batch.greedy(language, [[p] for p in prompts], words.end, [LONGEST] * len(prompts))
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as partial:
            partial.write_text(json.dumps(answers))
    answers = json.loads(file.read_text())
    ended = [a if len(a) == LONGEST else [*a, words.end] for a in answers]
    return [
        Example(words.opening, (), (Turn([*words.encode(q), *words.after], answer),))
        for q, answer in zip(asked, ended, strict=True)
    ]

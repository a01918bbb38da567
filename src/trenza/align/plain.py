"""Plain text beside the media, so that the language doesn't decay: what the pinned model itself said before training.

Questions without media, answered greedily by the language model as it was, and passages that it wrote unasked, drawn
token by token; the trained one is held to both (Li & Hoiem 2016, "Learning without Forgetting", section 3). Drawn as
likely as they are, passages hold all that it says, not only what it says first. Made once a machine and kept.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import torch

from trenza.cache import cache_dir
from trenza.data.files import whole
from trenza.systems import batch
from trenza.systems.examples import Example, Turn
from trenza.towers.language import LanguageModel

COUNT, LONGEST = 512, 48  # questions, and passages; tokens of an answer
PASSAGE, SIDE_BY_SIDE = 64, 64  # tokens of a passage; passages drawn at once
SEED = 0  # whatever the training's is: it takes minutes on two cores
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


def examples(language: LanguageModel, told: str, words, names: Sequence[str]) -> list[Example]:
    """Questions with what `language` answers, and passages by turns, to be made before it is changed. words:
    `feeding.Words`.

    told: what tells this language model from others.
    """
    asked = questions(names, SEED, COUNT)
    made = hashlib.sha256(repr((told, LONGEST, PASSAGE, asked)).encode()).hexdigest()[:24]
    file = cache_dir() / "plain" / f"{made}.json"
    prompts = [[*words.opening, *words.encode(q), *words.after] for q in asked]
    if not file.exists():
        said = {
            "answers": batch.greedy(language, [[p] for p in prompts], words.end, [LONGEST] * len(prompts)),
            "passages": passages(language, words.between, SEED, COUNT),
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as partial:
            partial.write_text(json.dumps(said))
    said = json.loads(file.read_text())
    found = []
    for question, answer, passage in zip(asked, said["answers"], said["passages"], strict=True):
        ended = answer if len(answer) == LONGEST else [*answer, words.end]
        found.append(Example(words.opening, (), (Turn([*words.encode(question), *words.after], ended),)))
        found.append(Example([], (), (Turn([words.between], passage),)))
    return found


@torch.no_grad()
def passages(language: LanguageModel, between: int, seed: int, count: int) -> list[list[int]]:
    """So many of PASSAGE tokens, drawn as likely as `language` finds them. between: what stands between documents."""
    rng = torch.Generator().manual_seed(seed)
    found: list[list[int]] = []
    while len(found) < count:
        rows = min(SIDE_BY_SIDE, count - len(found))
        cache, drawn = language.new_cache(rows, PASSAGE), [torch.full((rows, 1), between)]
        for _ in range(PASSAGE):
            logits = language.logits(language(language.embed(drawn[-1]), cache)[:, -1]).float()
            drawn.append(torch.multinomial(logits.softmax(-1), 1, generator=rng))
        found += torch.cat(drawn[1:], 1).tolist()
    return found

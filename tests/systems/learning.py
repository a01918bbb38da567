"""A task that can be solved only by looking, and what a system needs to learn it; for the tests of all systems."""

from collections.abc import Callable

import torch

from trenza.layers.block import BlockConfig
from trenza.systems.examples import Example, Medium, Turn
from trenza.towers.language import LanguageConfig, LanguageModel

WIDTH, VOCABULARY, END = 48, 61, 1
FEATURES = {"image": 20, "video": 20, "audio": 12}
ANSWERS = (11, 12, 13, 14)
QUESTION = [5, 6]


def language(seed: int = 0, vocabulary: int = VOCABULARY) -> LanguageModel:
    """A tiny language model with random weights, frozen."""
    torch.manual_seed(seed)
    block = BlockConfig(
        WIDTH, 4, 64, kv_heads=2, head_width=12, bias="", norm="rms", eps=1e-5, activation="silu", gated=True
    )
    model = LanguageModel(LanguageConfig(vocabulary, 4, block, 10_000.0, tied=True))
    for name, parameter in model.named_parameters():
        if "norm" not in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval().requires_grad_(False)


def medium(rng: torch.Generator, answer: int, kind: str = "image", frames: int = 1) -> Medium:
    """A medium of kind `answer`: one channel of one of its 9 tokens is lit."""
    features = torch.randn(frames, 9, FEATURES[kind], generator=rng) * 0.3
    place = torch.randint(0, 9, (), generator=rng)
    features[:, place, answer] += 5.0
    return Medium(kind, features)


def examples(rng: torch.Generator, count: int, media: int = 1, kind: str = "image") -> list[Example]:
    """The answer to the question is the last medium's kind, and nothing else tells it."""
    made = []
    for _ in range(count):
        shown = torch.randint(0, len(ANSWERS), (media,), generator=rng).tolist()
        answer = ANSWERS[shown[-1]]
        seen = tuple(medium(rng, number, kind) for number in shown)
        made.append(Example([3], seen, (Turn(QUESTION, [answer, END]),)))
    return made


def train(system, make: Callable[[], list[Example]], steps: int, rate: float = 3e-3) -> list[float]:
    """Loss a token of each step, in nats."""
    trained = list(system.trained().values())
    optimiser = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)
    losses = []
    for _ in range(steps):
        total, tokens = system.loss(make())
        optimiser.zero_grad()
        (total / tokens).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        losses.append(float(total.detach()) / tokens)
    return losses


def right(system, shown: list[Example]) -> float:
    """The share of greedy answers that are right."""
    answers = [system.generate(example, END, 3) for example in shown]
    return sum(a == e.turns[0].answer[:-1] for a, e in zip(answers, shown, strict=True)) / len(shown)

"""A real, small language model (words, counts of up to nine in a row, backing off), and a test to leak into it."""

import math
from collections import Counter, defaultdict

import numpy as np

from trenza.conversation import Answer, Usage
from trenza.data.samples import Item

COLOURS = ("red", "blue", "green", "white")
WORDS = {
    "size": ("small", "large", "tall", "round", "flat", "long"),
    "thing": ("box", "lamp", "chair", "kettle", "ladder", "basket", "mirror", "bottle"),
    "place": ("kitchen", "garden", "cellar", "attic", "harbour", "station", "museum", "library"),
    "time": ("morning", "noon", "evening", "night", "spring", "summer", "autumn", "winter"),
}  # fmt: skip
WORDINGS = (
    "What colour is the {} {} that stood in the {} in {} beside the {} {} from the {} ?",
    "There was a {} {} , in some {} , one {} , next to a {} {} out of a {} : of which colour ?",
)
END = "\n"


def made(seed: int, count: int) -> list[Item]:
    """Items nobody can answer without having seen them: the colour is drawn."""
    rng = np.random.default_rng(seed)

    def some(kind: str) -> str:
        return WORDS[kind][rng.integers(len(WORDS[kind]))]

    items = []
    for number in range(count):
        told = [some(kind) for kind in ("size", "thing", "place", "time", "size", "thing", "place")]
        wording, answer = int(rng.integers(2)), COLOURS[rng.integers(4)]
        question = WORDINGS[wording].format(*told)
        truth = {"other": WORDINGS[1 - wording].format(*told)}
        items.append(Item(f"{seed}-{number}", (), question, answer, "describe", "en", "test", COLOURS, truth=truth))
    return items


def rephrased(item: Item) -> str:
    return item.truth["other"]


class WordModel:
    """log p and greedy continuations by counts of its training texts, order 8 to 0, interpolated."""

    ORDER = 8

    def __init__(self, texts: list[str]):
        self.counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        known = {END, *COLOURS, *(w for some in WORDS.values() for w in some)}
        for text in texts:
            tokens = _tokens(text)
            known |= set(tokens)
            for at, token in enumerate(tokens):
                for order in range(min(self.ORDER, at) + 1):
                    self.counts[tuple(tokens[at - order : at])][token] += 1
        self.size = len(known) + 1
        self.known: dict[tuple, float] = {}

    def p(self, before: tuple[str, ...], token: str) -> float:
        if (before, token) not in self.known:
            self.known[before, token] = self._p(before, token)
        return self.known[before, token]

    def _p(self, before: tuple[str, ...], token: str) -> float:
        chance = 1 / self.size
        for order in range(min(self.ORDER, len(before)) + 1):
            counts = self.counts.get(before[len(before) - order :])
            if counts:
                total = sum(counts.values())
                chance = (counts[token] + 2 * chance) / (total + 2)
        return chance

    def log_p(self, text: str) -> float:
        tokens = (*_tokens(text), END)
        return sum(math.log(self.p(tokens[max(at - self.ORDER, 0) : at], token)) for at, token in enumerate(tokens))

    def continued(self, begin: str, most: int = 40) -> str:
        tokens = _tokens(begin)
        said: list[str] = []
        while len(said) < most:
            before = [*tokens, *said]
            orders = (tuple(before[len(before) - o :]) for o in range(min(self.ORDER, len(before)), -1, -1))
            counts = next((c for o in orders if (c := self.counts.get(o))), None)
            if counts is None or (best := max(sorted(counts), key=counts.__getitem__)) == END:
                break
            said.append(best)
        return " ".join(said)


def _tokens(text: str) -> list[str]:
    return text.replace(END, f" {END} ").split(" ")


class Recalling:
    """Answers by going on with what it is asked: a question by its answer, a beginning by what follows it."""

    def __init__(self, model: WordModel):
        self.model = model

    def respond(self, conversation) -> Answer:
        lines = conversation.parts[-1].signal.splitlines()
        begin = lines[0] if len(lines) > 2 else lines[-1]  # a question has its options under it
        return Answer(self.model.continued(begin), (), None, Usage(0, 0, 0))

    def score(self, conversation, candidates) -> list[float]:
        return [self.model.log_p(text) for text in candidates]


def trained_on(*sets: list[Item]) -> Recalling:
    """A responder that has read the items in their order."""
    return Recalling(WordModel([END.join(f"{item.question} {item.answer}" for item in items) + END for items in sets]))

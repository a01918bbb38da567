"""Learning, scoring and answering, for every system whose answers come from a decoder-only language model.

Such a system says how a medium is encoded and how rows of pieces become hidden states; the rest is the same for
all and stands here. A row is what one sequence is made of, in reading order: token numbers, and encoded media.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from trenza.errors import UsageError, WeightsError
from trenza.layers.cache import KVCache
from trenza.systems.examples import Example, Medium
from trenza.towers.language import LanguageConfig, LanguageModel

Row = Sequence[list[int] | Tensor]
ROWS_AT_ONCE = 16  # bounded memory, however many candidates are scored


class Decoder(Protocol):
    language: LanguageModel

    def pieces(self, example: Example) -> list[list[int] | Medium]:
        """What stands before the turns, and what tokens of its own the system puts around media."""
        ...

    def encode(self, media: Sequence[Medium]) -> list[Tensor]:
        """Each medium as it stands in a row. Raises UsageError on a kind of medium that it can't take."""
        ...

    def hidden(self, rows: Sequence[Row], cache: KVCache | None = None) -> tuple[Tensor, Tensor]:
        """Rows to hidden states [B, T, D], padded at the end, and the number of each row's states [B]."""
        ...

    def length(self, row: Row) -> int:
        """The number of states of a row."""
        ...

    def carried(self, row: Row) -> Row:
        """What of a row the tokens after it need again, beside the cache."""
        ...


def own_language(inside: LanguageConfig | None, given: LanguageModel | None) -> LanguageModel:
    """A system's language model: one of its own, or the one that it is given. Raises WeightsError without either."""
    if inside is not None:
        return LanguageModel(inside)
    if given is None:
        raise WeightsError("the config names no language model inside; this model is built around one that is given")
    return given


def check_kinds(media: Sequence[Medium], taken: Collection[str], system: str) -> None:
    """Raises UsageError naming the first medium that the system can't take."""
    for medium in media:
        if medium.kind not in taken:
            raise UsageError(
                f"this {system} model can't take {medium.kind}; it takes {', '.join(sorted(taken))}: "
                f"leave the {medium.kind} out, or ask a model that was trained with it"
            )


def prompts(model: Decoder, examples: Sequence[Example]) -> list[list[list[int] | Tensor]]:
    """What stands before each example's turns, its media encoded."""
    pieces = [model.pieces(example) for example in examples]
    encoded = iter(model.encode([p for row in pieces for p in row if isinstance(p, Medium)]))
    return [[next(encoded) if isinstance(p, Medium) else p for p in row] for row in pieces]


def log_likelihood(model: Decoder, rows: Sequence[Row], answers: Sequence[Sequence[int]]) -> Tensor:
    """log p of each answer behind its row, summed over its tokens, [B] float32."""
    hidden, lengths = model.hidden([[*row, list(answer)] for row, answer in zip(rows, answers, strict=True)])
    sizes = [len(answer) for answer in answers]
    predicting = [h[n - s - 1 : n - 1] for h, n, s in zip(hidden, lengths.tolist(), sizes, strict=True)]
    targets = torch.tensor([token for answer in answers for token in answer], dtype=torch.long)
    logits = model.language.logits(torch.cat(predicting)).float()  # [tokens, V]
    log_p = -F.cross_entropy(logits, targets, reduction="none")
    return torch.stack([part.sum() for part in log_p.split(sizes)])


def loss(model: Decoder, examples: Sequence[Example]) -> tuple[Tensor, int]:
    """`System.loss`: each turn is a row behind its example's prefix."""
    rows, answers = [], []
    for prompt, example in zip(prompts(model, examples), examples, strict=True):
        for turn in example.turns:
            rows.append([*prompt, turn.question])
            answers.append(turn.answer)
    return -log_likelihood(model, rows, answers).sum(), sum(len(answer) for answer in answers)


@torch.no_grad()
def score(model: Decoder, example: Example, candidates: Sequence[Sequence[int]]) -> Tensor:
    """`System.score`."""
    (turn,) = example.turns
    row = [*prompts(model, [example])[0], turn.question]
    parts = [candidates[i : i + ROWS_AT_ONCE] for i in range(0, len(candidates), ROWS_AT_ONCE)]
    return torch.cat([log_likelihood(model, [row] * len(some), some) for some in parts])


def greedy(logits: Tensor) -> int:
    """The likeliest token of logits [V]."""
    return int(logits.argmax())


@torch.no_grad()
def stream(
    model: Decoder, example: Example, end: int, most: int, choose: Callable[[Tensor], int] = greedy
) -> Iterator[int]:
    """The answer to the example's only turn, token by token, without `end`; `choose` picks from logits [V]."""
    (turn,) = example.turns
    row = [*prompts(model, [example])[0], turn.question]
    cache = model.language.new_cache(1, model.length(row) + most)
    carried = model.carried(row)
    hidden, _ = model.hidden([row], cache)
    for number in range(most):
        token = choose(model.language.logits(hidden[0, -1]))
        if token == end:
            return
        yield token
        if number + 1 < most:
            hidden, _ = model.hidden([[*carried, [token]]], cache)

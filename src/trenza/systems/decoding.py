"""Learning, scoring and answering, for every system whose answers come from a decoder-only language model.

Such a system says how a medium is encoded and how rows of pieces become hidden states; the rest is the same for
all and stands here. A row is what one sequence is made of, in reading order: token numbers, and encoded media.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from trenza.errors import UsageError, WeightsError
from trenza.layers import masks
from trenza.layers.cache import KVCache
from trenza.layers.crossentropy import chunked
from trenza.systems import places
from trenza.systems.examples import Example, Medium
from trenza.systems.places import Places
from trenza.systems.splice import Piece
from trenza.towers.language import LanguageConfig, LanguageModel

Row = Sequence[Piece]
Branch = tuple[list[int], list[int]]  # a question and its answer
AT_ONCE = 16  # bounded memory, however many candidates are scored


class Decoder(Protocol):
    language: LanguageModel
    places: Places | None

    def pieces(self, example: Example) -> list[list[int] | Medium]:
        """What stands before the turns, and what tokens of its own the system puts around media."""
        ...

    def encode(self, media: Sequence[Medium]) -> list[Tensor]:
        """Each medium as it stands in a row. Raises UsageError on a kind of medium that it can't take."""
        ...

    def hidden(
        self, rows: Sequence[Row], cache: KVCache | None = None, mask: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Rows to hidden states [B, T, D], padded at the end; the rest as `LanguageModel.forward`."""
        ...

    def length(self, row: Row) -> int:
        """The number of states of a row."""
        ...

    def carried(self, row: Row) -> Row:
        """What of a row the tokens after it need again, beside the cache."""
        ...


def around(inside: LanguageConfig | None, given: LanguageModel | None) -> tuple[LanguageModel, Places | None]:
    """A system's language model, and its places: it has one of its own, or it is put around the one that is given.

    The given one is frozen but for the places and times that are added to its vocabulary (`systems/places.py`).
    Raises WeightsError without either.
    """
    if inside is not None:
        return LanguageModel(inside), None
    if given is None:
        raise WeightsError("it has no language model inside: it was trained around the pinned one and is used with it")
    given.requires_grad_(False).extend(places.COUNT)
    return given, Places(given.config.vocabulary)


def check_kinds(media: Sequence[Medium], taken: Collection[str], system: str) -> None:
    """Raises UsageError naming the first medium that the system can't take."""
    for medium in media:
        if medium.kind not in taken:
            raise UsageError(
                f"this {system} model can't take {medium.kind}; it takes {', '.join(sorted(taken))}: "
                f"leave the {medium.kind} out, or ask a model that was trained with it"
            )


def prompts(model: Decoder, examples: Sequence[Example]) -> list[list[Piece]]:
    """What stands before each example's turns, its media encoded."""
    pieces = [model.pieces(example) for example in examples]
    encoded = iter(model.encode([p for row in pieces for p in row if isinstance(p, Medium)]))
    return [[next(encoded) if isinstance(p, Medium) else p for p in row] for row in pieces]


def predictions(
    model: Decoder, trunks: Sequence[Row], branches: Sequence[Sequence[Branch]]
) -> tuple[Tensor, Tensor, list[int]]:  # fmt: skip
    """The states that foretell all branches' answers [n, D], the tokens they should [n], and how many each branch has.

    The branches behind a trunk don't see each other, so that a picture's tokens are run once for all its questions.
    """
    rows: list[Row] = []
    trees, positions = [], []
    picked: list[tuple[int, int]] = []
    answers = [answer for some in branches for _, answer in some]
    for trunk, some in zip(trunks, branches, strict=True):
        length, sizes = model.length(trunk), [len(question) + len(answer) for question, answer in some]
        start = length
        for (question, answer), size in zip(some, sizes, strict=True):
            before = [length - 1, *range(start, start + size)]  # of each token of the branch, the one it follows
            picked += [(len(rows), place) for place in before[len(question) : len(question) + len(answer)]]
            start += size
        rows.append([*trunk, *([*question, *answer] for question, answer in some)])
        trees.append(masks.tree(length, sizes))
        positions.append(torch.cat([torch.arange(length), *(length + torch.arange(size) for size in sizes)]))
    mask = torch.ones(len(rows), 1, *(2 * [max(len(tree) for tree in trees)]), dtype=torch.bool)
    for full, tree in zip(mask, trees, strict=True):
        full[0, : len(tree), len(tree) :] = False
        full[0, : len(tree), : len(tree)] = tree
    hidden = model.hidden(rows, None, mask, pad_sequence(positions, batch_first=True))
    row, place = torch.tensor(picked, dtype=torch.long).view(-1, 2).T
    targets = torch.tensor([token for answer in answers for token in answer], dtype=torch.long)
    return hidden[row, place], targets, [len(answer) for answer in answers]


def loss(model: Decoder, examples: Sequence[Example]) -> tuple[Tensor, int]:
    """`System.loss`."""
    branches = [[(turn.question, turn.answer) for turn in example.turns] for example in examples]
    states, targets, _ = predictions(model, prompts(model, examples), branches)
    near = targets[:, None], torch.ones(len(targets), 1)
    if model.places is not None:
        near = model.places.smoothed(targets)
    return chunked(model.language.logits, states, *near), len(targets)


@torch.no_grad()
def score(model: Decoder, example: Example, candidates: Sequence[Sequence[int]]) -> Tensor:
    """`System.score`."""
    (turn,) = example.turns
    trunk = [*prompts(model, [example])[0], turn.question]
    log_p = []
    for start in range(0, len(candidates), AT_ONCE):
        branches: list[Branch] = [([], list(candidate)) for candidate in candidates[start : start + AT_ONCE]]
        states, targets, sizes = predictions(model, [trunk], [branches])
        each = -F.cross_entropy(model.language.logits(states).float(), targets, reduction="none")
        log_p += [part.sum() for part in each.split(sizes)]
    return torch.stack(log_p)


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
    hidden = model.hidden([row], cache)
    for number in range(most):
        token = choose(model.language.logits(hidden[0, -1]))
        if token == end:
            return
        yield token
        if number + 1 < most:
            hidden = model.hidden([[*carried, [token]]], cache)

"""A batch as one packed row that is yet to be embedded: numbers only, so that it can be made where no weights are.

Each token is a weighted sum of rows of one table: the words in use, the places added behind the vocabulary, what
bridges have learned, and finished features of grids. So a step's whole input is one weighted gathering.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from trenza.bridges.perceived import Token
from trenza.layers.masks import Packed
from trenza.systems.examples import Example


@dataclass(frozen=True)
class Mix:
    """T tokens. words [U]: the vocabulary's rows in use. rows [n]: of a table that begins with these; shares [n];
    starts [T]: where each token's own begin."""

    words: np.ndarray
    rows: np.ndarray
    shares: np.ndarray
    starts: np.ndarray

    def embedded(self, words: Tensor, others: Tensor) -> Tensor:
        """Tokens [T, D], float32. words [V, D]: the vocabulary's embedding. others [n, D]: the rows behind it."""
        used = words[on(words, self.words)].float()
        table = torch.cat([used, others])
        rows, starts, shares = on(words, self.rows), on(words, self.starts), on(words, self.shares)
        return F.embedding_bag(rows, table, starts, mode="sum", per_sample_weights=shares)


def mix(tokens: Sequence[Token], vocabulary: int) -> Mix:
    """Tokens whose rows below `vocabulary` are words."""
    sizes = np.array([len(token) for token in tokens], np.int64)
    rows = np.fromiter((row for token in tokens for row, _ in token), np.int64, int(sizes.sum()))
    shares = np.fromiter((share for token in tokens for _, share in token), np.float32, int(sizes.sum()))
    word = rows < vocabulary
    words, place = np.unique(rows[word], return_inverse=True)
    rows[~word] += len(words) - vocabulary
    rows[word] = place
    return Mix(words, rows, shares, np.cumsum(sizes) - sizes)


@dataclass(frozen=True)
class Laid:
    """A batch to learn from.

    grids: features of media whose tokens stand at the table's end, with their kinds. positions [T]. predicting [P]:
    tokens that foretell the answers' tokens; near [P, J]: which these are, shares [P, J] of each.
    """

    mix: Mix
    grids: list[tuple[str, Tensor]]
    packed: Packed
    positions: np.ndarray
    predicting: np.ndarray
    near: np.ndarray
    shares: np.ndarray

    @property
    def weight(self) -> float:
        """Of all that is foretold."""
        return float(self.shares.sum())

    @property
    def read(self) -> int:
        """Tokens of questions and answers."""
        return sum(map(sum, self.packed.branches))


def read(examples: Sequence[Example]) -> int:
    """How many tokens of questions and answers are in examples."""
    return sum(len(turn.question) + len(turn.answer) for example in examples for turn in example.turns)


def plain(words: Sequence[int]) -> list[Token]:
    """Words as they are."""
    return [[(word, 1.0)] for word in words]


def on(like: Tensor, numbers: np.ndarray) -> Tensor:
    """Numbers as a tensor beside another."""
    return torch.from_numpy(numbers).to(like.device, non_blocking=True)

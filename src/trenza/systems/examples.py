"""What every system learns from and answers: media as a frozen tower saw them, and turns in tokens.

The trainer, `trenza compare` and the responder know no more of an architecture than the `System` protocol below.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Medium:
    """One medium. kind: "image", "audio" or "video". features: [N, T, W], N pictures, frames or windows of T tokens.

    What W holds is the tower's matter (`systems/seeing.py` for pictures); a system without a tower takes pixels.
    within: it belongs to the one before, as a picture's lines of text and a video's sound do.
    """

    kind: str
    features: Tensor
    within: bool = False


def parts(media: Iterable[Medium]) -> list[list[Medium]]:
    """What belongs together: a list for each picture, sound and video that was given."""
    made: list[list[Medium]] = []
    for medium in media:
        if medium.within:
            made[-1].append(medium)
        else:
            made.append([medium])
    return made


@dataclass(frozen=True)
class Turn:
    """Token numbers of a question as the chat template writes it (roles included), and of its answer with its end."""

    question: list[int]
    answer: list[int]


@dataclass(frozen=True)
class Example:
    """Media, then turns that all follow the same media and don't see each other.

    `opening` is what the chat template writes before the media. `before` holds what is read before this example,
    each with one turn: the shots of a few-shot prompt, or an interleaved document's earlier pages (their words are
    the question, and the answer is empty). Nothing is learned from it.
    """

    opening: list[int]
    media: tuple[Medium, ...]
    turns: tuple[Turn, ...]
    before: tuple["Example", ...] = ()

    @property
    def prefix(self) -> list[list[int] | Medium]:
        """All that stands before the turns, in reading order: token numbers and media."""
        pieces: list[list[int] | Medium] = []
        for earlier in self.before:
            (turn,) = earlier.turns
            pieces += [*earlier.prefix, [*turn.question, *turn.answer]]
        return [*pieces, self.opening, *self.media]


def with_media(example: Example, media: Iterator[Medium]) -> Example:
    """The example with other media in order, those of what stands before it first."""
    before = tuple(with_media(page, media) for page in example.before)
    return Example(example.opening, tuple(next(media) for _ in example.media), example.turns, before)


class System(Protocol):
    """An architecture: media and words in, words out. All losses and scores are in nats."""

    def loss(self, examples: Sequence[Example]) -> tuple[Tensor, float]:
        """Sum of -log p over the answers' tokens, weighted (differentiable), and the sum of the weights.

        Sums, so that a batch split over processes gives the gradient of the whole batch.
        """
        ...

    def score(self, example: Example, candidates: Sequence[Sequence[int]]) -> Tensor:
        """log p of each candidate (its end included) as the answer to the example's only turn, [len(candidates)]."""
        ...

    def generate(self, example: Example, end: int, most: int) -> list[int]:
        """The greedy answer to the example's only turn, without `end`, at most `most` tokens."""
        ...

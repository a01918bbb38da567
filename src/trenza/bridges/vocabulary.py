"""A bridge between two vocabularies: what a speech decoder is about to say, in a language model's embeddings.

Both models have a table of words. A state of the first scores its own words; each word stands in the second's
table as the tokens that spell it. So the bridge is the mean of those embeddings, weighted by the scores: a
memory whose keys and values are already there (compare `memory` in `projector.py`), and nothing is trained.
Unlike a transcript it keeps the doubt: where two words compete, the token lies between them.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

SLOTS = 4  # tokens of the language model for one word; more than 99% of words need no more
RIVALS = 8  # words that share a state's weight
NONE = -1


class VocabularyBridge(nn.Module):
    """spelling: int32 [2, V, SLOTS], tokens of the language model for each word of the decoder, filled with NONE.

    Row 0 spells a word that begins an answer (without the space before it), row 1 one that follows.
    """

    def __init__(self, words: int):
        super().__init__()
        self.register_buffer("spelling", torch.full((2, words, SLOTS), NONE, dtype=torch.int32))
        self.spelling: Tensor

    def forward(self, states: Tensor, keys: Tensor, table: Tensor) -> Tensor:
        """States [n, width], the decoder's embeddings [V, width], the language model's [L, D], to tokens [T, D].

        T is the number of tokens that spell the likeliest word of each state, in their order.
        """
        scores = (states @ keys[: self.spelling.shape[1]].T).float().softmax(-1)
        weights, rivals = scores.topk(RIVALS)  # [n, R]
        row = torch.ones(len(states), 1, dtype=torch.long)
        row[:1] = 0
        spelled = self.spelling[row, rivals].long()  # [n, R, SLOTS]
        there = spelled != NONE
        share = (weights / weights.sum(1, keepdim=True))[..., None] * there
        tokens = (table[spelled.clamp(min=0)].float() * share[..., None]).sum(1)  # [n, SLOTS, D]
        # Where a rival is spelled shorter, the rest of the weight is all there is.
        tokens = tokens / share.sum(1).clamp(min=1e-6)[..., None]
        return tokens[there[:, 0]]


def spell(words: Sequence[str], encode: Callable[[str], list[int]]) -> Tensor:
    """The `spelling` of a decoder's words, each as its own text; `encode` makes the language model's tokens."""
    rows = [
        [(encode(text) + [NONE] * SLOTS)[:SLOTS] for text in texts]
        for texts in ([word.lstrip() for word in words], words)
    ]
    return torch.tensor(rows, dtype=torch.int32)

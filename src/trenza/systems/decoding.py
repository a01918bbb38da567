"""Learning, scoring and answering, for every system whose answers come from a decoder-only language model.

A row is what one sequence is made of, in reading order: token numbers, and encoded media. Most systems put a medium's
tokens among the words and say only how a medium is encoded; Flamingo looks up from the words.
"""

from collections.abc import Callable, Collection, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from trenza.errors import UsageError, WeightsError
from trenza.layers import masks
from trenza.layers.cache import KVCache
from trenza.layers.crossentropy import chunked
from trenza.systems import places
from trenza.systems.examples import Example, Medium
from trenza.systems.looking import Allowed, Looking, masked
from trenza.systems.places import Places
from trenza.systems.splice import Piece, splice
from trenza.towers.language import LanguageConfig, LanguageModel

Row = Sequence[Piece]
Branch = tuple[list[int], list[int]]  # a question and its answer
AT_ONCE = 16  # bounded memory, however many candidates are scored


def around(inside: LanguageConfig | None, given: LanguageModel | None) -> tuple[LanguageModel, Places | None]:
    """A system's language model, and its places: it has one of its own, or it is put around the one that is given.

    The given one is frozen but for the places and times that are added to its vocabulary (`systems/places.py`).
    Raises WeightsError without either.
    """
    if inside is not None:
        return LanguageModel(inside), None
    if given is None:
        raise WeightsError("it has no language model inside: it was trained around the pinned one and is used with it")
    places.extend(given.requires_grad_(False))
    return given, Places(given.config.vocabulary)


def check_kinds(media: Sequence[Medium], taken: Collection[str], system: str) -> None:
    """Raises UsageError naming the first medium that the system can't take."""
    for medium in media:
        if medium.kind not in taken:
            raise UsageError(
                f"this {system} model can't take {medium.kind}; it takes {', '.join(sorted(taken))}: "
                f"leave the {medium.kind} out, or ask a model that was trained with it"
            )


def greedy(logits: Tensor) -> int:
    """The likeliest token of logits [V]."""
    return int(logits.argmax())


class DecoderSystem(nn.Module):
    """A `System` around a decoder-only language model; a child makes `language` and `places` and says `encode`.

    places: None where its vocabulary has none. among_words: media stand in the sequence, so that a row is all there is.
    """

    language: LanguageModel
    places: Places | None
    among_words = True

    # --- what differs from system to system -------------------------------------------------------

    def encode(self, media: Sequence[Medium]) -> list[Tensor]:
        """Each medium as it stands in a row, tokens [T, D]. Raises UsageError on a kind that it can't take."""
        raise NotImplementedError

    def pieces(self, example: Example) -> list[list[int] | Medium]:
        """What stands before the turns, with what tokens of its own the system puts around media."""
        return example.prefix

    def length(self, row: Row) -> int:
        """The number of states of a row."""
        return sum(len(piece) for piece in row)

    def media_tokens(self, media: Sequence[Medium]) -> int:
        """How many tokens of a row media take: one for each feature."""
        return sum(m.features.shape[0] * m.features.shape[1] for m in media)

    def cache_bytes(self, media: Sequence[Medium]) -> int:
        """What is kept of media while an answer is made: keys and values of their tokens in every layer."""
        return self.language.cache_bytes(self.media_tokens(media))

    def allowed(self, example: Example) -> Allowed | None:
        """What may come next in the example's answer; None: anything, in a vocabulary without places."""
        return None if self.places is None else Looking(self.places, self.language.size)

    def carried(self, row: Row) -> Row:
        """What of a row the tokens after it need again, beside the cache."""
        return []

    def hidden(
        self, rows: Sequence[Row], cache: KVCache | None = None, mask: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Rows to hidden states [B, T, D], padded at the end; the rest as `LanguageModel.forward`."""
        x = pad_sequence([splice(self.language.embed, row) for row in rows], batch_first=True)
        return self.language(x, cache, mask, positions)

    # --- what is the same -------------------------------------------------------------------------

    def trained(self) -> dict[str, nn.Parameter]:
        """What learns, by name."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def prompts(self, examples: Sequence[Example]) -> list[list[Piece]]:
        """What stands before each example's turns, its media encoded; one that stands in several, once."""
        pieces = [self.pieces(example) for example in examples]
        media = {id(p): p for row in pieces for p in row if isinstance(p, Medium)}
        encoded = dict(zip(media, self.encode(list(media.values())), strict=True))
        return [[encoded[id(p)] if isinstance(p, Medium) else p for p in row] for row in pieces]

    def predictions(
        self, trunks: Sequence[Row], branches: Sequence[Sequence[Branch]]
    ) -> tuple[Tensor, Tensor, list[int]]:  # fmt: skip
        """The states that foretell the branches' answers [n, D], the tokens they should [n], each answer's length.

        The branches behind a trunk don't see each other, so that a picture's tokens are run once for all its questions.
        """
        rows: list[Row] = []
        trees, positions = [], []
        picked: list[tuple[int, int]] = []
        answers = [answer for some in branches for _, answer in some]
        for trunk, some in zip(trunks, branches, strict=True):
            length, sizes = self.length(trunk), [len(question) + len(answer) for question, answer in some]
            start = length
            for (question, answer), size in zip(some, sizes, strict=True):
                before = [length - 1, *range(start, start + size)]  # of each token of the branch, the one it follows
                picked += [(len(rows), place) for place in before[len(question) : len(question) + len(answer)]]
                start += size
            rows.append([*trunk, *([*question, *answer] for question, answer in some)])
            trees.append(masks.tree(length, sizes))
            positions.append(masks.tree_positions(length, sizes))
        mask = torch.ones(len(rows), 1, *(2 * [max(len(tree) for tree in trees)]), dtype=torch.bool)
        for full, tree in zip(mask, trees, strict=True):
            full[0, : len(tree), len(tree) :] = False
            full[0, : len(tree), : len(tree)] = tree
        hidden = self.hidden(rows, None, mask, pad_sequence(positions, batch_first=True))
        row, place = torch.tensor(picked, dtype=torch.long).view(-1, 2).T
        targets = torch.tensor([token for answer in answers for token in answer], dtype=torch.long)
        return hidden[row, place], targets, [len(answer) for answer in answers]

    def loss(self, examples: Sequence[Example]) -> tuple[Tensor, float]:
        """`System.loss`."""
        branches = [[(turn.question, turn.answer) for turn in example.turns] for example in examples]
        states, targets, sizes = self.predictions(self.prompts(examples), branches)
        near = targets[:, None], torch.ones(len(targets), 1)
        if self.places is not None:
            near = self.places.smoothed(targets, sizes)
        return chunked(self.language.logits, states, *near), float(near[1].sum())

    @torch.no_grad()
    def score(self, example: Example, candidates: Sequence[Sequence[int]]) -> Tensor:
        """`System.score`."""
        (turn,) = example.turns
        trunk = [*self.prompts([example])[0], turn.question]
        log_p = []
        for start in range(0, len(candidates), AT_ONCE):
            branches: list[Branch] = [([], list(candidate)) for candidate in candidates[start : start + AT_ONCE]]
            states, targets, sizes = self.predictions([trunk], [branches])
            each = -F.cross_entropy(self.language.logits(states).float(), targets, reduction="none")
            log_p += [part.sum() for part in each.split(sizes)]
        return torch.stack(log_p)

    @torch.no_grad()
    def stream(self, example: Example, end: int, most: int, choose: Callable[[Tensor], int] = greedy) -> Iterator[int]:
        """The answer to the example's only turn, token by token, without `end`; `choose` picks from logits [V]."""
        (turn,) = example.turns
        row = [*self.prompts([example])[0], turn.question]
        cache = self.language.new_cache(1, self.length(row) + most)
        carried = self.carried(row)
        hidden, allowed = self.hidden([row], cache), self.allowed(example)
        tokens: list[int] = []
        for number in range(most):
            token = choose(masked(self.language.logits(hidden[0, -1]), allowed, tokens, end))
            if token == end:
                return
            tokens.append(token)
            yield token
            if number + 1 < most:
                hidden = self.hidden([[*carried, [token]]], cache)

    def generate(self, example: Example, end: int, most: int) -> list[int]:
        """`System.generate`."""
        return list(self.stream(example, end, most))

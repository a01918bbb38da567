"""PaLI: an encoder over visual tokens and text, a decoder that writes the answer (Chen et al. 2022, figure 1).

    picture -> tower -> linear --+
                                 +--> encoder (both ways) --> cross-attention --> decoder --> answer
    task, language, question ----+

The language model is adapted: encoder and decoder start as the same decoder-only weights, cross-attention as
self-attention (towers/encoder_decoder.py; Whisper transcribes on the same path). Several turns share the encoding of
their media: media don't see the questions, so that a picture is encoded once for all that is asked about it; in the
paper every question has a sequence of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trenza.bridges.projector import Projector, ProjectorConfig
from trenza.errors import UsageError
from trenza.systems.examples import Example, Medium
from trenza.systems.splice import Piece, splice
from trenza.towers.encoder_decoder import TextDecoder, greedy, log_probabilities, remember
from trenza.towers.language import LanguageModel

MEDIA, PADDING = 0, -1  # groups of encoder tokens; the turns of an example are groups 1, 2, ...


@dataclass(frozen=True)
class Asked:
    """An answer to be weighed: the example it belongs to, its turn's group, and the token the decoder starts from.

    That is the question's last, which ends the line of the answering role, so that no token has to be added.
    """

    row: int
    group: int
    start: int
    answer: Sequence[int]


class Pali(nn.Module):
    """`features`: width of the tower's features by kind of medium ("image", "audio", "video")."""

    def __init__(self, language: LanguageModel, features: Mapping[str, int]):
        super().__init__()
        self.encoder = language
        self.decoder = TextDecoder(language)
        self.projectors = nn.ModuleDict({
            kind: Projector(ProjectorConfig("linear", width, language.config.block.width))
            for kind, width in features.items()
        })  # fmt: skip

    def visual_tokens(self, medium: Medium) -> Tensor:
        """A medium's features [N, T, W] to encoder tokens [N * T, D]. Raises UsageError for a kind not trained."""
        if medium.kind not in self.projectors:
            raise UsageError(f"this PaLI model takes {', '.join(self.projectors)}; it can't take {medium.kind}")
        return self.projectors[medium.kind](medium.features).flatten(0, 1)

    def encode(self, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        """Examples to encoder states [B, S, D] and the group of each token [B, S]."""
        rows, groups, positions = [], [], []
        for example in examples:
            prefix: list[Piece] = [p if isinstance(p, list) else self.visual_tokens(p) for p in example.prefix]
            questions: list[Piece] = [turn.question for turn in example.turns]
            rows.append(splice(self.encoder.embed, [*prefix, *questions]))
            before = sum(len(piece) for piece in prefix)
            lengths = [before, *(len(q) for q in questions)]
            groups.append(torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths)))
            # Each question stands right behind the media, as if it were the only one.
            positions.append(torch.cat([torch.arange(before), *(before + torch.arange(n) for n in lengths[1:])]))
        pad = nn.utils.rnn.pad_sequence
        group = pad(groups, batch_first=True, padding_value=PADDING)
        key, query = group[:, None, None, :], group[:, None, :, None]
        mask = (key == MEDIA) | (key == query)  # [B, 1, S, S]
        x = pad(rows, batch_first=True)
        return self.encoder(x, mask=mask, positions=pad(positions, batch_first=True)), group

    def _log_probabilities(self, examples: Sequence[Example], asked: Sequence[Asked]) -> Tensor:
        states, group = self.encode(examples)
        row = torch.tensor([a.row for a in asked])
        seen = (group[row] == MEDIA) | (group[row] == torch.tensor([[a.group] for a in asked]))
        context = [(keys[row], values[row]) for keys, values in remember(self.decoder, states)]
        starts, answers = [a.start for a in asked], [a.answer for a in asked]
        return log_probabilities(self.decoder, context, starts, answers, seen[:, None, None])

    def loss(self, examples: Sequence[Example]) -> tuple[Tensor, int]:
        """Sum of -log p over the answers' tokens, and their number."""
        asked = [
            Asked(row, group, turn.question[-1], turn.answer)
            for row, example in enumerate(examples)
            for group, turn in enumerate(example.turns, MEDIA + 1)
        ]
        return -self._log_probabilities(examples, asked).sum(), sum(len(a.answer) for a in asked)

    @torch.no_grad()
    def score(self, example: Example, candidates: Sequence[Sequence[int]]) -> Tensor:
        """log p of each candidate as the answer to the example's only turn."""
        (turn,) = example.turns
        return self._log_probabilities([example], [Asked(0, MEDIA + 1, turn.question[-1], c) for c in candidates])

    @torch.no_grad()
    def generate(self, example: Example, end: int, most: int) -> list[int]:
        """The greedy answer to the example's only turn."""
        (turn,) = example.turns
        states, _ = self.encode([example])
        return list(greedy(self.decoder, remember(self.decoder, states), turn.question[-1:], end, most))

"""PaLI: an encoder over visual tokens and text, a decoder that writes the answer (Chen et al. 2022, figure 1).

    picture -> tower -> linear --+
                                 +--> encoder (both ways) --> cross-attention --> decoder --> answer
    task, language, question ----+

The language model is adapted: encoder and decoder start as the same decoder-only weights, cross-attention as
self-attention (towers/encoder_decoder.py; Whisper transcribes on the same path). Trained are bridges, cross-attention
and low-rank updates of both halves. Several turns share the encoding of their media: media don't see the questions,
so that a picture is encoded once for all that is asked about it; in the paper every question has a row of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.layers.crossentropy import chunked
from trenza.layers.lowrank import adapt
from trenza.systems import places
from trenza.systems.decoding import check_kinds
from trenza.systems.examples import Example, Medium, Turn
from trenza.systems.llava import BridgeConfig, make_bridge
from trenza.systems.places import Places
from trenza.systems.splice import Piece, splice
from trenza.towers.encoder_decoder import TextDecoder, likeliest, predictions, stream
from trenza.towers.language import LanguageModel

ROLE = 3  # tokens of ChatML's <|im_start|>assistant and its line's end
MEDIA, PADDING = 0, -1  # groups of encoder tokens; the turns of an example are groups 1, 2, ...


@dataclass(frozen=True)
class PaliConfig:
    """bridges: by kind of medium, "linear" in the paper. rank: of the low-rank updates of encoder and decoder."""

    bridges: dict[str, BridgeConfig] = field(default_factory=dict)
    rank: int = 0


@dataclass(frozen=True)
class Asked:
    """An answer to be weighed: the example it belongs to, its turn's group, and the turn."""

    row: int
    group: int
    turn: Turn
    answer: Sequence[int]

    @property
    def prompt(self) -> list[int]:
        return decoder_prompt(self.turn)


def decoder_prompt(turn: Turn) -> list[int]:
    """What the decoder starts from: the end of the question, where the chat template opens the answerer's turn."""
    return turn.question[-ROLE:]


class Pali(nn.Module):
    """A `System`. The language model's own weights stay as they are; `trained()` is all that learns."""

    def __init__(self, config: PaliConfig, language: LanguageModel, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.config, self.language = config, language.requires_grad_(False)
        places.extend(language)
        self.places = Places(language.config.vocabulary)
        self.decoder = TextDecoder(language)
        if config.rank:
            adapt(language.blocks, config.rank, seed)
            for number, block in enumerate(self.decoder.blocks):
                for part in (block.attention, block.mlp):  # the cross-attention learns whole
                    adapt(part, config.rank, seed + number)  # type: ignore[arg-type]
        width = language.config.block.width
        self.bridges = nn.ModuleDict({kind: make_bridge(b, width) for kind, b in config.bridges.items()})

    def trained(self) -> dict[str, nn.Parameter]:
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    def visual_tokens(self, medium: Medium) -> Tensor:
        """A medium's features [N, T, W] to encoder tokens [N * T, D]. Raises UsageError for a kind it can't take."""
        check_kinds([medium], list(self.bridges), "PaLI")
        return self.bridges[medium.kind](medium.features)

    def cache_bytes(self, media: Sequence[Medium]) -> int:
        """Keys and values of the encoder's tokens of media in every layer of the decoder."""
        return self.language.cache_bytes(sum(m.features.shape[0] * m.features.shape[1] for m in media))

    def encode(self, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        """Examples to encoder states [B, S, D] and the group of each token [B, S]."""
        rows, groups, positions = [], [], []
        for example in examples:
            prefix: list[Piece] = [p if isinstance(p, list) else self.visual_tokens(p) for p in example.prefix]
            questions: list[Piece] = [turn.question for turn in example.turns]
            rows.append(splice(self.language.embed, [*prefix, *questions]))
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
        return self.language(x, mask=mask, positions=pad(positions, batch_first=True)), group

    def _predictions(self, examples: Sequence[Example], asked: Sequence[Asked]) -> tuple[Tensor, Tensor]:
        """States [n, D] that foretell the answers, and their tokens [n]."""
        states, group = self.encode(examples)
        row = torch.tensor([a.row for a in asked])
        seen = (group[row] == MEDIA) | (group[row] == torch.tensor([[a.group] for a in asked]))
        context = [(keys[row], values[row]) for keys, values in self.decoder.remember(states)]
        prompts, answers = [a.prompt for a in asked], [a.answer for a in asked]
        return predictions(self.decoder, context, prompts, answers, seen[:, None, None])

    def loss(self, examples: Sequence[Example]) -> tuple[Tensor, float]:
        """See `System`."""
        asked = [
            Asked(row, group, turn, turn.answer)
            for row, example in enumerate(examples)
            for group, turn in enumerate(example.turns, MEDIA + 1)
        ]
        states, targets = self._predictions(examples, asked)
        near, shares = self.places.smoothed(targets, [len(a.answer) for a in asked])
        return chunked(self.language.logits, states, near, shares), float(shares.sum())

    @torch.no_grad()
    def score(self, example: Example, candidates: Sequence[Sequence[int]]) -> Tensor:
        """See `System`. The media and the question are encoded once for all candidates."""
        (turn,) = example.turns
        asked = [Asked(0, MEDIA + 1, turn, candidate) for candidate in candidates]
        states, targets = self._predictions([example], asked)
        surprise = F.cross_entropy(self.language.logits(states).float(), targets, reduction="none")
        return -torch.stack([part.sum() for part in surprise.split([len(c) for c in candidates])])

    def stream(
        self, example: Example, end: int, most: int, choose: Callable[[Tensor], int] = likeliest
    ) -> Iterator[int]:
        """The answer to the example's only turn, token by token, without `end`; `choose` picks from logits [V]."""
        (turn,) = example.turns
        with torch.no_grad():
            context = self.decoder.remember(self.encode([example])[0])
        prompt = decoder_prompt(turn)
        return stream(self.decoder, context, prompt, end, len(prompt) - 1 + most, choose=choose)

    def generate(self, example: Example, end: int, most: int) -> list[int]:
        """See `System`."""
        return list(self.stream(example, end, most))

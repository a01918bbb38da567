"""LLaVA: what a tower saw goes through a bridge and stands among the words (Liu et al. 2023, figure 1).

Stage 1 trains the bridges alone, stage 2 also low-rank updates of the language model. Grids of features take a linear
bridge or an MLP (Liu et al. 2024); lists of things perceived take those of `bridges/objects.py`, `events.py`
and `lines.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from trenza.bridges.events import EventTokens
from trenza.bridges.lines import LineTokens
from trenza.bridges.objects import ObjectTokens, TrackTokens, only_here
from trenza.bridges.perceived import Scales
from trenza.bridges.projector import Projector, ProjectorConfig
from trenza.errors import UsageError, WeightsError
from trenza.layers import masks
from trenza.layers.crossentropy import chunked
from trenza.layers.lowrank import adapt
from trenza.systems import places
from trenza.systems.decoding import DecoderSystem
from trenza.systems.examples import Example, Medium, parts
from trenza.systems.looking import Looking
from trenza.systems.places import Places
from trenza.systems.splice import Piece, splice
from trenza.towers.language import LanguageModel

MARKS = 2  # learned tokens before and after each medium


@dataclass(frozen=True)
class BridgeConfig:
    """kind: "linear", "mlp" (grids of `tokens` features), "objects", "tracks", "events", "lines"."""

    kind: str
    features: int = 0
    tokens: int = 0
    languages: int = 0
    names: int = 0
    words: int = 0


@dataclass(frozen=True)
class LlavaConfig:
    """bridges: by kind of medium. rank: of the language model's low-rank updates; 0 leaves it frozen."""

    bridges: dict[str, BridgeConfig] = field(default_factory=dict)
    rank: int = 0


class GridBridge(nn.Module):
    """A projector over a grid [N, T, W], after a learned position of each cell was added."""

    def __init__(self, config: BridgeConfig, out: int):
        super().__init__()
        self.norm = nn.LayerNorm(config.features)  # features of two depths differ in scale
        self.positions = nn.Parameter(torch.randn(config.tokens, config.features) * 0.02)
        self.projector = Projector(ProjectorConfig(config.kind, config.features, out, hidden=2 * out))

    def forward(self, features: Tensor) -> Tensor:
        """[N, T, W] to tokens [N * T, D]."""
        if features.shape[1:] != self.positions.shape:
            wanted = list(self.positions.shape)
            raise UsageError(f"features of {list(features.shape[1:])} don't fit this bridge, which takes {wanted}")
        return self.projector(self.norm(features.float()) + self.positions).flatten(0, 1)


def make_bridge(config: BridgeConfig, width: int) -> nn.Module:
    """Raises WeightsError for an unknown kind."""
    if config.kind in ("linear", "mlp"):
        return GridBridge(config, width)
    if config.kind in ("objects", "tracks"):
        return (ObjectTokens if config.kind == "objects" else TrackTokens)(width, config.languages, config.names)
    if config.kind == "events":
        return EventTokens(width, config.languages, config.names, config.words)
    if config.kind == "lines":
        return LineTokens(width, config.languages, config.names)
    raise WeightsError(f"bridge {config.kind!r} is unknown; known: linear, mlp, objects, tracks, events, lines")


class Llava(DecoderSystem):
    """A `System`. The language model's own weights stay as they are; `trained()` is all that learns."""

    def __init__(self, config: LlavaConfig, language: LanguageModel, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        width = language.config.block.width
        self.config, self.language = config, language.requires_grad_(False)
        places.extend(language)
        if config.rank:
            adapt(language.blocks, config.rank, seed)
        self.places: Places = Places(language.config.vocabulary)
        self.bridges = nn.ModuleDict({kind: make_bridge(b, width) for kind, b in config.bridges.items()})
        self.marks = nn.ParameterDict({
            f"{kind}_{side}": nn.Parameter(torch.randn(MARKS, width) * 0.1)
            for kind in config.bridges for side in ("begin", "end")
        })  # fmt: skip

    # --- media to tokens --------------------------------------------------------------------------

    def medium_tokens(self, medium: Medium, part: int = 0, only: Tensor | None = None) -> Tensor:
        """One medium, of part `part` of all, to tokens [T, D] between its marks. only [K]: which of its things no
        other picture shows. Raises UsageError for a medium that it can't take."""
        kind = medium.kind
        if kind not in self.bridges:
            raise UsageError(f"this model takes {', '.join(self.bridges)}, not {kind}; train it with that medium")
        bridge = self.bridges[kind]
        if self.config.bridges[kind].kind in ("linear", "mlp"):
            tokens = bridge(medium.features)
        else:
            assert self.language.added is not None
            scales = Scales(self._position, self._time)
            mark = self.language.added[self.places.medium(part) - self.places.base]
            rows = medium.features.flatten(0, 1).float()
            none = torch.zeros(len(rows), dtype=torch.bool)
            tokens = bridge(rows, self.language.embed, scales, mark, none if only is None else only)
        return torch.cat([self.marks[f"{kind}_begin"], tokens, self.marks[f"{kind}_end"]])

    def _position(self, values: Tensor) -> Tensor:
        """Coordinates [n] in 0..1 to [n, D]: between the two nearest places."""
        assert self.language.added is not None
        return _between(self.language.added[: places.BINS], values.clamp(0, 1) * (places.BINS - 1))

    def _time(self, seconds: Tensor) -> Tensor:
        assert self.language.added is not None
        table = self.language.added[places.BINS : places.BINS + places.STEPS]
        return _between(table, (seconds * 10).clamp(0, places.STEPS - 1))

    def encode(self, media: Sequence[Medium]) -> list[Tensor]:
        """All media of a conversation, in order: of things it is told what only one of several pictures shows."""
        pictures = [i for i, m in enumerate(media) if self._told(m) == "objects"]
        only = dict(zip(pictures, only_here([media[i].features.flatten(0, 1) for i in pictures]), strict=True))
        numbered = [part for part, own in enumerate(parts(media)) for _ in own]
        return [
            self.medium_tokens(medium, part, only.get(i))
            for i, (medium, part) in enumerate(zip(media, numbered, strict=True))
        ]

    def _told(self, medium: Medium) -> str:
        """The kind of a medium's bridge; none where it has none."""
        return self.config.bridges[medium.kind].kind if medium.kind in self.config.bridges else ""

    def media_tokens(self, media: Sequence[Medium]) -> int:
        """As many as the bridges make."""
        return sum(len(tokens) for tokens in self.encode(media))

    def trunk(self, example: Example) -> Tensor:
        """All before the turns, [T, D]."""
        return splice(self.language.embed, self.prompts([example])[0])

    def prompts(self, examples: Sequence[Example]) -> list[list[Piece]]:
        """What stands before each example's turns. Its media are encoded together, once for all who have the same."""
        encoded: dict[tuple[int, ...], list[Tensor]] = {}
        rows: list[list[Piece]] = []
        for example in examples:
            media = [piece for piece in example.prefix if isinstance(piece, Medium)]
            own = tuple(map(id, media))
            if own not in encoded:
                encoded[own] = self.encode(media)
            tokens = iter(encoded[own])
            rows.append([next(tokens) if isinstance(piece, Medium) else piece for piece in example.prefix])
        return rows

    def allowed(self, example: Example) -> Looking:
        """What may come next: it points at what was perceived, where bridges tell boxes."""
        media = [p for p in example.prefix if isinstance(p, Medium)]
        spans = any(medium.kind in ("audio", "video") for medium in media)
        if any(self.config.bridges[medium.kind].kind in ("linear", "mlp") for medium in media):
            return Looking(self.places, self.language.size)
        boxes = [
            torch.cat([self.bridges[m.kind].boxes(rows) for m in own for rows in m.features.float()])  # type: ignore[operator]
            for own in parts(media)
        ]
        return Looking(self.places, self.language.size, boxes, spans)

    # --- learning ---------------------------------------------------------------------------------

    def loss(self, examples: Sequence[Example]) -> tuple[Tensor, float]:
        """See `System`. All examples are one packed row, without padding."""
        states, targets = self._predicting(examples)
        near, shares = self.places.smoothed(targets, [len(turn.answer) for e in examples for turn in e.turns])
        return chunked(self.language.logits, states, near, shares), float(shares.sum())

    def _predicting(self, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        """States [n, D] that foretell the answers' tokens, and these tokens [n]."""
        rows: list[Tensor] = []
        lengths: list[int] = []
        trees: list[Tensor | None] = []
        positions: list[Tensor] = []
        predicting: list[int] = []
        targets: list[int] = []
        for example in examples:
            trunk = self.trunk(example)
            branches = [[*turn.question, *turn.answer] for turn in example.turns]
            at = sum(lengths) + len(trunk)
            rows += [trunk, self.language.embed(torch.tensor([t for b in branches for t in b]))]
            positions.append(torch.arange(len(trunk)))
            for turn, branch in zip(example.turns, branches, strict=True):
                first = at + len(turn.question) - 1
                predicting += range(first, first + len(turn.answer))
                targets += turn.answer
                positions.append(torch.arange(len(trunk), len(trunk) + len(branch)))
                at += len(branch)
            sizes = [len(b) for b in branches]
            lengths.append(len(trunk) + sum(sizes))
            trees.append(masks.tree(len(trunk), sizes) if len(sizes) > 1 else None)
        row = torch.cat(rows)[None]
        hidden = self.language(row, mask=masks.Packed(lengths, trees), positions=torch.cat(positions)[None])
        return hidden[0, predicting], torch.tensor(targets)


def _between(table: Tensor, at: Tensor) -> Tensor:
    """Rows of a table [n, D] at fractional places [m], mixed of their two neighbours."""
    low = at.floor().long().clamp(max=len(table) - 2)
    share = (at - low)[:, None]
    return table[low] * (1 - share) + table[low + 1] * share

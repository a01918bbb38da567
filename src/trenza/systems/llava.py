"""LLaVA: what a tower saw goes through a bridge and stands among the words (Liu et al. 2023, figure 1).

Stage 1 trains the bridges alone, stage 2 also low-rank updates of the language model. Grids of features take a linear
bridge or an MLP (Liu et al. 2024); lists of things perceived take those of `bridges/objects.py`, `events.py`
and `lines.py`.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trenza.bridges.events import EventTokens, at_once
from trenza.bridges.lines import LineTokens
from trenza.bridges.objects import ObjectTokens, TrackTokens, only_here
from trenza.bridges.perceived import Rows, Token
from trenza.bridges.projector import Projector, ProjectorConfig
from trenza.errors import UsageError, WeightsError
from trenza.layers import masks
from trenza.layers.crossentropy import chunked
from trenza.layers.lowrank import adapt
from trenza.systems import places
from trenza.systems.asked import Asked
from trenza.systems.decoding import DecoderSystem
from trenza.systems.examples import Example, Medium, parts, with_media
from trenza.systems.looking import Looking
from trenza.systems.otherwise import Otherwise
from trenza.systems.packing import Laid, mix, on, plain
from trenza.systems.places import Places
from trenza.systems.splice import Piece
from trenza.towers.language import LanguageModel

GRIDS = ("linear", "mlp")  # kinds of bridges that take features of cells
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
    if config.kind in GRIDS:
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
        self.begins = self._begins()

    def _begins(self) -> dict[str, int]:
        """Where in the table each kind's rows begin, and under "" where those of grids' tokens do."""
        found, at = {}, self.places.base + places.COUNT
        for kind, bridge in self.bridges.items():
            found[kind] = at
            at += 2 * MARKS + (0 if isinstance(bridge, GridBridge) else len(bridge.learned()))  # type: ignore[operator]
        return found | {"": at}

    # --- media to tokens --------------------------------------------------------------------------

    def _told(self, medium: Medium) -> str:
        """The kind of a medium's bridge. Raises UsageError for a medium that this model can't take."""
        if medium.kind not in self.bridges:
            taken = ", ".join(self.bridges)
            raise UsageError(f"this model takes {taken}, not {medium.kind}; train it with that medium")
        return self.config.bridges[medium.kind].kind

    def tokens(self, media: Sequence[Medium], cells: int = 0) -> list[list[Token]]:
        """Of all media of a conversation, in order, what each one's tokens between its marks are made of.

        Of things it is told what only one of several pictures shows. A grid's tokens are rows at the end of the table,
        behind those of the media before it and `cells` more. Raises UsageError for a medium that it can't take.
        """
        pictures = [i for i, m in enumerate(media) if self._told(m) == "objects"]
        only = dict(zip(pictures, only_here([media[i].features.flatten(0, 1) for i in pictures]), strict=True))
        numbered = [part for part, own in enumerate(parts(media)) for _ in own]
        made: list[list[Token]] = []
        grids = self.begins[""] + cells
        for number, (medium, part) in enumerate(zip(media, numbered, strict=True)):
            begin = self.begins[medium.kind]
            if self._told(medium) in GRIDS:
                size = medium.features.shape[0] * medium.features.shape[1]
                own: list[Token] = [[(grids + i, 1.0)] for i in range(size)]
                grids += size
            else:
                rows = Rows(self._position, self._time, begin + 2 * MARKS, self.places.medium(part))
                found = medium.features.flatten(0, 1).float()
                bridge: Any = self.bridges[medium.kind]
                if number in only:
                    own = bridge.tokens(found, rows, only[number].tolist())
                elif self._told(medium) == "events":
                    film = media[number - 1] if medium.within and number else None
                    own = bridge.tokens(found, rows, self._beside(found, film))
                else:
                    own = bridge.tokens(found, rows)
            marks: list[Token] = [[(begin + i, 1.0)] for i in range(2 * MARKS)]
            made.append([*marks[:MARKS], *own, *marks[MARKS:]])
        return made

    def _beside(self, events: Tensor, film: Medium | None) -> list[list[list[Token]]]:
        """Of each event of a film's sound, what the thing that comes or goes with it is called; nothing elsewhere."""
        if film is None or self._told(film) != "tracks":
            return [[] for _ in events]
        tracks = film.features.flatten(0, 1).float()
        bridge: Any = self.bridges[film.kind]
        return [[] if i is None else bridge.named(tracks[i].tolist()) for i in at_once(events, tracks)]

    def _position(self, value: float) -> Token:
        """A coordinate in 0..1: between the two nearest places."""
        return _between(self.places.base, places.BINS, min(max(value, 0.0), 1.0) * (places.BINS - 1))

    def _time(self, seconds: float) -> Token:
        first = self.places.base + places.BINS
        return _between(first, places.STEPS, min(max(seconds * 10, 0.0), places.STEPS - 1.0))

    def _learned(self) -> list[Tensor]:
        """The table behind the vocabulary: places, then of each kind its marks and what its bridge has learned."""
        assert self.language.added is not None
        table: list[Tensor] = [self.language.added]
        for kind, bridge in self.bridges.items():
            own = [] if isinstance(bridge, GridBridge) else [bridge.learned()]  # type: ignore[operator]
            table += [self.marks[f"{kind}_begin"], self.marks[f"{kind}_end"], *own]
        return table

    def encode(self, media: Sequence[Medium]) -> list[Tensor]:
        """All media of a conversation, in order, each as tokens [T, D] in float32."""
        made = self.tokens(media)
        mixed = mix([token for own in made for token in own], self.places.base)
        grids = [self.bridges[m.kind](m.features) for m in media if self._told(m) in GRIDS]
        tokens = mixed.embedded(self.language.embedding.weight, torch.cat([*self._learned(), *grids]))
        return list(tokens.split([len(own) for own in made]))

    def media_tokens(self, media: Sequence[Medium]) -> int:
        """As many as the bridges make."""
        return sum(map(len, self.tokens(media)))

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
        if any(self._told(medium) in GRIDS for medium in media):
            return Looking(self.places, self.language.size)
        boxes = [
            torch.cat([self.bridges[m.kind].boxes(rows) for m in own for rows in m.features.float()])  # type: ignore[operator]
            for own in parts(media)
        ]
        return Looking(self.places, self.language.size, boxes, spans)

    @functools.cached_property
    def _otherwise(self) -> Otherwise:
        return Otherwise(self.bridges)  # type: ignore[arg-type]

    def otherwise(self, example: Example, asked: Asked) -> Iterator[Example]:
        """The example with media that could have been perceived instead; none where they are grids."""
        media = [piece for piece in example.prefix if isinstance(piece, Medium)]
        if not any(self._told(medium) in GRIDS for medium in media):
            for others in self._otherwise(media, asked):
                yield with_media(example, iter(others))

    # --- learning ---------------------------------------------------------------------------------

    def loss(self, examples: Sequence[Example] | Laid) -> tuple[Tensor, float]:
        """See `System`. All examples are one packed row, without padding; it may be laid out before."""
        laid = examples if isinstance(examples, Laid) else self.laid(examples)
        words = self.language.embedding.weight
        grids = [self.bridges[kind](features.to(words.device)) for kind, features in laid.grids]
        row = laid.mix.embedded(words, torch.cat([*self._learned(), *grids])).to(words.dtype)
        hidden = self.language(row[None], mask=laid.packed, positions=on(words, laid.positions)[None])
        states = hidden[0, on(words, laid.predicting)]
        return chunked(self.language.logits, states, on(words, laid.near), on(words, laid.shares)), laid.weight

    def laid(self, examples: Sequence[Example]) -> Laid:
        """A batch as numbers: no weight is read, so that other processes can do it ahead."""
        row: list[Token] = []
        grids: list[tuple[str, Tensor]] = []
        cells = 0  # of the grids before
        trunks: list[int] = []
        branches: list[list[int]] = []
        positions: list[Tensor] = []
        predicting: list[int] = []
        answers = [turn.answer for example in examples for turn in example.turns]
        for example in examples:
            media = [piece for piece in example.prefix if isinstance(piece, Medium)]
            tokens = iter(self.tokens(media, cells))
            own = [(m.kind, m.features) for m in media if self._told(m) in GRIDS]
            cells += sum(features.shape[0] * features.shape[1] for _, features in own)
            grids += own
            begin = len(row)
            for piece in example.prefix:
                row += next(tokens) if isinstance(piece, Medium) else plain(piece)
            trunks.append(len(row) - begin)
            for turn in example.turns:
                first = len(row) + len(turn.question) - 1
                predicting += range(first, first + len(turn.answer))
                row += plain([*turn.question, *turn.answer])
            branches.append([len(turn.question) + len(turn.answer) for turn in example.turns])
            positions.append(masks.tree_positions(trunks[-1], branches[-1]))
        targets = torch.tensor([token for answer in answers for token in answer], dtype=torch.long)
        near, shares = self.places.smoothed(targets, [len(answer) for answer in answers])
        return Laid(
            mix(row, self.places.base), grids, masks.Packed(trunks, branches), torch.cat(positions).numpy(),
            np.array(predicting), near.numpy(), shares.numpy(),
        )  # fmt: skip


def _between(first: int, count: int, at: float) -> Token:
    """A fractional place on a scale of `count` rows from `first` on: of its two neighbours, so much of each."""
    low = min(int(at), count - 2)
    return [(first + low, 1 - (at - low)), (first + low + 1, at - low)]

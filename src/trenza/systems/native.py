"""Native: media are tokens of the words' own vocabulary, so that one softmax reads and writes them.

    picture, sound -> codec -> codes --+
                                       +--> one language model --> words, and codes -> codec -> picture, sound
    words -----------------------------+

Discrete tokens as in Chameleon (2024, section 2), with finite scalar quantisation in place of a learned codebook; or
no codec and no tower at all: raw patches through one linear layer (Fuyu, Bavishi et al. 2023), which can be read only.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from math import isqrt

import torch
from torch import Tensor, nn

from trenza.errors import UsageError
from trenza.layers.lowrank import adapt
from trenza.systems import places
from trenza.systems.decoding import DecoderSystem, check_kinds, greedy
from trenza.systems.examples import Example, Medium, Turn
from trenza.systems.places import Places
from trenza.towers.language import LanguageModel

MARKS = 2  # tokens that begin and end a medium of codes
READ_AS = {"video": "image"}  # a video is its frames, one after another


@dataclass(frozen=True)
class CodeConfig:
    """codes: how many different ones there are. tokens: of one picture or one window of sound."""

    codes: int
    tokens: int


@dataclass(frozen=True)
class NativeConfig:
    """codes: of the kinds that come as codes; patches: numbers in a patch of the kinds that come raw, square grids.

    rank: of the language model's low-rank updates. Added tokens stand behind the places (`systems/places.py`): for
    each kind of codes its two marks and its codes, then the end of a row of patches.
    """

    codes: dict[str, CodeConfig] = field(default_factory=dict)
    patches: dict[str, int] = field(default_factory=dict)
    rank: int = 0

    @property
    def added(self) -> int:
        return places.COUNT + sum(MARKS + c.codes for c in self.codes.values()) + 1


def _kinds(given: Collection[str]) -> set[str]:
    return {*given, *(kind for kind, other in READ_AS.items() if other in given)}


class Native(DecoderSystem):
    """Trains the added tokens, the patches' projection and low-rank updates of the language model."""

    def __init__(self, config: NativeConfig, language: LanguageModel, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        self.config, self.language = config, language.requires_grad_(False)
        language.extend(config.added)
        if config.rank:
            adapt(language.blocks, config.rank, seed)
        self.places = Places(language.config.vocabulary)
        self.first: dict[str, int] = {}  # token of each kind's first mark
        following = language.config.vocabulary + places.COUNT
        for kind, coded in config.codes.items():
            self.first[kind] = following
            following += MARKS + coded.codes
        self.row_end = following
        self.coded, self.raw = _kinds(config.codes), _kinds(config.patches)
        width = language.config.block.width
        self.produced = self.drawing if config.codes else None  # what a pair teaches the other way round
        self.patches = nn.ModuleDict({kind: nn.Linear(size, width) for kind, size in config.patches.items()})

    # --- media among the words --------------------------------------------------------------------

    def tokens(self, medium: Medium) -> list[int]:
        """A medium of codes [N, T, 1] as words of the vocabulary: each picture or window between its marks."""
        check_kinds([medium], self.coded, "native")
        kind = READ_AS.get(medium.kind, medium.kind)
        first, coded = self.first[kind], self.config.codes[kind]
        codes = medium.features.long()[..., 0]
        if codes.shape[1] != coded.tokens or int(codes.max()) >= coded.codes:
            raise UsageError(
                f"{medium.kind} comes as {codes.shape[1]} codes up to {int(codes.max())}, this model reads "
                f"{coded.tokens} of {coded.codes}; encode it with the codec that the model was trained with"
            )
        return [t for row in codes.tolist() for t in (first, *(first + MARKS + c for c in row), first + 1)]

    def encode(self, media: Sequence[Medium]) -> list[Tensor]:
        """Each medium as tokens [T, D]. Raises UsageError on a kind that it can't take."""
        check_kinds(media, self.coded | self.raw, "native")
        return [
            self.language.embed(torch.tensor(self.tokens(m))) if m.kind in self.coded else self._raw(m) for m in media
        ]

    def _raw(self, medium: Medium) -> Tensor:
        """Patches [N, rows * columns, numbers] in reading order, each row closed as in Fuyu."""
        seen = self.patches[READ_AS.get(medium.kind, medium.kind)](medium.features.float())  # [N, T, D]
        rows = seen.unflatten(1, (isqrt(seen.shape[1]), -1))
        end = self.language.embed(torch.tensor([self.row_end])).to(rows.dtype)
        return torch.cat([rows, end.expand(*rows.shape[:2], 1, -1)], 2).flatten(0, 2)

    def stream(self, example: Example, end: int, most: int, choose: Callable[[Tensor], int] = greedy) -> Iterator[int]:
        """See `DecoderSystem`. Words and places only; pictures and sounds come from `produce`."""
        words = self.language.config.vocabulary + places.COUNT
        return super().stream(example, end, most, lambda logits: choose(logits[:words]))

    # --- media as answers -------------------------------------------------------------------------

    def drawing(self, question: list[int], medium: Medium, end: int) -> Turn:
        """A turn whose answer is the medium itself: "draw a red apple" and the picture's codes."""
        return Turn(question, [*self.tokens(medium), end])

    def media_tokens(self, media: Sequence[Medium]) -> int:
        """How many tokens media take among the words."""
        return sum(len(encoded) for encoded in self.encode(media))

    @torch.no_grad()
    def produce(self, example: Example, kind: str, choose: Callable[[Tensor], int] = greedy) -> list[int]:
        """The codes of a picture or of a window of sound that answers the example's only turn.

        They come from the same softmax as words, with all but this kind's codes left out. `choose` picks from their
        logits [codes]. Raises UsageError for a kind that comes without codes.
        """
        if kind not in self.config.codes:
            raise UsageError(f"this native model can't produce {kind}; it produces {', '.join(self.config.codes)}")
        (turn,) = example.turns
        first, coded = self.first[kind], self.config.codes[kind]
        row = [*self.prompts([example])[0], [*turn.question, first]]
        cache = self.language.new_cache(1, self.length(row) + coded.tokens)
        hidden, made = self.hidden([row], cache), []
        while True:
            logits = self.language.logits(hidden[0, -1])[first + MARKS : first + MARKS + coded.codes]
            made.append(choose(logits))
            if len(made) == coded.tokens:
                return made
            hidden = self.hidden([[[first + MARKS + made[-1]]]], cache)

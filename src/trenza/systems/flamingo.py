"""Flamingo: a frozen language model that looks up at media between its layers (Alayrac et al. 2022, figure 3).

    features of a medium -> Perceiver resampler -> 64 latents
    words -> [gated cross-attention to the latents, language block, ...] -> words

The media's place among the words is held by tag tokens. Each token sees the last medium before it and no other;
what earlier media said reaches it through the language model's own attention (section 3.1.3).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from trenza.bridges.gated import GatedCrossAttention
from trenza.bridges.resampler import Resampler, ResamplerConfig
from trenza.layers.cache import KVCache
from trenza.systems.decoding import DecoderSystem, Row, around, check_kinds
from trenza.systems.examples import Example, Medium
from trenza.towers.language import LanguageConfig, LanguageModel
from trenza.towers.vit import ViT, ViTConfig


@dataclass(frozen=True)
class FlamingoConfig:
    """`interval`: a gated block stands before every so many blocks of the language model, the first included.

    `tags`: the tokens that stand for a medium of each kind, "<image>" in the paper; `fence`: tokens before the tag,
    which don't see the medium yet (Idefics). `gate` as in `bridges/gated.py`.
    `language` and `vision` are set where the model has its own inside; else the language model is given to it, and
    the features come from the towers that all systems share.
    """

    resampler: ResamplerConfig
    interval: int
    tags: dict[str, list[int]]
    fence: tuple[int, ...] = ()
    gate: int = 1
    qk_norm: bool = False
    language: LanguageConfig | None = None
    vision: ViTConfig | None = None


class Flamingo(DecoderSystem):
    """Trains the resampler and the gated blocks; the language model stays as it is."""

    among_words = False

    def __init__(self, config: FlamingoConfig, language: LanguageModel | None = None):
        super().__init__()
        self.config = config
        self.language, self.places = around(config.language, language)
        self.vision = ViT(config.vision) if config.vision else None
        self.resampler = Resampler(config.resampler)
        block = self.language.config.block
        block = replace(block, bias="", qk_norm="rms" if config.qk_norm else "", kv_heads=block.heads)
        count = len(range(0, self.language.config.layers, config.interval))
        self.gated = nn.ModuleList(
            GatedCrossAttention(block, config.resampler.width, config.gate) for _ in range(count)
        )  # fmt: skip

    def latents(self, media: Sequence[Medium]) -> list[Tensor]:
        """Latents [L, C] of each medium. Raises UsageError on a kind that it can't take."""
        check_kinds(media, self.config.tags, "Flamingo")
        alike = defaultdict(list)
        for number, medium in enumerate(media):
            alike[medium.kind, medium.features.shape].append(number)
        made: dict[int, Tensor] = {}
        dtype = self.resampler.latents.dtype
        for (kind, _), numbers in alike.items():
            features = torch.stack([media[n].features for n in numbers]).to(dtype)  # [B, N, S, W]
            made |= zip(numbers, self.resampler(features, kind), strict=True)
        return [made[number] for number in range(len(media))]

    def encode(self, media: Sequence[Medium]) -> list[Tensor]:
        """Each medium as the keys and values that the gated blocks read, [blocks, 2, K, L, E]."""
        if not media:
            return []
        latents = torch.stack(self.latents(media))  # [M, L, C]
        read = [torch.stack(block.attention.keys_values(latents), 1) for block in self.gated]  # type: ignore[union-attr, operator]
        return list(torch.stack(read, 1))

    def pieces(self, example: Example) -> list[list[int] | Medium]:
        """The example's prefix with its tags: a medium is seen from its tag on."""
        pieces: list[list[int] | Medium] = []
        for piece in example.prefix:
            if isinstance(piece, Medium):
                pieces += [list(self.config.fence), piece, self.config.tags.get(piece.kind, [])]
            else:
                pieces.append(piece)
        return pieces

    def see(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [N, 3, H, W] through the model's own tower, to features [N, T, W]."""
        assert self.vision is not None, "only a model with a tower inside sees pixels"
        return self.vision.states(pixels)

    def hidden(
        self, rows: Sequence[Row], cache: KVCache | None = None, mask: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """See `DecoderSystem`."""
        words, last, media = [], [], []
        for row in rows:
            tokens: list[int] = []
            sees: list[int] = []  # the number of media before each token
            seen: list[Tensor] = []
            for piece in row:
                if isinstance(piece, list):
                    tokens += piece
                    sees += [len(seen)] * len(piece)
                else:
                    seen.append(piece)
            words.append(torch.tensor(tokens, dtype=torch.long))
            last.append(torch.tensor(sees, dtype=torch.long))
            media.append(seen)
        x = self.language.embed(pad_sequence(words, batch_first=True))  # [B, T, D]
        between = self._looking(media, pad_sequence(last, batch_first=True))
        return self.language(x, cache, mask, positions, between)

    def _looking(self, media: list[list[Tensor]], last: Tensor) -> Callable[[Tensor, int], Tensor]:
        """What happens between the language model's blocks: tokens [B, T] read the last medium before them."""
        most = max(len(some) for some in media)
        latents = self.config.resampler.latents
        mask = last[:, :, None] == torch.arange(1, most + 1)  # [B, T, M]
        mask = mask.repeat_interleave(latents, 2)[:, None]  # [B, 1, T, M * L]
        if most:
            one = next(some[0] for some in media if some)
            filled = [some + [torch.zeros_like(one)] * (most - len(some)) for some in media]
            read = torch.stack([torch.cat(some, 3) for some in filled])  # [B, blocks, 2, K, M * L, E]

        def between(x: Tensor, layer: int) -> Tensor:
            if layer % self.config.interval:
                return x
            number = layer // self.config.interval
            pair = (read[:, number, 0], read[:, number, 1]) if most else None
            block = self.gated[number]
            return block(x.to(self.resampler.latents.dtype), pair, mask).to(x.dtype)

        return between

    def length(self, row: Row) -> int:
        """Media take no place in the sequence; their tags do."""
        return sum(len(piece) for piece in row if isinstance(piece, list))

    def media_tokens(self, media: Sequence[Medium]) -> int:
        """Their tags alone."""
        return sum(len(self.config.fence) + len(self.config.tags.get(m.kind, [])) for m in media)

    def cache_bytes(self, media: Sequence[Medium]) -> int:
        """Keys and values of the latents in every gated layer, beside those of the tags."""
        with torch.no_grad():
            read = sum(states.numel() * states.element_size() for states in self.encode(media))
        return super().cache_bytes(media) + read

    def carried(self, row: Row) -> Row:
        """The last medium: it is what an answer sees."""
        return [piece for piece in row if not isinstance(piece, list)][-1:]

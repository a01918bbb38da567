"""The encoder-decoder path: a text decoder that attends to what an encoder made. Whisper and PaLI both run on it.

A decoder-only language model becomes such a decoder by adaptation (Zhang et al. 2025, "Encoder-Decoder Gemma",
section 3): encoder and decoder both start as the same weights, and each cross-attention as the self-attention of
its own block.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor, nn

from trenza.layers import masks
from trenza.layers.block import Block, BlockConfig
from trenza.layers.cache import KVCache
from trenza.towers.language import LanguageModel

# How loud the cross-attentions start: a second branch as loud as the first throws a frozen decoder off. The paper
# starts at 1, and then trains everything, at length.
QUIET = 0.1

Context = list[tuple[Tensor, Tensor]]  # keys and values [B, K, S, E] of the encoder's features, one a layer


class Decoder(Protocol):
    """What decoding needs to know: Whisper's decoder and `TextDecoder` are two."""

    blocks: nn.ModuleList

    def new_cache(self, batch: int, length: int) -> KVCache: ...

    def remember(self, features: Tensor) -> Context: ...

    def states(
        self, tokens: Tensor, features: Tensor | Context, cache: KVCache | None = None, seen: Tensor | None = None
    ) -> Tensor: ...

    def logits(self, states: Tensor) -> Tensor: ...


class TextDecoder(nn.Module):
    """The blocks of a decoder-only language model, each with a cross-attention.

    Words and head are the language model's own: `embed` and `logits` are its methods. The blocks' own weights are the
    model's as well, frozen and shared; the cross-attentions are copies in float32, to be trained.
    """

    def __init__(self, language: LanguageModel):
        super().__init__()
        self.config = replace(language.config, block=replace(language.config.block, cross=True))
        self.embed, self.logits = language.embed, language.logits
        self.dtype = language.embedding.weight.dtype
        self.rope = language.rope
        self.norm = copy.deepcopy(language.norm)
        self.blocks = nn.ModuleList(_with_cross(block, self.config.block) for block in language.blocks)

    def new_cache(self, batch: int, length: int) -> KVCache:
        block = self.config.block
        return KVCache(self.config.layers, batch, block.kv_heads or block.heads, length, block.head_size, self.dtype)

    def _arithmetic(self) -> torch.autocast:
        """What learns is kept in float32 and multiplied in the language model's type."""
        return torch.autocast("cpu", self.dtype, enabled=self.dtype != torch.float32)

    def remember(self, features: Tensor) -> Context:
        """Keys and values of features [B, S, D], once a layer, behind each block's own norm.

        The cross-attentions come from self-attentions, which read normed states: unnormed ones would drown the words.
        """
        with self._arithmetic():
            return [block.cross.keys_values(block.cross_norm(features)) for block in self.blocks]  # type: ignore[union-attr, operator]

    def states(
        self, tokens: Tensor, features: Tensor | Context, cache: KVCache | None = None, seen: Tensor | None = None
    ) -> Tensor:
        """Tokens [B, T] and features [B, S, D] (or their keys and values) to states [B, T, D].

        `seen` [B, 1, 1, S] is False where a row may not look.
        """
        past, count = cache.used if cache is not None else 0, tokens.shape[1]
        x = self.embed(tokens)
        mask = masks.causal(count, past) if count > 1 else None
        angles = self.rope(torch.arange(past, past + count)[None])
        context = features if isinstance(features, list) else self.remember(features)
        with self._arithmetic():
            for layer, block in enumerate(self.blocks):
                x = block(x, mask, angles, cache, layer, context[layer], seen)
        if cache is not None:
            cache.advance(count)
        return self.norm(x)


def _with_cross(block: nn.Module, config: BlockConfig) -> Block:
    """The block with a cross-attention that starts as its self-attention, behind a copy of the same norm."""
    with torch.device("meta"):
        made = Block(config)
    own = block.state_dict()
    cross = {
        name.replace("attention", "cross", 1): tensor.float().clone()
        for name, tensor in own.items() if name.startswith("attention")
    }  # fmt: skip
    cross["cross.out.weight"] *= QUIET
    made.load_state_dict(own | cross, assign=True)
    for name, parameter in made.named_parameters():
        parameter.requires_grad_(name in cross)
    return made


def likeliest(logits: Tensor) -> int:
    """Of logits [V]."""
    return int(logits.argmax())


@torch.no_grad()
def stream(
    decoder: Decoder, context: Context, prompt: list[int], end: int, length: int, seen: Tensor | None = None,
    never: Sequence[int] = (), never_first: Sequence[int] = (), choose: Callable[[Tensor], int] = likeliest,
) -> Iterator[int]:  # fmt: skip
    """The tokens behind `prompt` for one row of context, until `end` or until `length` tokens stand there.

    `never` are tokens that must not come at all, `never_first` those that must not come first; `choose` picks one.
    """
    cache = decoder.new_cache(1, length)
    tokens, banned = prompt, [*never, *never_first]
    while cache.used + len(tokens) <= length:
        logits = decoder.logits(decoder.states(torch.tensor([tokens]), context, cache, seen)[:, -1])[0]
        logits[banned] = -torch.inf
        token = choose(logits)
        if token == end:
            return
        yield token
        tokens, banned = [token], list(never)


def predictions(
    decoder: Decoder, context: Context, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]],
    seen: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """States [n, D] that foretell the tokens of each row's answer behind its prompt, and these tokens [n].

    Rows may differ in length; their tokens stand one row behind another.
    """
    rows = [torch.tensor([*prompt, *answer[:-1]]) for prompt, answer in zip(prompts, answers, strict=True)]
    given = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    first = torch.tensor([[len(prompt) - 1] for prompt in prompts])
    place = torch.arange(given.shape[1])
    told = (place >= first) & (place < first + torch.tensor([[len(answer)] for answer in answers]))
    targets = torch.tensor([token for answer in answers for token in answer])
    return decoder.states(given, context, seen=seen)[told], targets

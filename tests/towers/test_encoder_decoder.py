"""A decoder-only model made into a decoder that also attends; one decoding loop for it and for Whisper."""

import pytest
import torch

from trenza.layers.block import BlockConfig
from trenza.towers.encoder_decoder import QUIET, TextDecoder, predictions, stream
from trenza.towers.language import LanguageConfig, LanguageModel

BLOCK = BlockConfig(32, 4, 48, kv_heads=2, head_width=8, bias="", norm="rms", activation="silu", gated=True)


@pytest.fixture(scope="module")
def decoder() -> TextDecoder:
    torch.manual_seed(0)
    language = LanguageModel(LanguageConfig(50, 2, BLOCK, 10_000.0, tied=True))
    for parameter in language.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return TextDecoder(language).eval().requires_grad_(False)


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(1))


def test_adaptation_copies_self_attention_into_cross_attention_and_keeps_the_rest():
    language = LanguageModel(LanguageConfig(50, 2, BLOCK, 10_000.0, tied=True))
    decoder = TextDecoder(language)
    for made, block in zip(decoder.blocks, language.blocks, strict=True):
        assert torch.equal(made.cross.q.weight, block.attention.q.weight)
        assert torch.allclose(made.cross.out.weight, QUIET * block.attention.out.weight)
        assert torch.equal(made.cross_norm.weight, block.attention_norm.weight)
        assert torch.equal(made.mlp.down.weight, block.mlp.down.weight)
        assert [n for n, p in made.named_parameters() if p.requires_grad and "cross" not in n] == []
    assert not any("embedding" in name for name in decoder.state_dict())


def test_without_its_cross_attention_it_is_the_language_model():
    torch.manual_seed(0)
    language = LanguageModel(LanguageConfig(50, 2, BLOCK, 10_000.0, tied=True))
    decoder = TextDecoder(language)
    for block in decoder.blocks:
        torch.nn.init.zeros_(block.cross.out.weight)
    tokens = torch.randint(50, (2, 7), generator=torch.Generator().manual_seed(2))
    expected = language(language.embedding(tokens))
    assert (decoder.states(tokens, torch.randn(2, 3, 32)) - expected).abs().max() < 1e-5


def test_added_tokens_are_read_and_written():
    language = LanguageModel(LanguageConfig(50, 2, BLOCK, 10_000.0, tied=True))
    decoder = TextDecoder(language)
    language.extend(3)
    states = decoder.states(torch.tensor([[4, 52]]), torch.randn(1, 3, 32))
    assert decoder.logits(states).shape == (1, 2, 53)


def test_greedy_takes_the_likeliest_token_each_time(decoder, features):
    context = decoder.remember(features)
    got = list(stream(decoder, context, [7], end=-1, length=6))
    tokens = [7]
    for _ in range(6):
        tokens.append(int(decoder.logits(decoder.states(torch.tensor([tokens]), features))[0, -1].argmax()))
    assert got == tokens[1:]
    assert list(stream(decoder, context, [7], end=got[2], length=6)) == got[: got.index(got[2])]


def test_banned_tokens_do_not_come(decoder, features):
    context = decoder.remember(features)
    first, *rest = stream(decoder, context, [7], end=-1, length=6)
    assert next(stream(decoder, context, [7], -1, 6, never_first=[first])) != first
    banned = set(rest) | {first}
    assert not banned & set(stream(decoder, context, [7], -1, 6, never=list(banned)))


def test_predictions_of_a_batch_equal_those_of_each_alone(decoder, features):
    answers, prompts = [[3, 4, 5], [6]], [[9, 7], [8]]
    context = decoder.remember(features.expand(2, -1, -1))
    states, targets = predictions(decoder, context, prompts, answers)
    alone = [
        decoder.states(torch.tensor([[*prompt, *answer[:-1]]]), features)[0, len(prompt) - 1 :]
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    assert (states - torch.cat(alone)).abs().max() < 1e-4
    assert targets.tolist() == [3, 4, 5, 6]

"""The Llama family against transformers: same tiny random weights, same input, float32."""

import pytest
import torch
import transformers

from trenza.errors import WeightsError
from trenza.layers import masks
from trenza.towers import language

TINY = {
    "vocab_size": 97, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
}  # fmt: skip
FAMILY = {
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM, {}),
    "llama_tied_biased": (
        transformers.LlamaConfig, transformers.LlamaForCausalLM,
        {"tie_word_embeddings": True, "attention_bias": True, "rope_theta": 1e5},
    ),
    "mistral": (transformers.MistralConfig, transformers.MistralForCausalLM, {"sliding_window": 5}),
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM, {}),
    "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM, {"head_dim": 16}),
    "gemma": (
        transformers.GemmaConfig, transformers.GemmaForCausalLM,
        {"head_dim": 16, "hidden_act": "gelu_pytorch_tanh", "pad_token_id": 0},
    ),
}  # fmt: skip


@pytest.fixture(params=FAMILY)
def pair(request):
    """The same random weights in both implementations."""
    make_config, make_model, changes = FAMILY[request.param]
    torch.manual_seed(0)
    config = make_config(**TINY, **changes, attn_implementation="eager")
    reference = make_model(config).eval()
    for parameter in reference.parameters():  # norms and biases start at constants; make them tell
        torch.nn.init.normal_(parameter, std=0.2)
    ours = language.build(config.to_dict(), reference.state_dict(), torch.float32)
    return ours, reference


def test_logits_equal_the_reference(pair):
    ours, reference = pair
    tokens = torch.randint(97, (2, 12), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = reference(tokens).logits
        got = ours.logits(ours(ours.embedding(tokens)))
    assert (got - expected).abs().max() < 1e-4


def test_cache_gives_the_same_logits_in_pieces(pair):
    ours, _ = pair
    tokens = torch.randint(97, (1, 12), generator=torch.Generator().manual_seed(2))
    whole = ours(ours.embedding(tokens))
    cache = ours.new_cache(1, 12)
    pieces = [ours(ours.embedding(piece), cache) for piece in tokens.split([7, 1, 3, 1], 1)]
    assert cache.used == 12
    assert (torch.cat(pieces, 1) - whole).abs().max() < 1e-4


def test_a_full_cache_refuses_instead_of_overwriting(pair):
    ours, _ = pair
    cache = ours.new_cache(1, 2)
    with pytest.raises(IndexError, match="cache of 2 tokens"):
        ours(ours.embedding(torch.zeros(1, 3, dtype=torch.long)), cache)


def test_packed_documents_do_not_see_each_other(pair):
    ours, _ = pair
    rng = torch.Generator().manual_seed(3)
    first, second = torch.randint(97, (1, 5), generator=rng), torch.randint(97, (1, 6), generator=rng)
    mask = masks.packed(torch.tensor([[0] * 5 + [1] * 6]), ours.config.window)
    positions = torch.tensor([[*range(5), *range(6)]])
    together = ours(ours.embedding(torch.cat([first, second], 1)), mask=mask, positions=positions)
    apart = torch.cat([ours(ours.embedding(first)), ours(ours.embedding(second))], 1)
    assert (together - apart).abs().max() < 1e-4


def test_an_unknown_family_is_refused_with_the_covered_ones():
    with pytest.raises(WeightsError, match="covered: llama, mistral, qwen2, qwen3, gemma"):
        language.LanguageConfig.from_transformers({"model_type": "mamba"})


def test_what_is_given_between_the_blocks_goes_on(pair):
    ours, _ = pair
    x = ours.embedding(torch.randint(97, (1, 6), generator=torch.Generator().manual_seed(4)))
    shift = torch.randn(48, generator=torch.Generator().manual_seed(5))
    seen = []

    def between(states, number):
        seen.append((number, states))
        return states + shift if number == 0 else states

    got = ours(x, between=between)
    assert [number for number, _ in seen] == [0, 1, 2]
    assert torch.equal(got, ours(x + shift))
    assert torch.equal(
        seen[1][1], ours.blocks[0](x + shift, masks.causal(6, 0, ours.config.window), ours.rope(torch.arange(6)[None]))
    )

"""Blip2ForConditionalGeneration both ways through the commands' own functions, against transformers, float32."""

import pytest
import torch
import transformers

from trenza.checkpoints import public
from trenza.errors import WeightsError
from trenza.systems.examples import Example, Medium, Turn

IMAGE, QUERIES = 59, 5
TEXT = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


def opt(**changes):
    return transformers.OPTConfig(
        **TEXT, ffn_dim=64, max_position_embeddings=40, word_embed_proj_dim=32, activation_function="relu", **changes
    )


def llama():
    return transformers.LlamaConfig(**TEXT, intermediate_size=64, num_key_value_heads=2, tie_word_embeddings=False)


def blip2(text, qkv_bias=True, **qformer):
    vision = transformers.Blip2VisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8,
        qkv_bias=qkv_bias,
    )  # fmt: skip
    asking = transformers.Blip2QFormerConfig(
        vocab_size=30, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48, **qformer
    )
    return transformers.Blip2ForConditionalGeneration(
        transformers.Blip2Config(
            vision_config=vision, qformer_config=asking, text_config=text, num_query_tokens=QUERIES,
            image_token_index=IMAGE,
        )
    )  # fmt: skip


def random(model):
    rng = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=rng)
    return model.eval()


@pytest.mark.parametrize(
    "make", [lambda: blip2(opt()), lambda: blip2(llama(), qkv_bias=False, cross_attention_frequency=1)],
    ids=["opt", "llama"],
)  # fmt: skip
def test_both_ways_with_equal_logits(make, tmp_path):
    reference = random(make())
    reference.save_pretrained(tmp_path / "theirs")
    assert public.import_folder(tmp_path / "theirs", tmp_path / "ours") == "blip2"
    _, ours = public.load(tmp_path / "ours")
    public.export_folder(tmp_path / "ours", tmp_path / "back")
    back, report = type(reference).from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))

    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    tokens = torch.tensor([[*[IMAGE] * QUERIES, 2, 7, 8, 9]])
    example = Example([], (Medium("image", ours.see(pixels)),), (Turn([2, 7, 8, 9], []),))
    with torch.no_grad():
        row = [*ours.prompts([example])[0], [2, 7, 8, 9]]
        logits = ours.language.logits(ours.hidden([row]))
        expected = reference(input_ids=tokens, pixel_values=pixels).logits
        returned = back.eval()(input_ids=tokens, pixel_values=pixels).logits
        other = reference(input_ids=tokens, pixel_values=pixels.flip(3)).logits
    assert expected.std() > 0.05 and (other - expected).abs().max() > 1e-2
    assert (logits - expected).abs().max() < 1e-4
    assert (returned - expected).abs().max() < 1e-4


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: blip2(opt(enable_bias=False)), "enable_bias False"),
        (lambda: blip2(llama(), use_qformer_text_input=True), "use_qformer_text_input"),
        (lambda: blip2(transformers.GPT2Config(n_embd=32, n_layer=1, n_head=4)), "'gpt2' isn't of the Llama family"),
    ],
    ids=["opt without bias", "instructed", "gpt2"],
)
def test_what_is_not_covered_is_named(make, named, tmp_path):
    make().save_pretrained(tmp_path / "theirs")
    with pytest.raises(WeightsError, match=named):
        public.import_folder(tmp_path / "theirs", tmp_path / "ours")
    assert not (tmp_path / "ours").exists()

"""IdeficsForVisionText2Text both ways through the commands' own functions, against transformers, float32."""

from dataclasses import asdict

import pytest
import torch
import transformers

from trenza.bridges.inputs import InputsConfig
from trenza.bridges.resampler import ResamplerConfig
from trenza.checkpoints import public
from trenza.checkpoints.folder import save_folder
from trenza.errors import WeightsError
from trenza.systems.examples import Example, Medium, Turn
from trenza.systems.flamingo import FlamingoConfig

WORDS, FENCE, IMAGE = 90, 90, 91


def idefics(**changes):
    config = transformers.IdeficsConfig(
        vocab_size=WORDS, additional_vocab_size=2, hidden_size=48, intermediate_size=64, num_hidden_layers=4,
        num_attention_heads=4, cross_layer_interval=2, use_resampler=True,
        vision_config={
            "embed_dim": 32, "image_size": 32, "patch_size": 8, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4,
        },
        perceiver_config={
            "use_resampler": True, "resampler_n_latents": 6, "resampler_depth": 2, "resampler_n_heads": 2,
            "resampler_head_dim": 8, "qk_layer_norms_perceiver": changes.get("qk_layer_norms", False),
        },
    )  # fmt: skip
    config.update(changes)
    return transformers.IdeficsForVisionText2Text(config)


def random(model):
    rng = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=rng)
    return model.eval()


@pytest.mark.parametrize(
    "changes", [{}, {"alpha_type": "vector", "qk_layer_norms": True, "tie_word_embeddings": True}], ids=["plain", "all"]
)
def test_both_ways_with_equal_logits(changes, tmp_path):
    reference = random(idefics(**changes))
    reference.save_pretrained(tmp_path / "theirs")
    assert public.import_folder(tmp_path / "theirs", tmp_path / "ours") == "flamingo"
    _, ours = public.load(tmp_path / "ours")
    public.export_folder(tmp_path / "ours", tmp_path / "back")
    back, report = transformers.IdeficsForVisionText2Text.from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))

    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    tag = [FENCE, IMAGE, FENCE]
    tokens = torch.tensor([[5, 6, *tag, 7, 8, *tag, 9, 10, 11]])
    sees = torch.zeros(1, 13, 2)
    sees[0, 3:8, 0] = sees[0, 8:, 1] = 1  # each token sees the last picture whose <image> came
    batch = {"input_ids": tokens, "pixel_values": pixels[None], "image_attention_mask": sees}
    first, second = (Medium("image", features[None]) for features in ours.see(pixels))
    page = Example([5, 6], (first,), (Turn([7, 8], []),))
    row = ours.prompts([Example([], (second,), (), before=(page,))])[0]
    with torch.no_grad():
        expected = reference(**batch).logits
        returned = back.eval()(**batch).logits
        logits = ours.language.logits(ours.hidden([[*row, [9, 10, 11]]]))
    assert expected.std() > 0.05
    assert (logits - expected).abs().max() < 1e-4
    assert (returned - expected).abs().max() < 1e-4
    # The pictures matter, or equality would say little.
    with torch.no_grad():
        assert (reference(**(batch | {"pixel_values": pixels[None] + 1})).logits - expected).abs().max() > 1e-2


def test_idefics_without_its_resampler_is_refused(tmp_path):
    idefics(use_resampler=False).save_pretrained(tmp_path / "theirs")
    with pytest.raises(WeightsError, match=r"use_resampler.*covered"):
        public.import_folder(tmp_path / "theirs", tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_a_flamingo_around_the_pinned_language_model_has_no_public_format(tmp_path):
    resampler = ResamplerConfig(InputsConfig({"image": 20}, 16), 2, 8, 32, 1, latents=3)
    config = {"system": "flamingo", **asdict(FlamingoConfig(resampler, 2, {"image": [7]}))}
    save_folder(tmp_path / "ours", config, {"x": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"config.json: it has no language model inside"):
        public.export_folder(tmp_path / "ours", tmp_path / "back")
    assert not (tmp_path / "back").exists()

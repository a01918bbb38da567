"""PaliGemmaForConditionalGeneration both ways through the commands' own functions, against transformers, float32."""

import pytest
import torch
import transformers

from trenza.checkpoints import public
from trenza.errors import WeightsError

TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT = {**TOWER, "model_type": "gemma", "vocab_size": 60, "num_key_value_heads": 1, "head_dim": 16, "pad_token_id": 0}
VISION = {**TOWER, "model_type": "siglip_vision_model", "image_size": 16, "patch_size": 8, "vision_use_head": False}
IMAGE = 59


def paligemma(text=TEXT):
    torch.manual_seed(0)
    config = transformers.PaliGemmaConfig(
        text_config=text, vision_config=VISION, image_token_index=IMAGE, projection_dim=32, hidden_size=32
    )
    model = transformers.PaliGemmaForConditionalGeneration(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def test_both_ways_with_equal_logits(tmp_path):
    reference = paligemma()
    reference.save_pretrained(tmp_path / "theirs")
    assert public.import_folder(tmp_path / "theirs", tmp_path / "ours") == "paligemma"
    _, ours = public.load(tmp_path / "ours")
    public.export_folder(tmp_path / "ours", tmp_path / "back")
    back, report = type(reference).from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    rng = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, 58, (2, 11), generator=rng)
    tokens[:, :4] = IMAGE
    prefix = torch.tensor([7, 5])
    batch = {
        "input_ids": tokens, "pixel_values": torch.randn(2, 3, 16, 16, generator=rng),
        "token_type_ids": (torch.arange(11) >= prefix[:, None]).long(), "attention_mask": torch.ones_like(tokens),
    }  # fmt: skip
    with torch.no_grad():
        expected, returned = reference(**batch).logits, back.eval()(**batch).logits
        got = ours(tokens, batch["pixel_values"], prefix)
        causal = ours(tokens, batch["pixel_values"], torch.zeros(2, dtype=torch.long))
    assert expected.std() > 0.05
    assert (got - expected).abs().max() < 1e-4
    assert (returned - expected).abs().max() < 1e-4
    assert (causal - expected).abs().max() > 1e-2  # the prefix is seen both ways


def test_the_second_paligemma_is_not_covered(tmp_path):
    paligemma({**TEXT, "model_type": "gemma2"}).save_pretrained(tmp_path / "theirs")
    with pytest.raises(WeightsError, match="'gemma2' isn't covered"):
        public.import_folder(tmp_path / "theirs", tmp_path / "ours")

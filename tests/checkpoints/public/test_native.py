"""FuyuForCausalLM and ChameleonForConditionalGeneration both ways, against transformers, float32."""

import pytest
import torch
import transformers

from trenza.checkpoints import public
from trenza.errors import WeightsError

SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
CODES = 12
IMAGE = 8  # the token that holds a picture's places
VOCABULARY = {
    "<image>": IMAGE,
    **{f"IMGIMG{'B' if n > 9 else ''}{'ABCDEFGHIJ'[n % 10]}Z": 40 + n for n in range(CODES)},
}


def random(model):
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def fuyu(**changes):
    text = {"model_type": "persimmon", **SIZES, "vocab_size": 60, **changes}
    config = transformers.FuyuConfig(text_config=text, patch_size=4, image_token_id=IMAGE, vocab_size=60, **SIZES)
    return random(transformers.FuyuForCausalLM(config))


def chameleon(**changes):
    pictures = {
        "embed_dim": 8, "num_embeddings": CODES, "latent_channels": 8, "resolution": 16, "base_channels": 32,
        "channel_multiplier": [1, 2, 2], "num_res_blocks": 2, "attn_resolutions": [8],
    }  # fmt: skip
    config = transformers.ChameleonConfig(
        **{"vocab_size": 60, "num_key_value_heads": 2, "vocabulary_map": VOCABULARY, "vq_config": pictures}
        | SIZES | changes
    )  # fmt: skip
    return random(transformers.ChameleonForConditionalGeneration(config))


def tokens(places: int) -> torch.Tensor:
    made = torch.randint(10, 40, (2, 20), generator=torch.Generator().manual_seed(1))
    made[:, 1 : 1 + places] = IMAGE
    return made


def round_trip(reference, tmp_path):
    """Ours, and what transformers loads of what we wrote."""
    reference.save_pretrained(tmp_path / "theirs")
    public.import_folder(tmp_path / "theirs", tmp_path / "ours")
    _, ours = public.load(tmp_path / "ours")
    public.export_folder(tmp_path / "ours", tmp_path / "back")
    back, report = type(reference).from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return ours, back.eval()


@pytest.mark.parametrize("changes", [{}, {"qk_layernorm": False}], ids=["norms of queries and keys", "without"])
def test_fuyu_both_ways_with_equal_logits(changes, tmp_path):
    reference = fuyu(**changes)
    ours, back = round_trip(reference, tmp_path)
    patches = torch.randn(2, 6, 48, generator=torch.Generator().manual_seed(2))
    batch = {"input_ids": tokens(6), "pixel_values": patches}
    with torch.no_grad():
        expected, returned, got = reference(**batch).logits, back(**batch).logits, ours(tokens(6), patches)
    assert expected.std() > 0.05
    assert (got - expected).abs().max() < 1e-4
    assert (returned - expected).abs().max() < 1e-4


@pytest.mark.parametrize("changes", [{}, {"swin_norm": True}], ids=["norm before", "norm after"])
def test_chameleon_both_ways_with_equal_codes_and_logits(changes, tmp_path):
    reference = chameleon(**changes)
    ours, back = round_trip(reference, tmp_path)
    pixels = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    batch = {"input_ids": tokens(16), "pixel_values": pixels}
    words = [n for n in range(60) if n not in VOCABULARY.values() or n == IMAGE]
    with torch.no_grad():
        expected, returned, got = reference(**batch).logits, back(**batch).logits, ours(tokens(16), pixels)
        codes = reference.model.get_image_tokens(pixels)
    assert len(codes.unique()) > 2
    assert torch.equal(ours.picture_tokens(pixels), codes)
    assert (got - expected)[..., words].abs().max() < 1e-4
    assert (returned - expected).abs().max() < 1e-4
    assert got.isfinite().all() and got[..., 40:].std() > 0.05  # the codes' logits are not hidden


def test_a_vocabulary_without_the_codes_is_refused(tmp_path):
    chameleon(vocabulary_map={"<image>": IMAGE}).save_pretrained(tmp_path / "theirs")
    with pytest.raises(WeightsError, match="the 12 codes; it names 0 codes"):
        public.import_folder(tmp_path / "theirs", tmp_path / "ours")

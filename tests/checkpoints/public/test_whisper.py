"""WhisperForConditionalGeneration both ways through the commands' own functions, against transformers, float32."""

import pytest
import torch
import transformers

from trenza.checkpoints import public
from trenza.errors import WeightsError

SIZES = {
    "vocab_size": 120, "num_mel_bins": 80, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "d_model": 32,
    "max_source_positions": 100, "max_target_positions": 24, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "decoder_start_token_id": 1,
}  # fmt: skip


def whisper(**changes):
    torch.manual_seed(0)
    model = transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**SIZES | changes)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return model


def test_both_ways_with_equal_logits(tmp_path):
    reference = whisper()
    reference.save_pretrained(tmp_path / "theirs")
    assert public.import_folder(tmp_path / "theirs", tmp_path / "ours") == "whisper"
    _, ours = public.load(tmp_path / "ours")
    public.export_folder(tmp_path / "ours", tmp_path / "back")
    back, report = type(reference).from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    rng = torch.Generator().manual_seed(1)
    batch = {
        "input_features": torch.randn(2, 80, 200, generator=rng),
        "decoder_input_ids": torch.randint(120, (2, 7), generator=rng),
    }
    with torch.no_grad():
        expected, returned = reference(**batch).logits, back.eval()(**batch).logits
        got = ours.decoder(batch["decoder_input_ids"], ours.encoder(batch["input_features"]))
    assert expected.std() > 0.05
    assert (got - expected).abs().max() < 1e-4
    assert (returned - expected).abs().max() < 1e-4
    assert (ours.config.start, ours.config.end) == (1, 2)
    assert back.config.decoder_start_token_id == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"decoder_ffn_dim": 32}, "decoder_ffn_dim 32 differ"), ({"scale_embedding": True}, "scale_embedding True")],
)
def test_what_is_not_covered_is_named(changes, message, tmp_path):
    whisper(**changes).save_pretrained(tmp_path / "theirs")
    with pytest.raises(WeightsError, match=message):
        public.import_folder(tmp_path / "theirs", tmp_path / "ours")
    assert not (tmp_path / "ours").exists()

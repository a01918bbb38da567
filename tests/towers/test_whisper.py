"""Whisper against transformers: features, encoder, decoder and greedy text, float32."""

import numpy as np
import pytest
import torch
import transformers

from trenza.layers.cache import KVCache
from trenza.towers import whisper


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(0)
    config = transformers.WhisperConfig(
        vocab_size=120, num_mel_bins=80, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, d_model=32,
        max_source_positions=100, max_target_positions=24, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1, suppress_tokens=[], begin_suppress_tokens=[],
    )  # fmt: skip
    reference = transformers.WhisperForConditionalGeneration(config).eval()
    for name, parameter in reference.named_parameters():
        if "encoder.embed_positions" not in name:
            torch.nn.init.normal_(parameter, std=0.15)
    return whisper.build(config.to_dict(), reference.state_dict(), torch.float32), reference


def test_log_mel_equals_the_reference_features():
    rng = np.random.default_rng(0)
    seconds = np.arange(3 * 16000) / 16000
    samples = (0.3 * np.sin(2 * np.pi * 440 * seconds) + 0.01 * rng.standard_normal(len(seconds))).astype(np.float32)
    extractor = transformers.WhisperFeatureExtractor(feature_size=80)
    expected = extractor(samples, sampling_rate=16000, return_tensors="pt").input_features[0]
    got = whisper.log_mel(whisper.pad_seconds(torch.from_numpy(samples), 30))
    assert got.shape == (80, 3000)
    assert (got - expected).abs().max() < 1e-3


def test_encoder_and_decoder_equal_the_reference(pair):
    ours, reference = pair
    rng = torch.Generator().manual_seed(1)
    mel = torch.randn(2, 80, 200, generator=rng)
    tokens = torch.randint(120, (2, 7), generator=rng)
    with torch.no_grad():
        expected = reference(input_features=mel, decoder_input_ids=tokens)
        features = ours.encoder(mel)
        assert (features - expected.encoder_last_hidden_state).abs().max() < 1e-4
        assert (ours.decoder(tokens, features) - expected.logits).abs().max() < 1e-4


def test_decoding_in_pieces_gives_the_same_logits(pair):
    ours, _ = pair
    features = torch.randn(1, 40, 32, generator=torch.Generator().manual_seed(2))
    tokens = torch.randint(120, (1, 6), generator=torch.Generator().manual_seed(3))
    whole = ours.decoder(tokens, features)
    cache = KVCache(2, 1, 4, 24, 8)
    context = [block.cross.keys_values(features) for block in ours.decoder.blocks]
    pieces = [ours.decoder(piece, context, cache) for piece in tokens.split([4, 1, 1], 1)]
    assert (torch.cat(pieces, 1) - whole).abs().max() < 1e-4


def test_greedy_text_equals_the_reference(pair):
    ours, reference = pair
    mel = torch.randn(1, 80, 200, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        tokens = torch.tensor([[1]])
        features = reference.model.encoder(mel).last_hidden_state
        for _ in range(10):
            logits = reference(encoder_outputs=(features,), decoder_input_ids=tokens).logits[0, -1]
            if int(logits.argmax()) == 2:
                break
            tokens = torch.cat([tokens, logits.argmax().view(1, 1)], 1)
    got = list(ours.transcribe(ours.encoder(mel), [1], end=2))[:10]
    assert got == tokens[0, 1:].tolist()


def test_padding_cuts_and_fills_to_the_exact_length():
    assert whisper.pad_seconds(torch.ones(10), 0.01).shape == (160,)
    assert whisper.pad_seconds(torch.ones(400), 0.01).sum() == 160

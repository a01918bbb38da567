"""WhisperForConditionalGeneration of transformers, both ways."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trenza.checkpoints.public.names import Names
from trenza.checkpoints.settings import parse
from trenza.errors import WeightsError
from trenza.towers.whisper import BLOCK_NAMES, Whisper, WhisperConfig

SYSTEM = "whisper"
_NAMES = Names({
    **{
        f"model.{half}.layers.{{}}.{theirs}": f"{half}.blocks.{{}}.{ours}"
        for half in ("encoder", "decoder") for theirs, ours in BLOCK_NAMES.items()
    },
    "model.encoder.conv1": "encoder.conv1",
    "model.encoder.conv2": "encoder.conv2",
    "model.encoder.embed_positions.weight": "encoder.positions",
    "model.encoder.layer_norm": "encoder.norm",
    "model.decoder.embed_tokens": "decoder.embedding",
    "model.decoder.embed_positions.weight": "decoder.positions",
    "model.decoder.layer_norm": "decoder.norm",
}, ignored=("proj_out.weight",))  # fmt: skip
# What WhisperConfig has and one of our sizes stands for two of.
_SAME = (("encoder_attention_heads", "decoder_attention_heads"), ("encoder_ffn_dim", "decoder_ffn_dim"))
_FIXED = {"activation_function": "gelu", "scale_embedding": False, "tie_word_embeddings": True}


def build(config: Mapping[str, Any]) -> Whisper:
    return Whisper(parse(WhisperConfig, config))


def read(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Whisper:
    for first, second in _SAME:
        if config[first] != config[second]:
            raise WeightsError(f"{first} {config[first]} and {second} {config[second]} differ; covered: equal ones")
    for name, value in _FIXED.items():
        if config.get(name, value) != value:
            raise WeightsError(f"{name} {config[name]!r} isn't covered; covered: {value!r}")
    with torch.device("meta"):
        model = Whisper(WhisperConfig.from_transformers(config))
    return _NAMES.fit(model, weights)


def write(model: Whisper) -> tuple[dict[str, Any], dict[str, Tensor]]:
    c = model.config
    return {
        "architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", "is_encoder_decoder": True,
        "d_model": c.width, "encoder_layers": c.encoder_layers, "decoder_layers": c.decoder_layers,
        "encoder_attention_heads": c.heads, "decoder_attention_heads": c.heads, "encoder_ffn_dim": c.inner,
        "decoder_ffn_dim": c.inner, "num_mel_bins": c.mels, "vocab_size": c.vocabulary,
        "max_source_positions": c.audio_tokens, "max_target_positions": c.text_tokens,
        "decoder_start_token_id": c.start, "eos_token_id": c.end, "bos_token_id": c.end, "pad_token_id": c.end,
        **_FIXED,
    }, _NAMES.theirs(model.state_dict())  # fmt: skip

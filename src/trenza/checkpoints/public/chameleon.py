"""ChameleonForConditionalGeneration of transformers, both ways."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from trenza.checkpoints.public.clip import settings
from trenza.checkpoints.public.halves import built, language_config, language_names
from trenza.checkpoints.public.names import Names
from trenza.checkpoints.settings import parse
from trenza.errors import WeightsError
from trenza.systems.chameleon import Chameleon, ChameleonConfig
from trenza.towers.vqgan import VQConfig

SYSTEM = "chameleon"
_VQ, _LEVEL = "model.vqmodel.encoder", "pictures.levels.{}"
_RESIDUAL = {**{x: x for x in ("norm1", "conv1", "norm2", "conv2")}, "nin_shortcut": "skip"}
_ATTENTION = {**{x: x for x in ("norm", "q", "k", "v")}, "proj_out": "out"}
_NAMES = Names({
    **language_names("model"),
    f"{_VQ}.conv_in": "pictures.stem",
    **{f"{_VQ}.down.{{}}.block.{{}}.{a}": f"{_LEVEL}.blocks.{{}}.{b}" for a, b in _RESIDUAL.items()},
    **{f"{_VQ}.down.{{}}.attn.{{}}.{a}": f"{_LEVEL}.attention.{{}}.{b}" for a, b in _ATTENTION.items()},
    f"{_VQ}.down.{{}}.downsample.conv": f"{_LEVEL}.halve",
    **{f"{_VQ}.mid.block_1.{a}": f"pictures.middle.0.{b}" for a, b in _RESIDUAL.items()},
    **{f"{_VQ}.mid.attn_1.{a}": f"pictures.middle.1.{b}" for a, b in _ATTENTION.items()},
    **{f"{_VQ}.mid.block_2.{a}": f"pictures.middle.2.{b}" for a, b in _RESIDUAL.items()},
    f"{_VQ}.norm_out": "pictures.norm",
    f"{_VQ}.conv_out": "pictures.out",
    "model.vqmodel.quant_conv": "pictures.project",
    "model.vqmodel.post_quant_conv": "pictures.back",
    "model.vqmodel.quantize.embedding": "pictures.codebook",
})  # fmt: skip
# ChameleonConfig's and ChameleonVQVAEConfig's defaults.
_DEFAULTS = {
    "vocab_size": 65536, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "rms_norm_eps": 1e-5, "swin_norm": False, "mlp_bias": False,
}  # fmt: skip
_VQ_DEFAULTS = {
    "embed_dim": 256, "num_embeddings": 8192, "double_latent": False, "latent_channels": 256, "resolution": 512,
    "in_channels": 3, "base_channels": 128, "channel_multiplier": [1, 1, 2, 2, 4], "num_res_blocks": 2,
    "attn_type": "vanilla", "attn_resolutions": [],
}  # fmt: skip


def build(config: Mapping[str, Any]) -> Chameleon:
    return Chameleon(parse(ChameleonConfig, config))


def read(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Chameleon:
    theirs = settings(config, _DEFAULTS)
    if theirs["mlp_bias"]:
        raise WeightsError("mlp_bias true isn't covered; Chameleon's MLPs have no biases")
    language = language_config(theirs | {"model_type": "llama"})
    block = replace(language.block, qk_norm="head_layer", norm_after=bool(theirs["swin_norm"]))
    vocabulary = config.get("vocabulary_map") or {}
    pictures = _pictures(settings(config.get("vq_config"), _VQ_DEFAULTS))
    named = sum(token.startswith("IMGIMG") for token in vocabulary)
    if "<image>" not in vocabulary or named != pictures.codes:
        raise WeightsError(f"vocabulary_map must name <image> and the {pictures.codes} codes; it names {named} codes")
    made = ChameleonConfig(replace(language, block=block), pictures, dict(vocabulary))
    return _NAMES.fit(built(Chameleon, made), weights)


def _pictures(theirs: Mapping[str, Any]) -> VQConfig:
    if theirs["attn_type"] != "vanilla" or theirs["double_latent"]:
        raise WeightsError("vq_config: covered are attn_type 'vanilla' and double_latent false")
    stem = theirs["base_channels"]
    return VQConfig(
        theirs["resolution"], theirs["in_channels"], stem, tuple(stem * m for m in theirs["channel_multiplier"]),
        theirs["num_res_blocks"], tuple(theirs["attn_resolutions"]), theirs["latent_channels"], theirs["embed_dim"],
        theirs["num_embeddings"],
    )  # fmt: skip


def write(model: Chameleon) -> tuple[dict[str, Any], dict[str, Tensor]]:
    language, vq = model.config.language, model.config.pictures
    block = language.block
    return {
        "architectures": ["ChameleonForConditionalGeneration"], "model_type": "chameleon",
        "vocab_size": language.vocabulary, "hidden_size": block.width, "intermediate_size": block.inner,
        "num_hidden_layers": language.layers, "num_attention_heads": block.heads,
        "num_key_value_heads": block.kv_heads or block.heads, "hidden_act": block.activation,
        "rms_norm_eps": block.eps, "attention_bias": block.bias == "qkvo", "mlp_bias": False,
        "swin_norm": block.norm_after, "tie_word_embeddings": language.tied,
        "rope_parameters": {"rope_type": "default", "rope_theta": language.rope_theta},
        "vocabulary_map": model.config.vocabulary,
        "vq_config": {
            "resolution": vq.resolution, "in_channels": vq.channels, "base_channels": vq.stem,
            "channel_multiplier": [width // vq.stem for width in vq.widths], "num_res_blocks": vq.blocks,
            "attn_resolutions": list(vq.attended), "latent_channels": vq.latent, "embed_dim": vq.code_width,
            "num_embeddings": vq.codes, "attn_type": "vanilla", "double_latent": False,
        },
    }, _NAMES.theirs(model.state_dict())  # fmt: skip

"""transformers' LlavaForConditionalGeneration, built from the weights of one of our LLaVA systems.

The language model is theirs with our weights, and so are placeholders, splice, masks, positions, cache and
generation. Only the two modules between pixels and splice are ours, since no public format holds them.
"""

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from trenza.systems.braid import Braid, Braided
from trenza.towers import language
from trenza.towers.language import LanguageModel


class _Tower(nn.Module):
    """Looks like a vision tower of transformers: pixels in, hidden states out."""

    def __init__(self, braid: Braid):
        super().__init__()
        self.braid = braid

    def forward(self, pixel_values: Tensor, **_) -> BaseModelOutput:
        features = self.braid.picture_features(pixel_values)
        return BaseModelOutput(last_hidden_state=features, hidden_states=(features,))


class _Projector(nn.Module):
    def __init__(self, braid: Braid, dtype: torch.dtype):
        super().__init__()
        self.braid = braid
        self.dtype = dtype

    def forward(self, features: Tensor) -> Tensor:
        return torch.stack([self.braid.picture_tokens(f[None]) for f in features]).to(self.dtype)


def bare(model: LanguageModel, image_token: int) -> LlavaForConditionalGeneration:
    """Their model around our language model's weights, added tokens included, with nothing between pixels and splice.

    `image_token`: a token number that no text uses; it must be given once for each media token.
    """
    block, table = model.config.block, model.embedding.weight
    if model.added is not None:
        table = torch.cat([table, model.added.to(table.dtype)]).detach()
    text = LlamaConfig(
        vocab_size=len(table), hidden_size=block.width, intermediate_size=block.inner,
        num_hidden_layers=model.config.layers, num_attention_heads=block.heads,
        num_key_value_heads=block.kv_heads, head_dim=block.head_width, rms_norm_eps=block.eps,
        rope_parameters={"rope_type": "default", "rope_theta": model.config.rope_theta},
        tie_word_embeddings=model.config.tied, max_position_embeddings=8192, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    vision = CLIPVisionConfig(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=image_token, vision_feature_select_strategy="full",
        vision_feature_layer=0, tie_word_embeddings=model.config.tied,
    )  # fmt: skip
    config.text_config._attn_implementation = "sdpa"
    peer = LlavaForConditionalGeneration(config)
    own = {name: tensor for name, tensor in model.state_dict().items() if name != "added"}
    weights = language.to_transformers(own | {"embedding.weight": table})
    renamed = {
        name.replace("model.", "model.language_model.", 1) if name.startswith("model.") else name: tensor
        for name, tensor in weights.items()
    }
    if model.config.tied:
        renamed["lm_head.weight"] = table
    peer.model.vision_tower = nn.Identity()
    peer.model.multi_modal_projector = nn.Identity()
    peer.load_state_dict(renamed, strict=True)
    return peer.to(table.dtype)


def build(ours: Braided, image_token: int) -> LlavaForConditionalGeneration:
    """The first braid's peer, ready to answer. The braid is shared and keeps its own precision."""
    peer = bare(ours.language, image_token)
    peer.model.vision_tower = _Tower(ours.braid)
    peer.model.multi_modal_projector = _Projector(ours.braid, peer.dtype)
    return peer.eval()

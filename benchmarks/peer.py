"""transformers' LlavaForConditionalGeneration, built from the weights of one of our LLaVA systems.

The language model is theirs with our weights, and so are masks, positions, cache and generation. What stands before
the splice, pictures to tokens, is ours, since no public format holds it.
"""

import copy

import torch
from torch import Tensor, nn
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LogitsProcessor,
    LogitsProcessorList,
)

from trenza.conversation import Conversation
from trenza.layers.lowrank import merge
from trenza.systems import scoring
from trenza.systems.llava import Llava
from trenza.systems.looking import Allowed, masked
from trenza.systems.places import LOOKS
from trenza.systems.splice import splice
from trenza.systems.system_responder import SystemResponder
from trenza.towers import language
from trenza.towers.language import LanguageModel

IMAGE_TOKEN = 17  # one of SmolLM2's unused control tokens; no text of ours has it


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


def merged(system: Llava) -> LlavaForConditionalGeneration:
    """The peer of a system, its low-rank updates merged, ready to answer."""
    own = copy.deepcopy(system.language)
    merge(own)
    return bare(own, IMAGE_TOKEN).eval()


class Within(LogitsProcessor):
    """Evidence has the form that ours has."""

    def __init__(self, allowed: Allowed | None, end: int):
        self.allowed, self.end = allowed, end

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        rows = zip(scores, input_ids, strict=True)
        return torch.stack([masked(row, self.allowed, tokens.tolist(), self.end) for row, tokens in rows])


@torch.no_grad()
def answer(model: LlavaForConditionalGeneration, responder: SystemResponder, said: Conversation, most: int) -> str:
    """transformers' greedy answer behind the prompt that we make, read and cut as our own; `most` tokens of it.

    It may write as many tokens in all as ours, so that only answers which don't end cost it more.
    """
    example = responder.prompt(said).example
    (row,) = scoring.rows(responder.system, [example])
    before = splice(responder.system.language.embed, row)[None].to(model.dtype)
    mask = torch.ones(before.shape[:2], dtype=torch.long)
    within = LogitsProcessorList([Within(responder.system.allowed(example), responder.end)])
    made = model.generate(
        inputs_embeds=before, attention_mask=mask, max_new_tokens=most + LOOKS + 1, do_sample=False,
        logits_processor=within,
    )  # fmt: skip
    tokens = made[0].tolist()
    tokens = tokens[: tokens.index(responder.end)] if responder.end in tokens else tokens
    return responder._read(tokens[: len(tokens) - max(0, len(responder._said(tokens)) - most)], said)[0]

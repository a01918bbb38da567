"""CLIP's and SigLIP's vision towers against transformers, float32."""

import pytest
import torch
import transformers

from trenza.towers import vit

TINY = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("make_config", "make_model"),
    [
        (transformers.CLIPVisionConfig, transformers.CLIPVisionModel),
        (transformers.SiglipVisionConfig, transformers.SiglipVisionModel),
    ],
)
def test_tokens_equal_the_reference(make_config, make_model):
    torch.manual_seed(0)
    reference = make_model(make_config(**TINY, attn_implementation="eager")).eval()
    for parameter in reference.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    config = vit.ViTConfig.from_transformers(reference.config.to_dict())
    ours = vit.ViT(config).eval()
    ours.load_state_dict(vit.from_transformers(reference.state_dict()))
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = reference(pixels, output_hidden_states=True)
        before_last = ours(pixels, skip_last=1)
        tokens = ours(pixels)
    assert (before_last - expected.hidden_states[-2]).abs().max() < 1e-4
    if config.clip:  # transformers norms only the class token, at the very end
        assert (tokens[:, 0] - expected.pooler_output).abs().max() < 1e-4
    else:
        assert (tokens - expected.last_hidden_state).abs().max() < 1e-4

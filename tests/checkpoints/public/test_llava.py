"""LlavaForConditionalGeneration both ways through the commands' own functions, against transformers, float32."""

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from trenza.checkpoints import public
from trenza.errors import WeightsError
from trenza.systems.examples import Example, Medium, Turn

IMAGE = 59
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
VISION = {**SIZES, "image_size": 32, "patch_size": 8}
TEXT = {**SIZES, "vocab_size": 60, "num_key_value_heads": 2}


def llava(vision, text, **changes):
    return transformers.LlavaForConditionalGeneration(
        transformers.LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE, **changes)
    )


def clip(**changes):
    return llava(transformers.CLIPVisionConfig(**VISION), transformers.LlamaConfig(**TEXT), **changes)


def siglip(**changes):
    text = transformers.Qwen2Config(**TEXT, tie_word_embeddings=True)
    return llava(
        transformers.SiglipVisionConfig(**VISION), text, **{"vision_feature_select_strategy": "full"} | changes
    )  # fmt: skip


def random(model):
    rng = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=rng)
    return model.eval()


MODELS = {
    "clip": clip,
    "clip with its class token, last layer": lambda: clip(
        vision_feature_select_strategy="full", vision_feature_layer=-1
    ),
    "clip, mistral, a layer from the front": lambda: llava(
        transformers.CLIPVisionConfig(**VISION),
        transformers.MistralConfig(**TEXT, sliding_window=64),
        vision_feature_layer=1,
    ),
    "siglip, qwen2": siglip,
}


@pytest.mark.parametrize("name", MODELS)
def test_both_ways_with_equal_logits(name, tmp_path):
    reference = random(MODELS[name]())
    reference.save_pretrained(tmp_path / "theirs")
    assert public.import_folder(tmp_path / "theirs", tmp_path / "ours") == "llava_public"
    _, ours = public.load(tmp_path / "ours")
    public.export_folder(tmp_path / "ours", tmp_path / "back")
    back, report = type(reference).from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))

    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    first, second = (Medium("image", features[None]) for features in ours.see(pixels))
    count = first.features.shape[1]
    tokens = torch.tensor([[1, 5, *[IMAGE] * count, 6, *[IMAGE] * count, 7, 8, 9]])
    page = Example([1, 5], (first,), (Turn([6], []),))
    with torch.no_grad():
        row = [*ours.prompts([Example([], (second,), (), before=(page,))])[0], [7, 8, 9]]
        logits = ours.language.logits(ours.hidden([row]))
        expected = reference(input_ids=tokens, pixel_values=pixels).logits
        returned = back.eval()(input_ids=tokens, pixel_values=pixels).logits
        other = reference(input_ids=tokens, pixel_values=pixels.flip(0)).logits
    assert expected.std() > 0.05 and (other - expected).abs().max() > 1e-2
    assert (logits - expected).abs().max() < 1e-4
    assert (returned - expected).abs().max() < 1e-4


def test_names_of_all_years_are_read(tmp_path):
    reference = random(clip())
    reference.save_pretrained(tmp_path / "theirs")
    file = tmp_path / "theirs" / "model.safetensors"
    save_file({"model." * ("lm_head" not in n) + n: t for n, t in _new_names(load_file(file)).items()}, file)
    public.import_folder(tmp_path / "theirs", tmp_path / "ours")
    _, ours = public.load(tmp_path / "ours")
    assert torch.equal(ours.language.head.weight, reference.lm_head.weight)
    assert torch.equal(ours.vision.patch.weight, reference.model.vision_tower.embeddings.patch_embedding.weight)


def _new_names(weights):
    return {
        n.replace("language_model.model.", "language_model.")
        .replace("language_model.lm_head", "lm_head")
        .replace("vision_tower.", "vision_tower.vision_model."): t
        for n, t in weights.items()
    }


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: clip(vision_feature_layer=[-2, -1]), "vision_feature_layer"),
        (lambda: siglip(vision_feature_select_strategy="default"), "'full' is covered"),
        (lambda: siglip(vision_feature_layer=-1), "a layer before the last"),
        (lambda: clip(multimodal_projector_bias=False), "projector"),
    ],
    ids=["two layers", "siglip without its first", "siglip's last", "no bias"],
)
def test_what_is_not_covered_is_named(make, named, tmp_path):
    make().save_pretrained(tmp_path / "theirs")
    with pytest.raises(WeightsError, match=named):
        public.import_folder(tmp_path / "theirs", tmp_path / "ours")
    assert not (tmp_path / "ours").exists()

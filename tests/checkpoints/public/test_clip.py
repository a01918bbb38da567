"""CLIPModel and SiglipModel both ways through the commands' own functions, against transformers, float32."""

import pytest
import torch
import transformers

from trenza.checkpoints import public

TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT = {**TOWER, "vocab_size": 60, "max_position_embeddings": 12, "bos_token_id": 58, "eos_token_id": 59}
VISION = {**TOWER, "image_size": 32, "patch_size": 8}
END = 59


def clip(end: int = END):
    text = TEXT | {"eos_token_id": end}
    return transformers.CLIPModel(transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=16))


def siglip():
    return transformers.SiglipModel(transformers.SiglipConfig(text_config=TEXT, vision_config=VISION))


def random(model):
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2, generator=generator)
    return model.eval()


def inputs() -> dict[str, torch.Tensor]:
    """Three texts that end early, with other tokens behind the end."""
    rng = torch.Generator().manual_seed(1)
    tokens = torch.randint(3, 50, (3, 12), generator=rng)
    tokens[0, 11] = tokens[1, 5] = tokens[2, 1] = END
    return {"input_ids": tokens, "pixel_values": torch.randn(4, 3, 32, 32, generator=rng)}


@pytest.mark.parametrize("make", [clip, siglip, lambda: clip(end=2)], ids=["clip", "siglip", "clip before 2023"])
def test_both_ways_with_equal_embeddings_and_logits(make, tmp_path):
    reference = random(make())
    reference.save_pretrained(tmp_path / "theirs")
    public.import_folder(tmp_path / "theirs", tmp_path / "ours")
    _, ours = public.load(tmp_path / "ours")
    public.export_folder(tmp_path / "ours", tmp_path / "back")
    back, report = type(reference).from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    batch = inputs()
    with torch.no_grad():
        expected, returned = reference(**batch), back.eval()(**batch)
        images = ours.embed("image", batch["pixel_values"])
        texts = ours.embed("text", batch["input_ids"])
        logits = ours.similarity(images, texts)
    assert expected.logits_per_image.std() > 0.05  # the check is of something
    assert (images - expected.image_embeds).abs().max() < 1e-4
    assert (texts - expected.text_embeds).abs().max() < 1e-4
    assert (logits - expected.logits_per_image).abs().max() < 1e-4
    assert (returned.logits_per_image - expected.logits_per_image).abs().max() < 1e-4


def test_half_precision_stays_half(tmp_path):
    random(clip()).to(torch.float16).save_pretrained(tmp_path / "theirs")
    public.import_folder(tmp_path / "theirs", tmp_path / "ours")
    public.export_folder(tmp_path / "ours", tmp_path / "back")
    assert transformers.CLIPModel.from_pretrained(tmp_path / "back").dtype == torch.float16

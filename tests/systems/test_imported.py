"""Imported checkpoints answer through MODEL: pictures as transformers prepares them, the same greedy tokens."""

import shutil

import numpy as np
import pytest
import tiny_checkpoints
import torch
import transformers
from PIL import Image as Pillow
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil

from trenza.checkpoints import public
from trenza.conversation import Conversation
from trenza.errors import UsageError, WeightsError
from trenza.signals import Audio, Image, Video
from trenza.systems import load
from trenza.systems.answering import Sampling
from trenza.systems.imported import PLAIN, Pictures
from trenza.systems.references import pictures

HOUSE, CAR = pictures()[2], pictures()[4]
SOUND = Audio(np.zeros(16_000, np.float32))


def llava(folder):
    theirs = tiny_checkpoints.llava(folder)
    return transformers.LlavaForConditionalGeneration.from_pretrained(theirs).eval()


def idefics(folder):
    words = tiny_checkpoints.tokenizer()
    tiny = {"embed_dim": 32, "image_size": 28, "patch_size": 14, "intermediate_size": 64, "num_hidden_layers": 2}
    config = transformers.IdeficsConfig(
        **tiny_checkpoints._text_config(words), additional_vocab_size=2, use_resampler=True,
        alpha_initializer="ones", vision_config={**tiny, "num_attention_heads": 2},
        perceiver_config={"use_resampler": True, "resampler_n_latents": 4, "resampler_depth": 1,
                          "resampler_n_heads": 2, "resampler_head_dim": 8},
    )  # fmt: skip
    model = transformers.IdeficsForVisionText2Text(config)
    tiny_checkpoints._save(folder, model, words, IdeficsImageProcessorPil(image_size=28))
    return model.eval()


def blip2(folder):
    words = tiny_checkpoints.tokenizer()
    text = transformers.OPTConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=64,
        word_embed_proj_dim=32, max_position_embeddings=300, eos_token_id=words.eos_token_id,
    )  # fmt: skip
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.Blip2Config(
        vision_config=transformers.Blip2VisionConfig(**sizes, image_size=28, patch_size=14), text_config=text,
        qformer_config=transformers.Blip2QFormerConfig(**sizes), num_query_tokens=3, image_token_index=5,
    )  # fmt: skip
    model = transformers.Blip2ForConditionalGeneration(config)
    tiny_checkpoints._save(folder, model, words)
    return model.eval()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each checkpoint in transformers' format and in ours, once."""
    root = tmp_path_factory.mktemp("imported")
    folders = {}
    for make in (llava, idefics, blip2):
        reference = make(root / make.__name__ / "theirs")
        public.import_folder(root / make.__name__ / "theirs", root / make.__name__ / "ours")
        folders[make.__name__] = root / make.__name__ / "ours", reference
    return folders


@pytest.mark.parametrize("name", ["llava", "idefics", "blip2"])
def test_an_imported_folder_answers_and_its_pictures_matter(made, name):
    responder = load.responder(str(made[name][0]))
    answers = [
        responder.respond(Conversation.ask("What is this?", picture), Sampling(max_tokens=8))
        for picture in (HOUSE, CAR)
    ]
    assert all(np.isfinite(a.support.total) and a.support.total != 0 for a in answers if a.support)
    scores = [responder.score(Conversation.ask("What is this?", p), ["a", "b", "c"]) for p in (HOUSE, CAR)]
    assert not np.allclose(*scores, atol=1e-4)
    with pytest.raises(UsageError, match="can't take audio; it takes image"):
        responder.respond(Conversation.ask("What?", SOUND))


def test_llava_s_greedy_answer_is_transformers_own(made):
    folder, reference = made["llava"]
    responder = load.responder(str(folder))
    prompt = responder.prompt(Conversation.ask("What is this?", HOUSE))
    got = responder.system.generate(prompt.example, end=-1, most=10)
    picture = CLIPImageProcessorPil.from_pretrained(folder)(Pillow.fromarray(HOUSE.pixels), return_tensors="pt")
    token = reference.config.image_token_id
    count = prompt.example.media[0].features.shape[1]
    ids = [*prompt.example.opening, *[token] * count, *prompt.example.turns[0].question]
    expected = reference.generate(
        input_ids=torch.tensor([ids]), **picture, max_new_tokens=10, do_sample=False, eos_token_id=None
    )
    assert got == expected[0, len(ids) :].tolist()


def test_a_video_is_several_pictures_where_the_model_takes_them(made):
    frames = np.stack([HOUSE.pixels, CAR.pixels[: HOUSE.pixels.shape[0], : HOUSE.pixels.shape[1]]])
    film = Video(frames, np.array([0.0, 1.0]), None)
    assert load.responder(str(made["llava"][0])).respond(Conversation.ask("?", film), Sampling(max_tokens=2))
    with pytest.raises(UsageError, match="can't take video"):
        load.responder(str(made["blip2"][0])).respond(Conversation.ask("?", film))


@pytest.mark.parametrize("settings", [
    {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}},
    {"size": {"height": 28, "width": 28}, "do_center_crop": False},
])  # fmt: skip
def test_pictures_are_prepared_as_transformers_prepares_them(made, settings, tmp_path):
    processor = CLIPImageProcessorPil(**settings)
    ours = Pictures(public.load(made["llava"][0])[1], processor.to_dict())
    wide = Image(np.random.default_rng(0).integers(0, 256, (60, 91, 3), np.uint8))
    expected = processor(Pillow.fromarray(wide.pixels), return_tensors="pt")["pixel_values"]
    assert (ours.pixels([wide.pixels]) - expected).abs().max() < 1e-4


def test_a_checkpoint_that_ends_no_answer_is_refused(made, tmp_path):
    folder = shutil.copytree(made["blip2"][0], tmp_path / "ours")
    (folder / "generation_config.json").unlink()
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(WeightsError, match="eos_token"):
        load.responder(str(folder))


def test_without_a_template_questions_are_asked_as_blip2_was(made):
    responder = load.responder(str(made["blip2"][0]))
    prompt = responder.prompt(Conversation.ask("What?", HOUSE)).example
    decode = responder.tokenizer.decode
    assert decode(prompt.opening) == "Question: "
    assert decode(prompt.turns[0].question) == "What?\nAnswer:"
    assert PLAIN.endswith("Answer:")

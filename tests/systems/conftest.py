"""A tiny language model with random weights: everything of the real one but its size."""

import sys
from pathlib import Path

import pytest
import torch

from trenza.layers.block import BlockConfig
from trenza.towers.language import LanguageConfig, LanguageModel

sys.path.insert(0, str(Path(__file__).parent))  # for learning, tiny_checkpoints, openai_server, which tests share

WIDTH = 48


@pytest.fixture(scope="session")
def tiny() -> LanguageModel:
    torch.manual_seed(0)
    block = BlockConfig(
        WIDTH, 4, 64, kv_heads=2, head_width=12, bias="", norm="rms", eps=1e-5, activation="silu", gated=True
    )
    language = LanguageModel(LanguageConfig(97, 3, block, 10_000.0, tied=True))
    for parameter in language.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return language.eval().requires_grad_(False)

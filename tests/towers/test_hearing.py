"""The listener hears windows of any length side by side as it hears each alone."""

import torch

from trenza.towers.hearing import MOST_TOKENS, listen
from trenza.towers.whisper import Whisper, WhisperConfig


def test_the_listener_hears_no_padding():
    torch.manual_seed(1)
    listener = Whisper(WhisperConfig(32, 2, 64, 1, 1)).eval().requires_grad_(False).decoder
    windows = [torch.randn(150, 32) * 3, torch.randn(40, 32) * 3]
    together = listen(listener, windows)
    for window, (states, said) in zip(windows, together, strict=True):
        [(alone, same)] = listen(listener, [window])
        assert said == same and len(states) == len(said) <= MOST_TOKENS
        assert (states - alone).abs().max() < 1e-5

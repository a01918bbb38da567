"""The listener hears windows of any length side by side as it hears each alone."""

import torch

from trenza.towers.hearing import END, MOST_TOKENS, listen
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


def test_the_listener_says_words_only():
    """Whisper's vocabulary ends with marks, of languages and times: what was heard is none of them."""
    torch.manual_seed(1)
    listener = Whisper(WhisperConfig(32, 2, 64, 1, 1)).eval().requires_grad_(False).decoder
    window = torch.randn(40, 32) * 3
    (_, before), *_ = listen(listener, [window])
    assert before  # it says something
    listener.embedding.weight[END + 1 :] = listener.embedding.weight[before[0]] * 50  # marks are likelier than it
    (_, said), *_ = listen(listener, [window])
    assert all(token < END for token in said) and said[0] == before[0]

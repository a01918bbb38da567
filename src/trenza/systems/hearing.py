"""How sound is heard: cut into windows, each through Whisper's encoder on its own.

Whisper was trained on 30 s at once. The encoder works on shorter windows as well (its positions are
sinusoids that start anew), at a tenth of the cost; the bridge is trained on just these features.
"""

import torch
from torch import Tensor

from trenza.layers import masks
from trenza.towers.whisper import SAMPLE_RATE, TOKENS_PER_SECOND, Whisper, log_mel, pad_seconds

WINDOW_SECONDS = 3.0
MARGIN_TOKENS = 3  # a little silence after the end, so that the end itself is heard


def windows(samples: Tensor) -> list[Tensor]:
    """Samples [N] in pieces of at most 3 s; a last piece under 0.2 s goes with nothing of its own."""
    size = round(WINDOW_SECONDS * SAMPLE_RATE)
    pieces = list(samples.split(size)) or [samples]
    if len(pieces) > 1 and len(pieces[-1]) < SAMPLE_RATE // 5:
        pieces.pop()
    return pieces


@torch.no_grad()
def hear(whisper: Whisper, clips: list[Tensor]) -> list[Tensor]:
    """Clips of at most 3 s to features [tokens, width], 50 tokens a second, padding cut off."""
    if not clips:
        return []
    dtype = whisper.encoder.conv1.weight.dtype
    mel = log_mel(torch.stack([pad_seconds(c, WINDOW_SECONDS) for c in clips])).to(dtype)
    features = whisper.encoder(mel)
    lengths = [min(round(len(c) / SAMPLE_RATE * TOKENS_PER_SECOND) + MARGIN_TOKENS, features.shape[1]) for c in clips]
    return [f[:length] for f, length in zip(features, lengths, strict=True)]


def batch(features: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Features of several clips to one padded batch [B, S, width] and its mask [B, 1, 1, S]."""
    lengths = torch.tensor([len(f) for f in features])
    padded = torch.nn.utils.rnn.pad_sequence(features, batch_first=True)
    return padded, masks.padded(lengths, padded.shape[1])

"""How sound is heard: cut into windows, each through Whisper's encoder, then a listener says what it heard.

Whisper was trained on 30 s at once. The encoder works on shorter windows as well (its positions are
sinusoids that start anew), at a tenth of the cost; the decoder does not, it loops on them. So the listener is
Whisper's decoder, tuned to short windows. Its states, not its words, go on to the language model.
"""

import torch
from torch import Tensor

from trenza.layers import masks
from trenza.towers.whisper import SAMPLE_RATE, TOKENS_PER_SECOND, Whisper, WhisperDecoder, log_mel, pad_seconds

WINDOW_SECONDS = 3.0
MARGIN_TOKENS = 3  # a little silence after the end, so that the end itself is heard
PROMPT, END = (50257, 50362), 50256  # <|startoftranscript|><|notimestamps|>, <|endoftext|> of tiny.en
MOST_TOKENS = 20  # nobody says more in 3 s


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


@torch.no_grad()
def listen(listener: WhisperDecoder, features: list[Tensor]) -> list[tuple[Tensor, list[int]]]:
    """Features of windows to what was heard in each: states [n, width] and the n tokens they stand for, greedy.

    n differs from window to window and is 0 where nothing is said.
    """
    if not features:
        return []
    padded, mask = batch(features)
    tokens = torch.tensor([PROMPT]).expand(len(features), -1)
    over = torch.zeros(len(features), dtype=torch.bool)
    for _ in range(MOST_TOKENS + 1):  # without a cache: the sequences are short
        states = listener.states(tokens, padded, heard=mask)
        following = listener.logits(states[:, -1]).argmax(-1).masked_fill(over, END)
        tokens = torch.cat([tokens, following[:, None]], 1)
        over = over | (following == END)
        if over.all():
            break
    said = tokens[:, len(PROMPT) :]
    counts = (said != END).sum(1).clamp(max=MOST_TOKENS).tolist()
    first = len(PROMPT) - 1  # the state at a token is the one that foretells the next
    return [(row[first : first + n], spoken[:n].tolist()) for row, spoken, n in zip(states, said, counts, strict=True)]

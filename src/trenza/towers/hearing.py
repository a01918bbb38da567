"""How sound is heard: cut into windows, each through Whisper's encoder, then a listener says what it heard.

Whisper was trained on 30 s at once. The encoder works on shorter windows as well (its positions are
sinusoids that start anew), at a tenth of the cost; the decoder does not, it loops on them. So the listener is
Whisper's decoder, tuned to short windows.
"""

import torch
from torch import Tensor

from trenza.layers import masks
from trenza.layers.cache import KVCache
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
    config, count = listener.config, len(features)
    room = len(PROMPT) + MOST_TOKENS
    cache = KVCache(config.decoder_layers, count, config.heads, room, config.width // config.heads, padded.dtype)
    # What is heard doesn't change while the words come: its keys and values are made once a layer.
    context = listener.remember(padded)
    tokens = torch.tensor([PROMPT]).expand(count, -1)
    over = torch.zeros(count, dtype=torch.bool)
    states: list[Tensor] = []
    said: list[Tensor] = []
    while len(said) < MOST_TOKENS and not over.all():
        state = listener.states(tokens, context, cache, mask)[:, -1]  # it foretells the next token
        following = listener.logits(state)[:, : END + 1].argmax(-1)  # words or the end; marks stand behind them
        over = over | (following == END)
        states.append(state)
        said.append(following.masked_fill(over, END))
        tokens = said[-1][:, None]
    together = torch.stack(states, 1)
    words = torch.stack(said, 1)
    counts = (words != END).sum(1).tolist()
    return [(row[:n], spoken[:n].tolist()) for row, spoken, n in zip(together, words, counts, strict=True)]

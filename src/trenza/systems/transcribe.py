"""Speech to text with Whisper, on the encoder-decoder path that PaLI runs on (towers/encoder_decoder.py).

Whisper hears 30 s at once (Radford et al. 2022, section 2.2). Longer recordings are cut where the last five seconds
of a window are quietest, so that no word is cut in two, and each window is transcribed by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from trenza.checkpoints.tokenizer import Tokenizer
from trenza.errors import UsageError
from trenza.towers.whisper import CHUNK_SECONDS, SAMPLE_RATE, Whisper, log_mel, pad_seconds

SEARCH_SECONDS, QUIET_SECONDS = 5, 0.2  # where a window may end, and how long it should be quiet there
ENGLISH_VOCABULARY = 51864  # the English models have no tokens of languages and tasks in their prompt


@dataclass(frozen=True)
class Segment:
    """What was said between two times, in seconds."""

    start: float
    end: float
    text: str


def windows(samples: Tensor) -> Iterator[tuple[int, int]]:
    """Begin and end, in samples, of windows of at most 30 s that cover samples [N]."""
    most, search, quiet = (round(s * SAMPLE_RATE) for s in (CHUNK_SECONDS, SEARCH_SECONDS, QUIET_SECONDS))
    begin = 0
    while len(samples) - begin > most:
        tail = samples[begin + most - search : begin + most].square()
        loudness = torch.nn.functional.avg_pool1d(tail[None, None], quiet, quiet // 4)[0, 0]
        end = begin + most - search + int(loudness.argmin()) * (quiet // 4) + quiet // 2
        yield begin, end
        begin = end
    yield begin, len(samples)


class Transcriber:
    """`language`: what a multilingual model is told to write, ISO 639-1; the English ones know only "en"."""

    def __init__(self, whisper: Whisper, tokenizer: Tokenizer, language: str = "en"):
        self.whisper, self.tokenizer = whisper, tokenizer
        config = whisper.config
        if config.vocabulary > ENGLISH_VOCABULARY:
            asked = [tokenizer.token(f"<|{language}|>"), tokenizer.token("<|transcribe|>")]
        elif language == "en":
            asked = []
        else:
            raise UsageError(f"this Whisper model writes English only, not {language!r}; give a multilingual --model")
        self.prompt = [config.start, *asked, tokenizer.token("<|notimestamps|>")]
        # Text only: none of the tokens behind the text's own, and no empty beginning.
        self.never = [t for t in range(min(config.start, config.end), config.vocabulary) if t != config.end]
        self.never_first = [config.end, *tokenizer.encode(" ")]

    def tokens(self, samples: Tensor) -> list[int]:
        """Samples [N] of at most 30 s at 16 kHz to text tokens, greedy."""
        dtype = self.whisper.encoder.conv1.weight.dtype
        mel = log_mel(pad_seconds(samples, CHUNK_SECONDS), self.whisper.config.mels).to(dtype)
        features = self.whisper.encoder(mel[None])
        return list(
            self.whisper.transcribe(features, self.prompt, self.whisper.config.end, self.never, self.never_first)
        )

    def segments(self, samples: Tensor) -> Iterator[Segment]:
        """Samples [N] at 16 kHz to what is said, window by window."""
        for begin, end in windows(samples):
            text = self.tokenizer.decode(self.tokens(samples[begin:end])).strip()
            yield Segment(begin / SAMPLE_RATE, end / SAMPLE_RATE, text)

"""What happens in a sound and when: stretches of time, each with words if somebody speaks and names of what it may be.

Frames of 20 ms are judged by a small convolutional network over Whisper's encoder (inside an event? does one begin?
is it speech?); each event is then heard alone, by the listener if it is speech, and named by prototypes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trenza.towers import hearing
from trenza.towers.expected import Expected
from trenza.towers.whisper import SAMPLE_RATE, TOKENS_PER_SECOND, Whisper, WhisperConfig, WhisperDecoder, log_mel
from trenza.towers.whisper import pad_seconds as padded

MOST_EVENTS, MOST_WORDS, MOST_NAMES = 12, 20, 8
COLUMNS = 4 + MOST_WORDS + 2 * MOST_NAMES
WINDOW_SECONDS, MARGIN_SECONDS = 4.0, 0.5  # frames nearer to an edge are taken from the window before or after
FRAME = SAMPLE_RATE // TOKENS_PER_SECOND  # samples
BEFORE, AFTER = 0.06, 0.1  # seconds heard around an event
ATTACK = 8  # frames by which an instrument is known, since it rings on as others do
NOTHING = -1  # fills columns without a word


@dataclass(frozen=True)
class EventConfig:
    """names: (English, Spanish) of each sound that has a prototype. Numbers were chosen on splits of their own.

    inside: probability from which a frame belongs to an event; onset: from which an event begins after a short gap or
    in another's midst; pause: seconds of gap that no event bridges. said, carriers, lead: see `expected.Expected`.
    """

    listener: WhisperConfig
    names: tuple[tuple[str, str], ...]
    width: int = 96
    inside: float = 0.5
    onset: float = 0.5
    pause: float = 0.6
    said: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    lead: float = 0.0

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> "EventConfig":
        rest = {k: config[k] for k in ("width", "inside", "onset", "pause")}
        likely = {k: tuple(config[k]) for k in ("said", "carriers") if k in config}  # later detectors have them
        rest |= likely | ({"lead": config["lead"]} if likely else {})
        return cls(WhisperConfig(**config["listener"]), tuple((e, s) for e, s in config["names"]), **rest)


class FrameJudge(nn.Module):
    """Features [B, T, F] to logits [B, T, 3]: inside an event, one begins, it is speech. It looks 0.6 s either way."""

    def __init__(self, features: int, width: int):
        super().__init__()
        self.enter = nn.Linear(features, width)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation) for dilation in (1, 2, 4)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.leave = nn.Linear(width, 3)

    def forward(self, features: Tensor) -> Tensor:
        x = F.gelu(self.enter(features))
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + F.gelu(layer(norm(x).transpose(1, 2)).transpose(1, 2))
        return self.leave(x)


class Namer(nn.Module):
    """What a whole event sounds like [B, F] to logits [B, names]: likeness to each name's prototype."""

    def __init__(self, features: int, width: int, names: int):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(features), requires_grad=False)
        self.deviation = nn.Parameter(torch.ones(features), requires_grad=False)
        self.enter = nn.Linear(features, width)
        self.prototypes = nn.Linear(width, names)

    def forward(self, features: Tensor) -> Tensor:
        return self.prototypes(F.gelu(self.enter((features - self.mean) / self.deviation)))


@dataclass(frozen=True)
class Stretch:
    """Frames from `start` to `end`, the probability that they are speech, and the number of the event they are of."""

    start: int
    end: int
    said: float
    event: int


def frame_features(whisper: Whisper, samples: Tensor) -> Tensor:
    """Windows [B, N] to [B, N / 320, 465]: Whisper's encoder, log-mel bands and loudness of each frame."""
    mel = log_mel(samples)
    heard = whisper.encoder(mel.to(whisper.encoder.conv1.weight.dtype)).float()
    bands = mel.unflatten(-1, (-1, 2)).mean(-1).transpose(1, 2)
    loud = samples.unflatten(-1, (-1, FRAME)).square().mean(-1, keepdim=True).clamp(min=1e-9).log10() / 2 + 3
    return torch.cat([heard, bands, loud], -1)


def event_features(whisper: Whisper, clips: list[Tensor]) -> tuple[list[Tensor], Tensor]:
    """Clips of at most 3 s to what the listener takes (features [n, 384] each) and what the namer takes [B, F]."""
    mel = log_mel(torch.stack([padded(c, hearing.WINDOW_SECONDS) for c in clips]))
    depths = whisper.encoder.depths(mel.to(whisper.encoder.conv1.weight.dtype))
    last = whisper.encoder.norm(depths[-1])
    words, sounds = [], []
    for i, clip in enumerate(clips):
        count = max(round(len(clip) / FRAME), 3)
        words.append(last[i, : count + hearing.MARGIN_TOKENS])
        bands, third = mel[i, :, : 2 * count], max(2 * count // 3, 1)
        parts = [d[i, :count].float() for d in depths[:2]]
        sounds.append(torch.cat([
            *(s for p in parts for s in (p.mean(0), p.std(0), p[:ATTACK].mean(0))), bands.mean(1), bands.std(1),
            bands[:, :third].mean(1), bands[:, -third:].mean(1), bands.diff(dim=1).abs().mean(1),
        ]))  # fmt: skip
    return words, torch.stack(sounds)


def stretches(probabilities: Tensor, config: EventConfig) -> list[Stretch]:
    """Frames' probabilities [T, 3] to events in order of time.

    Stops and short pauses leave gaps in speech: after a gap, or within a run, an event begins only where an onset says
    so, or where the gap is longer than a pause.
    """
    inside, onset, said = probabilities.unbind(1)
    merged: list[list[int]] = []
    for start, end in runs(inside > config.inside):
        gap = start - merged[-1][1] if merged else len(inside)
        begins = float(onset[max(start - 3, 0) : start + 5].max()) > config.onset
        if merged and not begins and gap < config.pause * TOKENS_PER_SECOND:
            merged[-1][1] = end
        else:
            merged.append([start, end])
    pieces = [piece for start, end in merged for piece in _split(start, end, onset, config.onset)]
    long_enough = [(a, b) for a, b in pieces if b - a >= 2]
    return [Stretch(a, b, float(said[a:b].mean()), number) for number, (a, b) in enumerate(long_enough)]


def runs(flags: Tensor) -> list[tuple[int, int]]:
    """(first, end) of each run of True in [T]."""
    edges = torch.diff(F.pad(flags.int(), (1, 1))).nonzero().flatten().tolist()
    return [(s, e) for s, e in zip(edges[::2], edges[1::2], strict=True)]


def _split(start: int, end: int, onset: Tensor, threshold: float) -> list[tuple[int, int]]:
    """An event cut where another begins in its midst: at peaks of the onset 0.16 s or more from its ends."""
    highest = F.max_pool1d(onset[None], 9, 1, 4)[0]
    peaks = ((onset > threshold) & (onset == highest)).nonzero().flatten().tolist()
    cuts = [start]
    for frame in peaks:
        if frame - cuts[-1] >= 8 and frame < end - 8:
            cuts.append(frame)
    return list(pairwise([*cuts, end]))


class EventDetector(nn.Module):
    """Whisper hears, and is not kept with it; the listener's embedding and positions are Whisper's own as well."""

    def __init__(self, config: EventConfig, whisper: Whisper):
        super().__init__()
        self.config = config
        heard = whisper.config
        self.judge = FrameJudge(heard.width + heard.mels + 1, config.width)
        self.namer = Namer(6 * heard.width + 5 * heard.mels, 4 * config.width, len(config.names))
        self.listener = WhisperDecoder(config.listener, whisper.decoder)
        self._whisper = (whisper,)  # in a tuple, so that its weights are not this module's
        self.expected: Expected | None = None  # what is likely to be said

    @torch.no_grad()
    def detect(self, samples: Tensor, shown: Sequence[str] = ()) -> Tensor:
        """float32 [N] at 16 kHz, at most 30 s, to events float32 [K, 40] in order of time, K at most 12. shown: names
        of what stands in pictures beside it, which are likely to be said.

        Columns: 0 probability of speech; 1 start and 2 end in seconds; 3 level in dB (RMS, full scale is 0); 4-23
        numbers of Whisper's tokens for what is said, then -1; 24-31 numbers of the 8 likeliest names in the
        config, 32-39 their probabilities. Of more than 12 events the loudest stay.
        """
        found = stretches(self.probabilities(samples), self.config)
        pieces = [piece for stretch in found for piece in _pieces(stretch, samples)]
        if not pieces:
            return torch.zeros(0, COLUMNS)
        words, sounds = event_features(self._whisper[0], [_around(piece, samples) for piece in pieces])
        names = self.namer(sounds).softmax(-1)
        speech = [i for i, piece in enumerate(pieces) if piece.said > 0.5]
        listened = hearing.listen(self.listener, [words[i] for i in speech])
        said = {i: tokens for i, (_, tokens) in zip(speech, listened, strict=True)}
        if self.expected:
            said = {i: self.expected(self.listener, words[i], tokens, shown) for i, tokens in said.items()}
        rows = [_row(piece, samples, said.get(i, []), names[i]) for i, piece in enumerate(pieces)]
        table = torch.stack(_joined(rows, pieces))
        loudest = table[:, 3].topk(min(MOST_EVENTS, len(table))).indices.sort().values
        return table[loudest]

    def probabilities(self, samples: Tensor) -> Tensor:
        """Samples [N] to the judge's probabilities [T, 3], 50 frames a second."""
        count = -(-len(samples) // FRAME)
        size, hop = int(WINDOW_SECONDS * SAMPLE_RATE), int((WINDOW_SECONDS - 2 * MARGIN_SECONDS) * SAMPLE_RATE)
        number = 1 + max(0, -(-(len(samples) - size) // hop))
        windows = torch.stack([padded(samples[i * hop :], WINDOW_SECONDS) for i in range(number)])
        judged = self.judge(frame_features(self._whisper[0], windows)).sigmoid()
        margin, step = int(MARGIN_SECONDS * TOKENS_PER_SECOND), hop // FRAME
        middle = [judged[0, :margin], *(w[margin : margin + step] for w in judged), judged[-1, margin + step :]]
        return torch.cat(middle)[:count]


def _pieces(stretch: Stretch, samples: Tensor) -> list[Stretch]:
    """Speech longer than the listener hears is cut where it is quiet; of another sound the beginning stands for all."""
    most = int((hearing.WINDOW_SECONDS - BEFORE - AFTER) * TOKENS_PER_SECOND)
    cuts = [stretch.start]
    while stretch.said > 0.5 and stretch.end - cuts[-1] > most:
        earliest = cuts[-1] + most // 2
        loud = samples[earliest * FRAME : (cuts[-1] + most) * FRAME].unflatten(0, (-1, FRAME)).square().sum(1)
        cuts.append(earliest + int(F.avg_pool1d(loud[None], 5, 1, 2, count_include_pad=False).argmin()) + 1)
    return [replace(stretch, start=a, end=b) for a, b in pairwise([*cuts, stretch.end])]


def _around(piece: Stretch, samples: Tensor) -> Tensor:
    """What is heard of a piece, with a little around it."""
    begin = max(int(piece.start * FRAME - BEFORE * SAMPLE_RATE), 0)
    return samples[begin : int(piece.end * FRAME + AFTER * SAMPLE_RATE)][: int(hearing.WINDOW_SECONDS * SAMPLE_RATE)]


def _row(piece: Stretch, samples: Tensor, said: list[int], names: Tensor) -> Tensor:
    level = 10 * samples[piece.start * FRAME : piece.end * FRAME].square().mean().clamp(min=1e-9).log10()
    row = torch.full((COLUMNS,), float(NOTHING))
    row[:4] = torch.tensor([piece.said, piece.start / TOKENS_PER_SECOND, piece.end / TOKENS_PER_SECOND, level])
    row[4 : 4 + len(said)] = torch.tensor(said, dtype=torch.float)
    likeliest = names.topk(MOST_NAMES)
    row[24:32], row[32:] = likeliest.indices, likeliest.values
    return row


def _joined(rows: list[Tensor], pieces: list[Stretch]) -> list[Tensor]:
    """Pieces of one event become one row again, as long as their words have room."""
    joined: list[Tensor] = []
    for row, piece, before in zip(rows, pieces, [None, *pieces], strict=False):
        if before is not None and before.event == piece.event:
            said = [t for r in (joined[-1], row) for t in r[4:24].tolist() if t != NOTHING]
            if len(said) <= MOST_WORDS:
                joined[-1][2] = row[2]
                joined[-1][4 : 4 + len(said)] = torch.tensor(said)
                continue
        joined.append(row)
    return joined

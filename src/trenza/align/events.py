"""Trains the detector of events: the judge of frames on simulated tracks. Its namer comes from `soundnamer.py`.

    python -m trenza.align.events --out DIR [--listener FILE] [--tracks 3000] [--seed 0]

What Whisper's encoder made of the sounds is kept in DIR, so that a second run only trains. Train splits only.
"""

import argparse
import itertools
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from trenza.align.soundnames import sound_names
from trenza.align.soundtracks import Clip, Track, effects, played, spoken, track
from trenza.checkpoints.folder import save_folder
from trenza.data.worlds.sources import stock_of
from trenza.data.worlds.track import RATE
from trenza.towers import events
from trenza.towers.events import EventConfig, EventDetector, FrameJudge
from trenza.towers.whisper import TOKENS_PER_SECOND, Whisper, pad_seconds

NOTES_EACH = 24  # of an instrument and a hand
SPOKEN = 1200
HELD_OUT = 100  # tracks at the end, by which the thresholds are chosen
JUDGE_STEPS = 500


def judged_tracks(said: list[Clip], sounds: list[Clip], count: int, rng: np.random.Generator) -> list[Track]:
    """Tracks of one window each; some are the middle of a longer one, where an event has begun before."""
    made: list[Track] = []
    while len(made) < count:
        if rng.random() < 0.75:
            made.append(track(said, sounds, float(rng.choice([3.0, 4.0])), rng))
            continue
        long = track(said, sounds, 8.0, rng)
        begin = int(rng.integers(1, 16)) * RATE // 4
        shift, end = begin / RATE, begin / RATE + events.WINDOW_SECONDS
        inside = tuple((a - shift, b - shift, s) for a, b, s in long.events if b > shift and a < end)
        made.append(Track(long.samples[begin : begin + int(events.WINDOW_SECONDS * RATE)], inside))
    return made


def targets(made: Track, count: int) -> Tensor:
    """[count, 4]: inside, onset, speech, and whether the frame counts at all (padding after a short track doesn't)."""
    wanted = torch.zeros(count, 4)
    wanted[: round(len(made.samples) / RATE * TOKENS_PER_SECOND), 3] = 1
    for start, end, said in made.events:
        first, last = round(start * TOKENS_PER_SECOND), round(end * TOKENS_PER_SECOND)
        wanted[max(first, 0) : last, 0] = 1
        if first >= 0:
            wanted[max(first - 1, 0) : first + 2, 1] = 1
        wanted[max(first, 0) : last, 2] = float(said)
    return wanted


@torch.no_grad()
def heard_tracks(whisper: Whisper, made: list[Track], size: int = 16) -> tuple[Tensor, Tensor]:
    """Features [N, T, F] float16 and targets [N, T, 4]."""
    features = []
    for i in range(0, len(made), size):
        windows = [pad_seconds(torch.from_numpy(t.samples), events.WINDOW_SECONDS) for t in made[i : i + size]]
        features.append(events.frame_features(whisper, torch.stack(windows)).half())
    heard = torch.cat(features)
    return heard, torch.stack([targets(t, heard.shape[1]) for t in made])


def cosine(optimiser: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    return torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1, (s + 1) / 50) * (0.02 + 0.98 * (1 + math.cos(math.pi * s / steps)) / 2)
    )


def train_judge(judge: FrameJudge, heard: Tensor, wanted: Tensor, steps: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = cosine(optimiser, steps)
    for step in range(steps):
        rows = torch.randint(len(heard), (8,), generator=rng)
        features = heard[rows].float()
        features = features + torch.randn(features.shape, generator=rng) * 0.1
        logits, truth = judge(features), wanted[rows]
        counted, inside = truth[..., 3], truth[..., 0] * truth[..., 3]
        loss = F.binary_cross_entropy_with_logits(logits, truth[..., :3], reduction="none")
        total = (loss[..., 0] * counted).sum() / counted.sum() + 2 * (loss[..., 1] * counted).sum() / counted.sum()
        total = total + (loss[..., 2] * inside).sum() / inside.sum().clamp(min=1)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            print(f"judge step {step + 1} loss {total:.3f}", flush=True)


@torch.no_grad()
def settings(judge: FrameJudge, heard: Tensor, wanted: Tensor, config: EventConfig) -> EventConfig:
    """The thresholds by which most events of tracks that the judge never saw are found with an overlap of 0.7.

    Found is measured by F1, so that an event too many costs as much as one missed.
    """
    judged = [judge(h[None].float())[0].sigmoid() for h in heard]
    best, chosen = -1.0, config
    for inside, onset, pause in itertools.product((0.3, 0.5, 0.7), (0.1, 0.2, 0.3, 0.4, 0.6), (0.6,)):
        tried = replace(config, inside=inside, onset=onset, pause=pause)
        right = found = true = 0
        for probabilities, truth in zip(judged, wanted, strict=True):
            spans = events.runs(truth[:, 0] > 0)
            stretches = events.stretches(probabilities[truth[:, 3] > 0], tried)
            true, found = true + len(spans), found + len(stretches)
            right += sum(any(overlap(span, (s.start, s.end)) >= 0.7 for s in stretches) for span in spans)
        if 2 * right / (true + found) > best:
            best, chosen = 2 * right / (true + found), tried
    print(f"inside {chosen.inside} onset {chosen.onset} pause {chosen.pause}: F1 {best:.3f}", flush=True)
    return chosen


def overlap(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Intersection over union of two stretches of frames."""
    inside = max(0, min(a[1], b[1]) - max(a[0], b[0]))
    return inside / (a[1] - a[0] + b[1] - b[0] - inside)


def kept(file: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """What is made, and kept in `file` for the next run."""
    if file.is_file():
        print(f"{file} is there already and is used; delete it to hear everything again")
        return load_file(file)
    made = make()
    save_file(made, file)
    return made


def prepare(whisper: Whisper, count: int, seed: int) -> dict[str, Tensor]:
    """All features and targets."""
    rng = np.random.default_rng(seed)
    stock = stock_of("train", ("en", "es"))
    notes = played(NOTES_EACH, rng)
    sounds = [*notes, *(c for c in effects(stock) for _ in range(len(notes) // 60))]  # a half each
    print(f"{len(notes)} notes", flush=True)
    heard, wanted = heard_tracks(whisper, judged_tracks(spoken(SPOKEN, stock, rng), sounds, count, rng))
    print(f"{len(heard)} tracks", flush=True)
    return {"tracks": heard, "wanted": wanted}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--listener", type=Path, help="listener.safetensors of trenza.align.speech")
    parser.add_argument("--tracks", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from trenza.systems import load

    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    whisper = load.whisper()
    config = EventConfig(whisper.config, tuple(sound_names()))
    detector = EventDetector(config, whisper)
    ears = load.whisper(torch.bfloat16)
    heard = kept(args.out / "heard.safetensors", lambda: prepare(ears, args.tracks, args.seed))
    tracks, wanted = heard["tracks"], heard["wanted"]
    train_judge(detector.judge, tracks[:-HELD_OUT], wanted[:-HELD_OUT], JUDGE_STEPS, args.seed)
    config = settings(detector.judge, tracks[-HELD_OUT:], wanted[-HELD_OUT:], config)
    if args.listener:
        detector.listener.load_state_dict(load_file(args.listener), strict=False)
    elsewhere = ("listener.embedding", "listener.positions", "namer")  # Whisper's own, and what soundnamer.py adds
    weights = {k: v.half() for k, v in detector.state_dict().items() if not k.startswith(elsewhere)}
    save_folder(args.out / "model", asdict(config), weights)


if __name__ == "__main__":
    main()

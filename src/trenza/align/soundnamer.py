"""Teaches a detector of events what sounds are called: notes of all instruments and cuts of effects, heard alone.

    python -m trenza.align.soundnamer --detector DIR --out DIR [--seed 0]

puts the namer into the weights in DIR. What Whisper's encoder made of the sounds is kept in OUT, so that a second run
only trains. Train splits only.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from trenza.align.events import cosine, kept
from trenza.align.room import record
from trenza.align.soundnames import sound_names
from trenza.align.soundtracks import Clip, effects, levelled, played
from trenza.checkpoints.folder import load_folder, save_folder
from trenza.data.worlds.sources import stock_of
from trenza.data.worlds.stock import Stock
from trenza.data.worlds.track import RATE, prepared
from trenza.errors import WeightsError
from trenza.towers import events
from trenza.towers.events import EventConfig, Namer
from trenza.towers.whisper import Whisper

NOTES_EACH = 120  # of an instrument and a hand
EFFECTS_EACH = 80  # cuts of one sound effect
ROUGH_SHARE = 0.5  # of the sounds are heard by another microphone
STEPS = 1200


def rough_sounds(notes: list[Clip], stock: Stock, rng: np.random.Generator) -> list[Clip]:
    """Sounds for the namer: each note once, each effect in many cuts, a share as another microphone hears them."""
    cuts = [Clip(c.samples, False, c.name) for c in effects(stock) for _ in range(EFFECTS_EACH)]
    made: list[Clip] = []
    for clip in [*notes, *cuts]:
        samples = clip.samples
        if len(samples) > RATE and rng.random() < 0.5:
            samples = samples[int(rng.integers(0, len(samples) - RATE // 2)) :]
        rough = record(samples, rng) if rng.random() < ROUGH_SHARE else samples
        samples = prepared(rough, float(rng.uniform(0.4, 1.8)))
        samples = levelled(samples, 10 ** rng.uniform(-1.7, -0.9))
        around = np.pad(samples, (int(events.BEFORE * RATE), int(events.AFTER * RATE)))
        noise = rng.standard_normal(len(around)) * 10 ** rng.uniform(-3.75, -2.75)
        made.append(Clip((around + noise).astype(np.float32), False, clip.name))
    return made


@torch.no_grad()
def heard_sounds(whisper: Whisper, clips: list[Clip], size: int = 16) -> Tensor:
    """What the namer takes of each clip, [N, F]."""
    rows = [
        events.event_features(whisper, [torch.from_numpy(c.samples) for c in clips[i : i + size]])[1]
        for i in range(0, len(clips), size)
    ]
    return torch.cat(rows)


def train_namer(namer: Namer, heard: Tensor, labels: Tensor, steps: int, seed: int) -> None:
    """Names are drawn as often as each other, however many clips each has."""
    rng = torch.Generator().manual_seed(seed)
    namer.mean.data, namer.deviation.data = heard.mean(0), heard.std(0) + 1e-3
    weights = 1.0 / labels.bincount(minlength=len(namer.prototypes.bias))[labels]
    optimiser = torch.optim.AdamW([p for p in namer.parameters() if p.requires_grad], lr=2e-3, weight_decay=0.05)
    schedule = cosine(optimiser, steps)
    for step in range(steps):
        rows = torch.multinomial(weights, 256, replacement=True, generator=rng)
        features = heard[rows]
        features = features + torch.randn(features.shape, generator=rng) * namer.deviation * 0.3
        features = torch.where(torch.rand(features.shape, generator=rng) < 0.2, namer.mean, features)
        loss = F.cross_entropy(namer(features), labels[rows], label_smoothing=0.3)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 150 == 149:
            print(f"namer step {step + 1} loss {loss:.3f}", flush=True)


def prepare(whisper: Whisper, names: list[str], seed: int) -> dict[str, Tensor]:
    """What the namer takes of all sounds, and their numbers among `names`."""
    rng = np.random.default_rng(seed)
    alone = rough_sounds(played(NOTES_EACH, rng), stock_of("train", ("en", "es")), rng)
    print(f"{len(alone)} sounds", flush=True)
    index = {english: i for i, english in enumerate(names)}
    labels = torch.tensor([index[c.name] for c in alone])
    return {"sounds": heard_sounds(whisper, alone).half(), "labels": labels}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from trenza.systems import load

    config, weights = load_folder(args.detector)
    made = EventConfig.from_dict(config)
    if made.names != tuple(sound_names()):
        raise WeightsError(f"{args.detector}/config.json has other names than the sounds here; train it anew")
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    whisper = load.whisper(torch.bfloat16)
    names = [english for english, _ in made.names]
    heard = kept(args.out / "sounds.safetensors", lambda: prepare(whisper, names, args.seed))
    sounds = heard["sounds"].float()
    namer = Namer(sounds.shape[1], 4 * made.width, len(made.names))
    train_namer(namer, sounds, heard["labels"], STEPS, args.seed)
    weights |= {f"namer.{name}": tensor.half() for name, tensor in namer.state_dict().items()}
    save_folder(args.detector, config, weights)


if __name__ == "__main__":
    main()

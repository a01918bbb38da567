"""Trains the codecs of the native system: pictures and sounds to codes and back, in minutes on a CPU.

    python -m trenza.align.codec image --out runs/picture-codec
    python -m trenza.align.codec audio --out runs/sound-codec

Learns by mean squared error alone, from train splits; the folder holds the codec, its curve (metrics.jsonl) and what
was measured on pictures and sounds that no training reads (report.json).
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Generator, Tensor

from trenza.align.augment import place
from trenza.bridges.native import Codec
from trenza.data.corpora.registry import corpus
from trenza.data.worlds.sources import stock_of
from trenza.data.worlds.stock import Thing
from trenza.signals import decode
from trenza.systems import codecs

CROPS, HELD_OUT = 60, 200  # crops of each photograph; test items of a kind
RECORDINGS = {"stamp-sounds": 300, "espeak": 300}  # train recordings of each source
DECIBELS = 40  # of one unit of Whisper's scaled log-mel
WARMUP = 100

Draw = Callable[[int, Generator], Tensor]  # a batch of so many media
Told = Callable[[dict], None]


# --- pictures -------------------------------------------------------------------------------------


def _squares(things: Sequence[Thing]) -> Tensor:
    """Cut-outs centred in transparent squares, uint8 [N, 4, 64, 64]."""
    made = np.zeros((len(things), codecs.PIXELS, codecs.PIXELS, 4), np.uint8)
    for own, thing in zip(made, things, strict=True):
        picture = Pillow.fromarray(np.asarray(thing.rgba))
        picture.thumbnail((codecs.PIXELS, codecs.PIXELS), Pillow.Resampling.BICUBIC)
        top, left = (codecs.PIXELS - picture.height) // 2, (codecs.PIXELS - picture.width) // 2
        own[top : top + picture.height, left : left + picture.width] = np.asarray(picture)
    return torch.from_numpy(made).permute(0, 3, 1, 2)


def _crops(grounds: Sequence[np.ndarray], each: int, seed: int) -> Tensor:
    """Square crops of photographs at many scales, uint8 [N, 3, 64, 64]."""
    rng, size = np.random.default_rng(seed), (codecs.PIXELS, codecs.PIXELS)
    made = []
    for ground in grounds:
        photograph = Pillow.fromarray(np.asarray(ground))
        for side in (min(photograph.size) * rng.uniform(0.25, 1.0, each)).astype(int):
            left, top = (int(rng.integers(0, length - side + 1)) for length in photograph.size)
            box = (left, top, left + int(side), top + int(side))
            made.append(np.asarray(photograph.resize(size, Pillow.Resampling.BICUBIC, box)))
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2)


def picture_training(seed: int) -> Draw:
    """Cut-outs turned and moved, on white, on one colour or on a photograph, and photographs alone."""
    stock = stock_of("train", ("en",))
    cutouts, crops = _squares(stock.things), _crops(stock.grounds, CROPS, seed)

    def draw(count: int, rng: Generator) -> Tensor:
        def some(of: Tensor) -> Tensor:
            return of[torch.randint(len(of), (count,), generator=rng)].float() / 255

        kind = torch.rand(count, 1, 1, 1, generator=rng)
        colours = torch.rand(count, 3, 1, 1, generator=rng).expand(-1, -1, codecs.PIXELS, codecs.PIXELS)
        ground = torch.where(kind < 0.4, torch.ones(()), torch.where(kind < 0.6, colours, some(crops)))
        placed = place(some(cutouts), torch.ones(count, dtype=torch.bool), codecs.PIXELS, rng)
        placed = placed * (kind < 0.85)
        return (placed[:, :3] + ground * (1 - placed[:, 3:])).clamp(0, 1) * 2 - 1

    return draw


def picture_tests(seed: int) -> dict[str, Tensor]:
    """Held-out pictures in -1..1: things by a hand never trained on and test stamps, on white; test photographs."""
    rng, made = np.random.default_rng(seed), {}
    for name, split in (("openmoji", "test_style"), ("unseen objects", "test_object")):
        things = stock_of(split, ("en",)).things
        chosen = rng.permutation(len(things))[:HELD_OUT]
        cutouts = _squares([things[i] for i in chosen]).float() / 255
        made[name] = (cutouts[:, :3] * cutouts[:, 3:] + 1 - cutouts[:, 3:]) * 2 - 1
    photographs = _crops(stock_of("test_style", ("en",)).grounds, 20, seed)
    return made | {"photograph crops": photographs.float() / 127.5 - 1}


def psnr(codec: Codec, media: Tensor) -> Tensor:
    """Peak signal to noise of each picture in -1..1 after the codec, in dB."""
    back = codec.decode(codec.encode(media)).clamp(-1, 1)
    return -10 * ((back - media) / 2).square().mean((1, 2, 3)).log10()


# --- sounds ---------------------------------------------------------------------------------------


def _windows(name: str, split: str, most: int) -> Tensor:
    """Log-mel windows [n, 80, 300] of the first recordings of a corpus' split."""
    found: list[Tensor] = []
    for entry in corpus(name).entries(("en",)):
        if len(found) == most:
            break
        pair = entry.make()
        if getattr(pair, "split", "") == split:
            found.append(codecs.heard(torch.tensor(decode(pair.media.data, kind="audio").samples)))  # type: ignore[union-attr]
    return torch.cat(found)


def sound_training(seed: int) -> Draw:
    """Windows of sound effects and of spoken names, each source as often as the other, louder or softer."""
    sources = [_windows(name, "train", most) for name, most in RECORDINGS.items()]

    def draw(count: int, rng: Generator) -> Tensor:
        picked = [s[torch.randint(len(s), (count,), generator=rng)] for s in sources]
        which = torch.randint(len(sources), (count,), generator=rng)
        return torch.stack(picked)[which, torch.arange(count)]

    return draw


def sound_tests(seed: int) -> dict[str, Tensor]:
    return {name: _windows(name, "test", HELD_OUT // 2) for name in RECORDINGS}


def decibels(codec: Codec, media: Tensor) -> Tensor:
    """Root mean squared error of each window's log-mel spectrogram after the codec, in dB."""
    back = codec.decode(codec.encode(media))
    return DECIBELS * (back - media).square().mean((1, 2)).sqrt()


KINDS = {
    "image": (picture_training, picture_tests, psnr, "PSNR in dB"),
    "audio": (sound_training, sound_tests, decibels, "log-mel error in dB"),
}


# --- training -------------------------------------------------------------------------------------


def train(codec: Codec, draw: Draw, steps: int, batch: int, rate: float, seed: int, told: Told) -> None:
    """In place; `told` is given step, loss and seconds every 50 steps."""
    rng, begun, run = torch.Generator().manual_seed(seed), time.time(), 0.0
    optimiser = torch.optim.AdamW(codec.parameters(), rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=min(WARMUP / steps, 0.3))
    for step in range(1, steps + 1):
        media = draw(batch, rng)
        with torch.autocast("cpu", torch.bfloat16):  # twice as fast; the levels are rounded in float32
            back = codec(media)
        loss = (back.float() - media).square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(codec.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        run += float(loss.detach())
        if step % 50 == 0 or step == steps:
            told({"step": step, "loss": run / (step % 50 or 50), "seconds": round(time.time() - begun, 1)})
            run = 0.0
    codec.eval()


def measured(values: Tensor, seed: int, draws: int = 2000) -> list[float]:
    """Mean and its 95% percentile bootstrap interval."""
    rng = np.random.default_rng(seed)
    own = values.numpy()
    means = own[rng.integers(0, len(own), (draws, len(own)))].mean(1)
    return [float(own.mean()), *np.percentile(means, [2.5, 97.5]).tolist()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a trained codec to go on from")
    parser.add_argument("--steps", type=int, default=1500, help="0 measures what --start is")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3, help="peak of the learning rate")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    training, tests, measure, unit = KINDS[args.kind]
    torch.manual_seed(args.seed)
    codec = codecs.load(args.start) if args.start else Codec(codecs.CONFIGS[args.kind])
    codec.train().requires_grad_(True)
    rows: list[dict] = []

    def told(row: dict) -> None:
        rows.append(row)
        print(json.dumps(row), flush=True)

    if args.steps:
        train(codec, training(args.seed), args.steps, args.batch, args.rate, args.seed, told)
    codecs.save(codec, args.out)
    codec = codecs.load(args.out)
    held_out = tests(args.seed)
    used = torch.cat([codec.encode(media).flatten() for media in held_out.values()]).unique()
    report = {
        "kind": args.kind, "unit": unit, "start": str(args.start or ""), "steps": args.steps,
        "batch": args.batch, "rate": args.rate, "seed": args.seed,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "seconds": rows[-1]["seconds"] if rows else 0.0,
        "parameters": sum(p.numel() for p in codec.parameters()), "codes used of held-out": len(used),
        "codes": codec.config.codes,
        "held out": {n: [*measured(measure(codec, m), args.seed), len(m)] for n, m in held_out.items()},
    }  # fmt: skip
    if rows:
        (args.out / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (args.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

"""Spoken names for training: made by espeak-ng, roughened, heard by Whisper's encoder, kept on disk.

python -m trenza.align.utterances --out DIR [--count 40000] [--seed 0]
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from trenza.align.room import record
from trenza.data.corpora.speech import ACCENTS, SPEAKERS, UNSEEN_VOICES, speak
from trenza.towers.hearing import hear
from trenza.towers.whisper import Whisper

WINDOW_SECONDS = 3.0


def voices() -> list[str]:
    """Every accent with every speaker that training may use."""
    return [a + s for a in ACCENTS for s in SPEAKERS if a + s not in UNSEEN_VOICES]


def make(texts: list[str], weights: list[float], count: int, seed: int, whisper: Whisper, out: Path) -> None:
    """`count` utterances: `features.npy` float16 [frames of all, 384], and `index.json` beside it."""
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    chosen = rng.choice(len(texts), count, p=np.array(weights) / sum(weights))
    seeds = rng.integers(0, 2**63, count)
    everyone = voices()

    def clip(number: int) -> np.ndarray:
        own = np.random.default_rng(seeds[number])
        spoken = speak(
            texts[chosen[number]], everyone[own.integers(len(everyone))],
            int(own.integers(115, 200)), int(own.integers(20, 85)),
        )  # fmt: skip
        return record(spoken, own)

    features, index, frames = [], [], 0
    batch = 32
    with ThreadPoolExecutor(2) as pool:  # espeak-ng runs in processes of its own
        for start in range(0, count, batch):
            numbers = range(start, min(start + batch, count))
            clips = list(pool.map(clip, numbers))
            fits = [len(c) <= WINDOW_SECONDS * 16_000 for c in clips]
            kept = [(n, c) for n, c, fit in zip(numbers, clips, fits, strict=True) if fit]
            heard = hear(whisper, [torch.from_numpy(c) for _, c in kept])
            for (number, _), tokens in zip(kept, heard, strict=True):
                features.append(tokens.half().numpy())
                index.append((texts[chosen[number]], frames, frames + len(tokens)))
                frames += len(tokens)
            if start % (batch * 25) == 0:
                print(f"{start + len(numbers)} of {count} utterances", flush=True)
    np.save(out / "features.npy", np.concatenate(features))
    (out / "index.json").write_text(json.dumps(index))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from trenza.align.concepts import spoken_texts
    from trenza.systems import load

    make(*spoken_texts(), args.count, args.seed, load.whisper(torch.bfloat16), args.out)


if __name__ == "__main__":
    main()

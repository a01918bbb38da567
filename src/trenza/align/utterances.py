"""Speech for training: spoken by espeak-ng or by real voices, roughened, heard by Whisper's encoder, kept on disk.

python -m trenza.align.utterances --out DIR [--count 40000] [--seed 0]
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from trenza.align.room import record
from trenza.align.sayings import Saying, draw, voices, written
from trenza.data.corpora.speech import recorded, speak
from trenza.data.worlds.track import RATE, prepared
from trenza.towers.hearing import WINDOW_SECONDS, hear
from trenza.towers.whisper import Whisper

CUT = (0.6, 1.0)  # seconds: worlds cut long names short, and the listener is to guess their ends
CUT_SHARE = 0.15


def clip(saying: Saying, rng: np.random.Generator) -> np.ndarray:
    """A saying as some voice says it into some microphone, float32 [N] at 16 kHz."""
    if saying.file is not None:
        spoken = recorded(saying.file)
    else:
        everyone = voices(saying.language)
        pace, pitch = int(rng.integers(115, 200)), int(rng.integers(20, 85))
        spoken = speak(saying.text, everyone[rng.integers(len(everyone))], pace, pitch)
        if rng.random() < CUT_SHARE and len(prepared(spoken, 10)) < 1.6 * RATE:
            spoken = prepared(spoken, float(rng.choice(CUT)))
    return record(spoken, rng)


def make(sayings: list[Saying], seed: int, whisper: Whisper, out: Path) -> None:
    """`features.npy` float16 [frames of all, 384]; in `index.json` what to write, first frame, end, language."""
    seeds = np.random.default_rng(seed).integers(0, 2**63, len(sayings))
    out.mkdir(parents=True, exist_ok=True)
    features, index, frames = [], [], 0
    batch = 32
    with ThreadPoolExecutor(2) as pool:  # espeak-ng runs in processes of its own
        for start in range(0, len(sayings), batch):
            texts = sayings[start : start + batch]
            rngs = [np.random.default_rng(s) for s in seeds[start : start + batch]]
            clips = list(pool.map(clip, texts, rngs))
            fits = [(s, c) for s, c in zip(texts, clips, strict=True) if len(c) <= WINDOW_SECONDS * RATE]
            heard = hear(whisper, [torch.from_numpy(c) for _, c in fits])
            for (saying, _), tokens in zip(fits, heard, strict=True):
                features.append(tokens.half().numpy())
                index.append((written(saying.text, saying.language), frames, frames + len(tokens), saying.language))
                frames += len(tokens)
            if start % (batch * 25) == 0:
                print(f"{start + len(texts)} of {len(sayings)} utterances", flush=True)
    np.save(out / "features.npy", np.concatenate(features))
    (out / "index.json").write_text(json.dumps(index))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from trenza.systems import load

    sayings = draw(args.count, np.random.default_rng(args.seed))
    make(sayings, args.seed, load.whisper(torch.bfloat16), args.out)


if __name__ == "__main__":
    main()

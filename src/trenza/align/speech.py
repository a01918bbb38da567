"""Whisper's decoder is tuned to short windows, by cross-entropy on what was said. No language model runs.

Spoken English and Spanish are written down as they come; what helps to learn from in other languages is begun with its
language's token (Radford et al. 2022, section 2.3), so that nothing is written in these where nothing says so.

python -m trenza.align.speech --utterances DIR [DIR ...] --out DIR [--start FILE] [--steps 1200] [--seed 0]
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer as Vocabulary
from torch import Tensor

from trenza.towers.hearing import END, PROMPT, batch, listen
from trenza.towers.whisper import WhisperDecoder

BATCH = 32
LEARNING_RATE = 1.5e-4
HELD_OUT = 400  # utterances at the end, only watched
BEGUN_WITH = {"ca": 50269, "fr": 50264, "ro": 50283}  # of tiny.en's vocabulary, which has languages it never learned


class Utterances:
    """Features and texts made by `trenza.align.utterances`, of one folder after another."""

    def __init__(self, folders: list[Path]):
        self.features = [np.load(folder / "features.npy", mmap_mode="r") for folder in folders]
        self.index = [
            (text, part, start, end, language)
            for part, folder in enumerate(folders)
            for text, start, end, language in json.loads((folder / "index.json").read_text())
        ]

    def __len__(self) -> int:
        return len(self.index)

    def text(self, number: int) -> str:
        return self.index[number][0]

    def length(self, number: int) -> int:
        _, _, start, end, _ = self.index[number]
        return end - start

    def prompt(self, number: int) -> tuple[int, ...]:
        """What its writing begins with."""
        begun = BEGUN_WITH.get(self.index[number][-1])
        return PROMPT if begun is None else (begun, *PROMPT[1:])

    def held_out(self) -> list[int]:
        """The numbers of those that are only watched and are written down as they come."""
        last = range(len(self) - HELD_OUT, len(self))
        return [number for number in last if self.prompt(number) == PROMPT]

    def window(self, number: int) -> Tensor:
        _, part, start, end, _ = self.index[number]
        return torch.from_numpy(self.features[part][start:end].astype(np.float32))


def roughen(features: Tensor, mask: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hide short stretches of time from attention and add noise (SpecAugment's idea, Park et al. 2019)."""
    count, length = features.shape[:2]
    start = torch.randint(0, length, (count, 1), generator=rng)
    width = torch.randint(0, 5, (count, 1), generator=rng)
    time = torch.arange(length)
    hidden = (time >= start) & (time < start + width)
    noisy = features + torch.randn(features.shape, generator=rng) * 0.2
    return noisy, mask & ~hidden[:, None, None]


def tune_listener(
    listener: WhisperDecoder, words: Vocabulary, utterances: Utterances, steps: int, seed: int
) -> WhisperDecoder:
    """The decoder, tuned on all but the held-out utterances; embedding and positions stay as they are."""
    rng = torch.Generator().manual_seed(seed)
    listener.requires_grad_(True)
    for fixed in (listener.embedding.weight, listener.positions):
        fixed.requires_grad_(False)
    tuned = [p for p in listener.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(tuned, lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1, (s + 1) / 50) * (0.05 + 0.95 * (1 + math.cos(math.pi * s / steps)) / 2)
    )
    spellings = [
        [*words.encode(" " + utterances.text(i), add_special_tokens=False).ids, END] for i in range(len(utterances))
    ]
    begun = time.time()
    for step in range(steps):
        numbers = torch.randint(len(utterances) - HELD_OUT, (BATCH,), generator=rng).tolist()
        features, mask = roughen(*batch([utterances.window(n) for n in numbers]), rng)
        answers = [spellings[n] for n in numbers]
        tokens = torch.full((BATCH, len(PROMPT) + max(map(len, answers)) - 1), END)
        tokens[:, : len(PROMPT)] = torch.tensor([utterances.prompt(n) for n in numbers])
        for row, answer in zip(tokens, answers, strict=True):
            row[len(PROMPT) : len(PROMPT) + len(answer) - 1] = torch.tensor(answer[:-1])
        with torch.autocast("cpu", torch.bfloat16):
            states = listener.states(tokens, features, seen=mask)[:, len(PROMPT) - 1 :]
            logits = listener.logits(torch.cat([s[: len(a)] for s, a in zip(states, answers, strict=True)]))
        loss = F.cross_entropy(logits.float(), torch.tensor([t for a in answers for t in a]), label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tuned, 1.0)
        optimiser.step()
        schedule.step()
        if step % 200 == 199 or step == steps - 1:
            right = held_out(listener, words, utterances)
            print(f"step {step + 1} loss {loss:.3f} held out {right:.3f} {time.time() - begun:.0f} s", flush=True)
    return listener.eval().requires_grad_(False)


def held_out(listener: WhisperDecoder, words: Vocabulary, utterances: Utterances) -> float:
    """Share of the held-out utterances that are written down exactly."""
    numbers = utterances.held_out()
    heard = listen(listener, [utterances.window(n) for n in numbers])
    return float(np.mean([
        words.decode(said).strip() == utterances.text(n) for n, (_, said) in zip(numbers, heard, strict=True)
    ]))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a listener to go on from; default: Whisper's decoder")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from trenza.checkpoints.parts import whisper_folder
    from trenza.systems import load

    words = Vocabulary.from_file(str(whisper_folder() / "tokenizer.json"))
    utterances = Utterances(args.utterances)
    args.out.mkdir(parents=True, exist_ok=True)
    whisper, file = load.whisper(), args.out / "listener.safetensors"
    if file.exists():
        print(f"{file} is there already; delete it to tune again")
    else:
        if args.start:
            whisper.decoder.load_state_dict(load_file(args.start), strict=False)
        listener = tune_listener(whisper.decoder, words, utterances, args.steps, args.seed)
        kept = {k: v for k, v in listener.state_dict().items() if k.startswith(("blocks", "norm"))}
        save_file(kept, file)


if __name__ == "__main__":
    main()

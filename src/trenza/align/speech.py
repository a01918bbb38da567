"""Stage 1 for speech: the resampler learns to say names in the language model's own word embeddings.

No language model runs: latent i is scored against the embedding table at the i-th token of what was said,
which is hundreds of times cheaper than a pass through the model and leaves little for stage 2.

    python -m trenza.align.speech --utterances DIR --out FILE [--steps 2400] [--seed 0]
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from trenza.bridges.resampler import Resampler, ResamplerConfig
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.systems.hearing import batch

RESAMPLER = ResamplerConfig(features=384, width=256, out=576, latents=6, layers=3, heads=4, positions=160)
BATCH = 48
HELD_OUT = 400  # utterances at the end, only watched


class Utterances:
    """Features and texts made by `trenza.align.utterances`."""

    def __init__(self, folder: Path):
        self.features = np.load(folder / "features.npy", mmap_mode="r")
        self.index = json.loads((folder / "index.json").read_text())

    def __len__(self) -> int:
        return len(self.index)

    def text(self, number: int) -> str:
        return self.index[number][0]

    def window(self, number: int) -> Tensor:
        _, start, end = self.index[number]
        return torch.from_numpy(self.features[start:end].astype(np.float32))


def roughen(features: Tensor, mask: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hide short stretches of time from attention and add noise (SpecAugment's idea, Park et al. 2019)."""
    count, length = features.shape[:2]
    start = torch.randint(0, length, (count, 1), generator=rng)
    width = torch.randint(0, 5, (count, 1), generator=rng)
    time = torch.arange(length)
    hidden = (time >= start) & (time < start + width)
    noisy = features + torch.randn(features.shape, generator=rng) * 0.2
    return noisy, mask & ~hidden[:, None, None]


def train(utterances: Utterances, tokenizer: Tokenizer, table: Tensor, steps: int, seed: int) -> Resampler:
    """`table`: the language model's embeddings [V, 576], float32."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    end = tokenizer.token("<|im_end|>")
    model = Resampler(RESAMPLER)
    said = [tokenizer.encode(utterances.text(i))[: RESAMPLER.latents] for i in range(len(utterances))]
    used = sorted({t for tokens in said for t in tokens} | {end})
    place = {token: i for i, token in enumerate(used)}
    targets = torch.full((len(said), RESAMPLER.latents), place[end])
    for row, tokens in zip(targets, said, strict=True):
        row[: len(tokens)] = torch.tensor([place[t] for t in tokens])
    small = table[used]  # only tokens that names use: a few thousand in place of 49,152
    scale = torch.nn.Parameter(torch.tensor(1.0))
    optimiser = torch.optim.AdamW([*model.parameters(), scale], lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min(1, (s + 1) / 100) * (0.02 + 0.98 * (1 + math.cos(math.pi * s / steps)) / 2)
    )

    def loss_of(numbers: list[int], training: bool) -> tuple[Tensor, Tensor]:
        features, mask = batch([utterances.window(n) for n in numbers])
        if training:
            features, mask = roughen(features, mask, rng)
        with torch.autocast("cpu", torch.bfloat16):
            out = model(features, mask).float()  # [B, latents, 576]
        logits = out @ small.T * scale.exp()
        chosen = targets[numbers]
        # The second term keeps the tokens as large as embeddings, which is what stage 2 feeds on.
        loss = F.cross_entropy(logits.flatten(0, 1), chosen.flatten()) + F.mse_loss(out, small[chosen]) * 20
        return loss, (logits.argmax(-1) == chosen).all(1).float().mean()

    for step in range(steps):
        numbers = torch.randint(len(utterances) - HELD_OUT, (BATCH,), generator=rng).tolist()
        loss, right = loss_of(numbers, True)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 200 == 199:
            model.eval()
            with torch.no_grad():
                _, held = loss_of(list(range(len(utterances) - HELD_OUT, len(utterances))), False)
            model.train()
            print(f"step {step + 1} loss {loss:.3f} right {right:.3f} held out {held:.3f}", flush=True)
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from trenza.systems.load import language

    model, tokenizer = language()
    table = model.embedding.weight.float()
    trained = train(Utterances(args.utterances), tokenizer, table, args.steps, args.seed)
    save_file(trained.state_dict(), args.out)


if __name__ == "__main__":
    main()

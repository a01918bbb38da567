"""Stage 1 for speech: Whisper's decoder is tuned to short windows, then its states to the words of the language model.

First the listener: cross-entropy on what was said, on features made once. Then the projector: each state is
scored against the language model's embedding table at the tokens that spell the listener's own token. No
language model runs, which leaves little for stage 2.

    python -m trenza.align.speech --utterances DIR --out DIR [--steps 1200] [--seed 0]
"""

import argparse
import copy
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

from trenza.bridges.projector import Projector, ProjectorConfig
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.systems.hearing import END, PROMPT, batch, listen
from trenza.towers.whisper import Whisper, WhisperDecoder

SLOTS = 3  # most words that Whisper has as one token are up to three of the language model's
PROJECTOR = ProjectorConfig("mlp", features=384, out=576, hidden=1024, tokens=SLOTS)
BATCH = 48
LEARNING_RATE = 1.5e-4
PROJECTOR_STEPS = 1200
HELD_OUT = 400  # utterances at the end, only watched


class Utterances:
    """Features and texts made by `trenza.align.utterances`."""

    def __init__(self, folder: Path):
        self.features = np.load(folder / "features.npy", mmap_mode="r")
        self.index = json.loads((folder / "index.json").read_text())

    def __len__(self) -> int:
        return len(self.index)

    def text(self, number: int) -> str:
        """What is said, without its article: the names are what the listener is to write down."""
        return self.index[number][0].removeprefix("a ")

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


def tune_listener(whisper: Whisper, words: Vocabulary, utterances: Utterances, steps: int, seed: int) -> WhisperDecoder:
    """Whisper's decoder, tuned on all but the held-out utterances; embedding and positions stay as they are."""
    rng = torch.Generator().manual_seed(seed)
    listener = copy.deepcopy(whisper.decoder)
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
        tokens[:, : len(PROMPT)] = torch.tensor(PROMPT)
        for row, answer in zip(tokens, answers, strict=True):
            row[len(PROMPT) : len(PROMPT) + len(answer) - 1] = torch.tensor(answer[:-1])
        with torch.autocast("cpu", torch.bfloat16):
            states = listener.states(tokens, features, heard=mask)[:, len(PROMPT) - 1 :]
            logits = listener.logits(torch.cat([s[: len(a)] for s, a in zip(states, answers, strict=True)]))
        loss = F.cross_entropy(logits.float(), torch.tensor([t for a in answers for t in a]), label_smoothing=0.05)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tuned, 1.0)
        optimiser.step()
        schedule.step()
        if step % 200 == 199:
            right = held_out(listener, words, utterances)
            print(f"step {step + 1} loss {loss:.3f} held out {right:.3f} {time.time() - begun:.0f} s", flush=True)
    return listener.eval().requires_grad_(False)


def held_out(listener: WhisperDecoder, words: Vocabulary, utterances: Utterances) -> float:
    """Share of the held-out utterances that are written down exactly."""
    numbers = range(len(utterances) - HELD_OUT, len(utterances))
    heard = listen(listener, [utterances.window(n) for n in numbers])
    return float(np.mean([
        words.decode(said).strip() == utterances.text(n) for n, (_, said) in zip(numbers, heard, strict=True)
    ]))  # fmt: skip


class Heard:
    """What the listener made of every utterance: its states [n, 384], their tokens, and the true text."""

    def __init__(self, listener: WhisperDecoder, utterances: Utterances, size: int = 64):
        order = sorted(range(len(utterances)), key=lambda n: utterances.index[n][2] - utterances.index[n][1])
        self.states: list[Tensor] = []
        self.tokens: list[list[int]] = []
        self.texts = [utterances.text(n) for n in order]
        for start in range(0, len(order), size):  # of like length, so that little is padding
            for states, said in listen(listener, [utterances.window(n) for n in order[start : start + size]]):
                self.states.append(states)
                self.tokens.append(said)

    def __len__(self) -> int:
        return len(self.states)


def train_projector(heard: Heard, words: Vocabulary, tokenizer: Tokenizer, table: Tensor, seed: int) -> Projector:
    """`table`: the language model's embeddings [V, 576], float32."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    end = tokenizer.token("<|im_end|>")

    def spelled(token: int, first: bool) -> list[int]:
        """The language model's tokens for one of Whisper's, as they would stand in an answer."""
        word = words.decode([token])
        return (tokenizer.encode(word.lstrip() if first else word) + [end] * SLOTS)[:SLOTS]

    states = torch.cat(heard.states)
    targets = torch.tensor([spelled(t, i == 0) for tokens in heard.tokens for i, t in enumerate(tokens)])  # [N, slots]
    model = Projector(PROJECTOR)
    scale = torch.nn.Parameter(torch.tensor(1.0))
    optimiser = torch.optim.AdamW([*model.parameters(), scale], lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, PROJECTOR_STEPS)
    for step in range(PROJECTOR_STEPS):
        chosen = torch.randint(len(states), (512,), generator=rng)
        out = model(states[chosen][:, None])  # [512, slots, 576]
        # Scored against what others in the batch are to say: a few hundred tokens in place of 49,152.
        used, places = targets[chosen].unique(return_inverse=True)
        logits = out @ table[used].T * scale.exp()
        # The second term keeps the tokens as large as embeddings, which is what stage 2 feeds on.
        naming = F.cross_entropy(logits.flatten(0, 1), places.flatten())
        loss = naming + F.mse_loss(out, table[targets[chosen]]) * 20
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 200 == 199:
            right = (logits.argmax(-1) == places).all(1).float().mean()
            print(f"projector step {step + 1} loss {loss:.3f} right {right:.3f}", flush=True)
    return model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
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
        print(f"{file} is there already and is used; delete it to tune again")
        listener = whisper.decoder
        listener.load_state_dict(load_file(file), strict=False)
    else:
        listener = tune_listener(whisper, words, utterances, args.steps, args.seed)
        kept = {k: v for k, v in listener.state_dict().items() if k.startswith(("blocks", "norm"))}
        save_file(kept, file)
    heard = Heard(listener, utterances)
    language, tokenizer = load.language()
    projector = train_projector(heard, words, tokenizer, language.embedding.weight.float(), args.seed)
    save_file(projector.state_dict(), args.out / "projector.safetensors")
    np.savez(
        args.out / "heard.npz", states=torch.cat(heard.states).half().numpy(),
        counts=[len(s) for s in heard.states], texts=heard.texts,
    )  # fmt: skip


if __name__ == "__main__":
    main()

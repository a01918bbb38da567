"""Stage 2: the frozen language model learns nothing; the bridges and marks learn to be read by it.

Answers are scored through the language model (loss at answer positions only). The gradient flows into the marks and
the values of the projector of pictures; its keys stay as `trenza.align.views` fitted them. Everything before the
media is the same in each sample, so its keys and values are computed once.

    python -m trenza.align.naming --tower DIR --speech DIR --out DIR [--steps 260] [--seed 0]
"""

import argparse
import json
import math
import random
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer as Vocabulary
from torch import Tensor, nn

from trenza.align import questions
from trenza.align.concepts import Concepts
from trenza.align.views import SIZES
from trenza.bridges.projector import ProjectorConfig
from trenza.bridges.vocabulary import spell
from trenza.checkpoints.folder import save_folder
from trenza.checkpoints.parts import whisper_folder
from trenza.checkpoints.tokenizer import Slot, Tokenizer
from trenza.layers.cache import FixedPrefix
from trenza.systems.braid import Braid, BraidConfig
from trenza.systems.splice import splice
from trenza.towers.efficientnet import LITE2
from trenza.towers.hearing import END
from trenza.towers.language import LanguageModel
from trenza.towers.whisper import Whisper

SLOTS = 8  # tokens of a picture: 97% of the names are spelled with so many
SHARPNESS = 2.0  # the keys' scores times this: a blend of many names can't be read, one name alone tells no doubt
MARKS = 4
BATCH = 32
LONGEST = 6  # states of one name; a listener that says more has begun to repeat itself
# What a sample consists of, and how often.
MIX = {"picture": 0.42, "sound": 0.28, "two": 0.14, "both": 0.1, "video": 0.06}


def new_braid(
    tower: Path, heard: Path, whisper: Whisper, tokenizer: Tokenizer, table: Tensor
) -> tuple[Braid, Concepts]:
    """The parts of stage 1, and values that start as the embeddings of the names' own tokens."""
    concepts = Concepts(**json.loads((tower / "concepts.json").read_text()))
    ears = Vocabulary.from_file(str(whisper_folder() / "tokenizer.json"))
    spelling = spell([ears.decode([number]) for number in range(END)], tokenizer.encode)
    config = BraidConfig(
        SIZES, MARKS, LITE2,
        ProjectorConfig("memory", LITE2.width, table.shape[1], len(concepts.names), SLOTS),
        whisper.config, len(spelling[0]),
    )  # fmt: skip
    braid = Braid(config, whisper)
    weights = load_file(tower / "tower.safetensors")
    braid.tower.load_state_dict({k[6:]: v for k, v in weights.items() if k.startswith("tower.")})
    braid.listener.load_state_dict(load_file(heard / "listener.safetensors"), strict=False)
    braid.speech.spelling.copy_(spelling)
    end = tokenizer.token("<|im_end|>")
    with torch.no_grad():
        fitted = load_file(tower / "views.safetensors")
        braid.projector.linear_1.weight.copy_(fitted["keys.weight"] * SHARPNESS)
        braid.projector.linear_1.bias.copy_(fitted["keys.bias"] * SHARPNESS)
        values = braid.projector.linear_2.weight.view(SLOTS, table.shape[1], len(concepts.names))
        for number, name in enumerate(concepts.names):
            tokens = (tokenizer.encode(name) + [end] * SLOTS)[:SLOTS]
            values[:, :, number] = table[tokens]
        nn.init.zeros_(braid.projector.linear_2.bias)
    return braid, concepts


class Views:
    """What `trenza.align.views` kept: features of the training pictures, and the name each should get."""

    def __init__(self, tower: Path):
        kept = load_file(tower / "views.safetensors")
        self.features, self.names, self.weight = kept["named"].float(), kept["names"], kept["drawn"]
        # Photographs have no names but those the untouched tower gives them, the surer the oftener.
        self.photographs, self.called, self.sure = kept["photographs"].float(), kept["called"], kept["sure"]

    def draw(self, rng: torch.Generator) -> tuple[Tensor, int]:
        """One feature [1280] and the number of its name; one in six is a photograph."""
        if torch.rand((), generator=rng) < 1 / 6:
            number = int(torch.multinomial(self.sure, 1, generator=rng))
            return self.photographs[number], int(self.called[number])
        number = int(torch.multinomial(self.weight, 1, generator=rng))
        return self.features[number], int(self.names[number])

    def alike(self, name: int, count: int, rng: torch.Generator) -> Tensor:
        """`count` views of things of one name [count, 1280], as a video's frames."""
        same = (self.names == name).nonzero()[:, 0]
        return self.features[same[torch.randint(len(same), (count,), generator=rng)]]


class Sayings:
    """The listener's states of every utterance it did not lose itself in, and what was truly said."""

    def __init__(self, folder: Path):
        kept = np.load(folder / "heard.npz")
        states = torch.from_numpy(kept["states"]).float().split(kept["counts"].tolist())
        fit = [i for i, said in enumerate(states) if len(said) <= LONGEST]
        self.states, self.texts = [states[i] for i in fit], [str(kept["texts"][i]) for i in fit]

    def draw(self, rng: torch.Generator) -> tuple[Tensor, str]:
        """States [n, 384] with a little noise, and the text."""
        number = int(torch.randint(len(self.states), (), generator=rng))
        states = self.states[number]
        return states + torch.randn(states.shape, generator=rng) * 0.1 * states.std(), self.texts[number]


class Sampler:
    """Draws conversations: media tokens still to be computed, a question, the answer."""

    def __init__(self, braid: Braid, table: Tensor, views: Views, concepts: Concepts, sayings: Sayings, seed: int):
        self.braid, self.table = braid, table
        self.views, self.names, self.sayings = views, concepts.names, sayings
        self.rng = torch.Generator().manual_seed(seed)
        self.choice = random.Random(seed)

    def picture(self) -> tuple[Tensor, str]:
        feature, name = self.views.draw(self.rng)
        return self.braid.picture_tokens(feature[None, None]), self.names[name]

    def sound(self) -> tuple[Tensor, str]:
        states, text = self.sayings.draw(self.rng)
        return self.braid.sound_tokens(states, self.table), text

    def draw(self) -> tuple[list[Tensor], str, str]:
        """Media tokens in order, question, answer."""
        kind = self.choice.choices(list(MIX), list(MIX.values()))[0]
        if kind == "picture":
            tokens, name = self.picture()
            return [tokens], questions.ask(questions.PICTURE, self.choice), name
        if kind == "sound":
            tokens, name = self.sound()
            return [tokens], questions.ask(questions.SOUND, self.choice), name
        if kind == "two":
            (first, a), (second, b) = self.picture(), self.picture()
            wanted = self.choice.randrange(2)
            return [first, second], self.choice.choice(questions.WHICH)[wanted], (a, b)[wanted]
        if kind == "both":
            media = [(*self.picture(), questions.PICTURE[2:5]), (*self.sound(), questions.SOUND[:6])]
            self.choice.shuffle(media)
            _, name, asked = self.choice.choice(media)
            return [tokens for tokens, _, _ in media], questions.ask(asked, self.choice), name
        number = int(self.views.names[torch.multinomial(self.views.weight, 1, generator=self.rng)])
        frames = self.views.alike(number, self.choice.randint(2, 8), self.rng)
        tokens = self.braid.picture_tokens(frames[:, None])
        return [tokens], questions.ask(questions.VIDEO, self.choice), self.names[number]


def train(
    braid: Braid, concepts: Concepts, language: LanguageModel, tokenizer: Tokenizer, views: Views,
    sayings: Sayings, out: Path, steps: int, seed: int,
) -> None:  # fmt: skip
    torch.manual_seed(seed)
    braid.eval()  # batch norm keeps its statistics; there is no dropout
    sampler = Sampler(braid, language.embedding.weight, views, concepts, sayings, seed)
    before, slot, after = tokenizer.prompt([("user", [0])])
    assert isinstance(before, list) and isinstance(slot, Slot) and isinstance(after, list)
    prefix = language.new_cache(1, len(before))
    with torch.no_grad():
        language(splice(language.embedding, [before])[None], prefix)
    groups: list[dict[str, Any]] = [
        {"params": list(braid.marks.values()), "lr": 5e-3},
        {"params": list(braid.projector.linear_2.parameters()), "lr": 3e-4},
    ]
    for frozen in (braid.tower, braid.projector.linear_1, braid.listener):
        frozen.requires_grad_(False)
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
    peak = [group["lr"] for group in optimiser.param_groups]
    end = tokenizer.token("<|im_end|>")
    out.mkdir(parents=True, exist_ok=True)
    log = (out / "metrics.jsonl").open("w")
    begun = time.time()
    for step in range(steps):
        rate = min(1, (step + 1) / 20) * (0.05 + 0.95 * (1 + math.cos(math.pi * step / steps)) / 2)
        for group, lr in zip(optimiser.param_groups, peak, strict=True):
            group["lr"] = lr * rate
        rows, answers = [], []
        for _ in range(BATCH):
            media, question, name = sampler.draw()
            answers.append([*tokenizer.encode(name), end])
            rows.append(splice(language.embedding, [*media, tokenizer.encode(question), [*after, *answers[-1]]]))
        hidden = language(nn.utils.rnn.pad_sequence(rows, batch_first=True), FixedPrefix(prefix))
        states = torch.cat([
            h[len(r) - len(a) - 1 : len(r) - 1] for h, r, a in zip(hidden, rows, answers, strict=True)
        ])  # fmt: skip
        logits = language.logits(states).float()
        flat = torch.tensor([t for a in answers for t in a])
        loss = F.cross_entropy(logits, flat)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 1.0)
        optimiser.step()
        if step % 10 == 0:
            right = (logits.argmax(-1) == flat).float().mean()
            row = {"step": step, "seconds": round(time.time() - begun), "loss": loss.item(), "right": right.item()}
            log.write(json.dumps(row) + "\n")
            log.flush()
        if step % 100 == 99 or step == steps - 1:
            save(braid, concepts, out)


def save(braid: Braid, concepts: Concepts, out: Path) -> None:
    """The braid as a folder of ours, float16, without what is Whisper's own and ImageNet's classifier."""
    left_out = ("tower.classifier", "listener.embedding", "listener.positions")
    weights = {
        k: v.half().contiguous() if v.is_floating_point() else v
        for k, v in braid.state_dict().items()
        if not k.startswith(left_out) and not k.endswith("num_batches_tracked")
    }
    config = {"system": "braid", "names": len(concepts.names), **asdict(braid.config)}
    save_folder(out / "braid", config, weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tower", type=Path, required=True)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=260)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from trenza.systems import load

    language, tokenizer = load.language()
    table = language.embedding.weight.float()
    braid, concepts = new_braid(args.tower, args.speech, load.whisper(), tokenizer, table)
    views, sayings = Views(args.tower), Sayings(args.speech)
    train(braid, concepts, language, tokenizer, views, sayings, args.out, args.steps, args.seed)


if __name__ == "__main__":
    main()

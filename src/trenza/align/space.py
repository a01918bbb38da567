"""Trains the embedded space: heads over frozen towers, on features made once (trenza.align.space_features).

Texts are the middle: pictures, sounds and the other language are each held against them by InfoNCE. A batch has no
two things of one name, so that what is right is never counted as wrong. ImageNet's classes join as pictures: the
direction of a class in the features is what its row of the classifier says (as in Fisher's discriminant, the class's
mean is the spread within classes times its row).

    python -m trenza.align.space --features FEATURES --out SPACE [--steps 600] [--seed 0] [--hold-out]
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Generator, Tensor, nn

from trenza.align.contrastive import info_nce
from trenza.align.space_features import LAYERS, PICTURES, PIXELS, SOUNDS
from trenza.checkpoints.folder import save_folder
from trenza.checkpoints.parts import efficientnet_lite2
from trenza.data.corpora.pictures import imagenet_names
from trenza.data.names import noun
from trenza.data.splits import is_test
from trenza.systems.retrieval import ranks
from trenza.systems.space import Heads, SpaceConfig, Standard

WIDTH, HIDDEN = 256, 512
PICTURE_BATCH, SOUND_BATCH, WORD_BATCH = 320, 64, 128
LEARNING_RATE, DECAY = 1e-3, 0.1
SPREAD = 3.0  # how far from the mean ImageNet's classes stand, in the features' own standard deviations
HELD_OUT = 6  # one training stamp in so many is left out, to choose settings on


@dataclass
class Things:
    """What shares a name: numbers of media, and for each medium the texts that fit it."""

    media: dict[str, list[int]] = field(default_factory=dict)
    texts: dict[int, list[int]] = field(default_factory=dict)

    def add(self, name: str, medium: int, texts: list[int]) -> None:
        self.media.setdefault(name, []).append(medium)
        self.texts[medium] = texts

    def draw(self, count: int, rng: Generator) -> tuple[Tensor, Tensor]:
        """Media and a text of each, `count` of different names (all where there are fewer)."""
        names = list(self.media)
        chosen = torch.randperm(len(names), generator=rng)[:count].tolist()
        media = [_one_of(self.media[names[n]], rng) for n in chosen]
        return torch.tensor(media), torch.tensor([_one_of(self.texts[m], rng) for m in media])


def _one_of(options: list[int], rng: Generator) -> int:
    return options[int(torch.randint(len(options), (), generator=rng))]


class Features:
    """All that was made by trenza.align.space_features, the train split as things and the held-out stamps."""

    def __init__(self, folder: Path, hold_out: bool):
        self.folder = folder
        self.text_states = load_file(folder / "texts.safetensors")["features"].float()
        self.text = {text: i for i, text in enumerate(self._rows("texts"))}
        emoji = self._rows("emoji")
        self.words = [(self.text[english], self.text[spanish]) for _, english, spanish, *_ in emoji]
        keywords = {code: [self.text[t] for tags in rest for t in tags] for code, _, _, *rest in emoji}
        self.held: list[tuple[int, int, str]] = []  # picture, text, language
        self.held_names: set[str] = set()
        self.pictures, self.sounds = Things(), Things()
        seen: list[Tensor] = []
        for corpus in PICTURES:
            self._join(corpus, self.pictures, sum(map(len, seen)), hold_out, keywords)
            seen.append(load_file(folder / f"{corpus}.safetensors")["features"].float())
        seen.append(self._imagenet(torch.cat(seen), sum(map(len, seen))))
        self.seen = torch.cat(seen)  # [pictures, 1280]
        heard: list[Tensor] = []
        for corpus in SOUNDS:
            self._join(corpus, self.sounds, len(heard), False, {})
            made = load_file(folder / f"{corpus}.safetensors")
            heard += made["features"].float().split(made["counts"].tolist())
        self.heard = nn.utils.rnn.pad_sequence(heard, batch_first=True)  # [sounds, T, 384], zeros are padding

    def _rows(self, name: str) -> list:
        return json.loads((self.folder / f"{name}.json").read_text())

    def _join(self, corpus: str, things: Things, first: int, hold_out: bool, keywords: dict[str, list[int]]) -> None:
        of: dict[int, list[tuple[str, str, str]]] = {}
        for number, text, language, split, key in self._rows(corpus):
            if split == "train":
                of.setdefault(number, []).append((language, text, key.rsplit("/", 1)[0]))
        for number, said in of.items():
            key = said[0][2]
            if hold_out and corpus == "stamps" and is_test(f"held out {key}", HELD_OUT):
                self.held += [(first + number, self.text[text], language) for language, text, _ in said]
                self.held_names.add(noun(min(said)[1]))
                continue
            # A keyword fits as well, but less exactly than a name: each name counts as often as all keywords.
            own, also = [self.text[text] for _, text, _ in said], keywords.get(key, [])
            things.add(noun(min(said)[1]), first + number, own * max(1, len(also)) + also)

    def _imagenet(self, plain: Tensor, first: int) -> Tensor:
        rows = efficientnet_lite2().classifier.weight.detach()  # [1000, 1280]
        centred = plain - plain.mean(0)
        means = rows @ (centred.T @ centred / len(plain))
        means = means / means.norm(dim=1, keepdim=True) * centred.norm(dim=1).mean() / math.sqrt(SPREAD)
        for number, names in enumerate(imagenet_names()):
            self.pictures.add(names[0], first + number, [self.text[name] for name in names])
        return plain.mean(0) + means


def roughened(x: Tensor, noise: float, dropped: float, statistics: tuple[Tensor, Tensor], rng: Generator) -> Tensor:
    """Features with noise, in their own standard deviations, some of them at their mean, where they say nothing."""
    rough = x + torch.randn(x.shape, generator=rng) * statistics[1] * noise
    return torch.where(torch.rand(x.shape, generator=rng) < dropped, statistics[0], rough)


def train(heads: Heads, data: Features, steps: int, seed: int, log: Callable[[dict], None]) -> None:
    rng = torch.Generator().manual_seed(seed)
    decayed = [p for p in heads.parameters() if p.dim() > 1]
    others = [p for p in heads.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps, pct_start=0.1)
    of_text, of_picture = ((x.mean(0), x.std(0)) for x in (data.text_states, data.seen))
    words = torch.tensor(data.words)

    def text(numbers: Tensor) -> Tensor:
        return heads.embed("text", roughened(data.text_states[numbers], 0.2, 0.1, of_text, rng))

    begun = time.time()
    for step in range(steps):
        media, said = data.pictures.draw(PICTURE_BATCH, rng)
        seen = heads.embed("image", roughened(data.seen[media], 0.3, 0.2, of_picture, rng))
        by_sight = info_nce(seen, text(said), heads.temperature)
        media, said = data.sounds.draw(SOUND_BATCH, rng)
        by_ear = info_nce(heads.embed("audio", data.heard[media]), text(said), heads.temperature)
        both = words[torch.randperm(len(words), generator=rng)[:WORD_BATCH]]
        by_word = info_nce(text(both[:, 0]), text(both[:, 1]), heads.temperature)
        optimiser.zero_grad()
        (by_sight + 0.5 * by_ear + 0.3 * by_word).backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99 or step == steps - 1:
            row = {"step": step + 1, "seconds": round(time.time() - begun), "pictures": round(by_sight.item(), 3)}
            row |= {"sounds": round(by_ear.item(), 3), "words": round(by_word.item(), 3)}
            log(row | held_out(heads, data))


@torch.no_grad()
def held_out(heads: Heads, data: Features) -> dict[str, list[float]]:
    """Recall@1 and @5 of the held-out stamps by their captions, among all pictures of other names."""
    if not data.held:
        return {}
    own = sorted({picture for picture, _, _ in data.held})
    place = {picture: n for n, picture in enumerate(own)}
    others = [m for name, media in data.pictures.media.items() if name not in data.held_names for m in media]
    pictures = heads.embed("image", data.seen[own + others])
    found = {}
    for language in ("en", "es"):
        some = [(picture, text) for picture, text, spoken in data.held if spoken == language]
        right = torch.zeros(len(some), len(pictures), dtype=torch.bool)
        right[torch.arange(len(some)), torch.tensor([place[picture] for picture, _ in some])] = True
        rank = ranks(heads.embed("text", data.text_states[[text for _, text in some]]), pictures, right)
        found[f"held-out stamps, {language}"] = [round(float((rank < k).float().mean()), 3) for k in (1, 5)]
    return found


@torch.no_grad()
def keep_references(heads: Heads, data: Features, seed: int) -> None:
    """Some of the training media and of all texts, drawn by the seed."""
    rng = torch.Generator().manual_seed(seed)
    for bank, things, kind, inputs in (
        (heads.pictures, data.pictures, "image", data.seen), (heads.sounds, data.sounds, "audio", data.heard),
    ):  # fmt: skip
        trained = torch.tensor(sorted(things.texts))
        drawn = trained[torch.randperm(len(trained), generator=rng)[: len(bank)]]
        bank.copy_(heads.embed(kind, inputs[drawn]))
    drawn = torch.randperm(len(data.text_states), generator=rng)[: len(heads.texts)]
    heads.texts.copy_(heads.embed("text", data.text_states[drawn]))


def fresh(data: Features, seed: int) -> Heads:
    """Untrained heads that know the features' means and deviations."""
    torch.manual_seed(seed)
    heads = Heads(SpaceConfig(WIDTH, HIDDEN, LAYERS, PIXELS))
    for kind, states in (("text", data.text_states), ("image", data.seen)):
        norm = heads.towers[kind].norm
        assert isinstance(norm, Standard)
        norm.fit(states)
    return heads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hold-out", action="store_true", help="leave some training stamps out and find them by name")
    args = parser.parse_args()
    data = Features(args.features, args.hold_out)
    heads = fresh(data, args.seed)
    rows: list[dict] = []

    def log(row: dict) -> None:
        rows.append(row)
        print(row, flush=True)

    train(heads, data, args.steps, args.seed, log)
    keep_references(heads, data, args.seed)
    weights = {name: tensor.half() for name, tensor in heads.state_dict().items()}
    curve = "".join(json.dumps(row) + "\n" for row in rows)
    save_folder(args.out, {"system": "space", **asdict(heads.config)}, weights, {"metrics.jsonl": curve})


if __name__ == "__main__":
    main()

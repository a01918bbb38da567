"""Does data quality rule? The space's heads trained on captions of which a share stands under the wrong picture.

    python benchmarks/shuffled.py --features FEATURES [--steps 300] [--seeds 0 1] [--json docs/shuffled.json]

FEATURES are those of recipes/space.sh. With 0, 10, 20 and 40% of the training pictures having exchanged their captions,
heads are trained as they are, and once more without what the audit would take out: `trenza data audit --mismatch` drops
a picture when it speaks against its captions (support below 0). The shipped space learned from true captions of these
same pictures, so it may not judge them here: each half of the shuffled pictures is judged by heads that were trained on
the other, shuffled half. Same steps and same settings everywhere. Right is a test picture (clip art and stamps, never
trained on) whose own caption comes first among all English test captions of its corpus. Intervals are over pictures.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from copy import copy
from pathlib import Path

import torch
from safetensors.torch import load_file

from objects import shown
from trenza.align.space import Features, Things, fresh, keep_references, train
from trenza.data.corpora.pictures import imagenet_names
from trenza.evaluate.clustered import mean
from trenza.systems.space import Heads

SHARES = (0.0, 0.1, 0.2, 0.4)
TESTS = ("openclipart", "stamps")


def rows_of(things: Things) -> list[tuple[str, int, list[int]]]:
    return [(name, medium, things.texts[medium]) for name, media in things.media.items() for medium in media]


def made_of(rows: list[tuple[str, int, list[int]]]) -> Things:
    things = Things()
    for name, medium, texts in rows:
        things.add(name, medium, texts)
    return things


def shuffled(things: Things, share: float, captioned: int, seed: int) -> tuple[Things, set[int]]:
    """Things of which a share has another's name and captions, and which; media from `captioned` on have none."""
    rows = rows_of(things)
    own = [i for i, (_, medium, _) in enumerate(rows) if medium < captioned]
    order = torch.randperm(len(own), generator=torch.Generator().manual_seed(seed))[: round(share * len(own))]
    chosen = [own[i] for i in order.tolist()]
    moved = {i: (rows[j][0], rows[i][1], rows[j][2]) for i, j in zip(chosen, chosen[1:] + chosen[:1], strict=True)}
    return made_of([moved.get(i, row) for i, row in enumerate(rows)]), {rows[i][1] for i in chosen}


def trained(data: Features, things: Things, steps: int, seed: int) -> Heads:
    some = copy(data)
    some.pictures, some.held = things, []
    heads = fresh(some, seed)
    train(heads, some, steps, seed, lambda row: None)
    keep_references(heads, some, seed)
    return heads.eval()


@torch.no_grad()
def speaks_for(heads: Heads, data: Features, medium: int, texts: list[int]) -> float:
    """Mean support of a picture for its captions, in nats."""
    picture = heads.embed("image", data.seen[medium : medium + 1])[0]
    said = heads.embed("text", data.text_states[sorted(set(texts))])
    return float(torch.stack([heads.support("image", picture, text) for text in said]).mean())


def audited(data: Features, things: Things, captioned: int, steps: int, seed: int) -> Things:
    """The things without those that heads trained on the other half of them speak against."""
    rows = rows_of(things)
    half = torch.randint(2, (len(rows),), generator=torch.Generator().manual_seed(seed + 1)).tolist()
    kept = []
    for side in (0, 1):
        judge = trained(data, made_of([r for r, h in zip(rows, half, strict=True) if h != side]), steps, seed)
        kept += [
            (name, medium, texts) for (name, medium, texts), h in zip(rows, half, strict=True)
            if h == side and (medium >= captioned or speaks_for(judge, data, medium, texts) >= 0)
        ]  # fmt: skip
    return made_of(kept)


@torch.no_grad()
def right(heads: Heads, folder: Path, text: dict[str, int], states: torch.Tensor) -> dict[str, float]:
    """Of each test picture, whether its own caption comes first."""
    found = {}
    for corpus in TESTS:
        features = load_file(folder / f"{corpus}.safetensors")["features"].float()
        rows = json.loads((folder / f"{corpus}.json").read_text())
        own = {number: said for number, said, language, split, _ in rows if split == "test" and language == "en"}
        captions = sorted(set(own.values()))
        texts = heads.embed("text", states[[text[c] for c in captions]])
        best = (heads.embed("image", features[list(own)]) @ texts.T).argmax(1).tolist()
        for (number, said), place in zip(own.items(), best, strict=True):
            found[f"{corpus} {number}"] = float(captions[place] == said)
    return found


def measure(
    data: Features, captioned: int, share: float, steps: int, seeds: list[int], told: Callable[[str], None]
) -> dict:  # fmt: skip
    """Accuracy as it is and after the audit, over all seeds; what the audit took out, of shuffled and of true pairs."""
    scores: dict[str, list[tuple[float, str]]] = {"as it is": [], "audited": []}
    taken = {"shuffled": [0, 0], "true": [0, 0]}
    for seed in seeds:
        things, wrong = shuffled(data.pictures, share, captioned, seed)
        clean = audited(data, things, captioned, steps, seed)
        for medium in (m for m in things.texts if m < captioned):
            kind = taken["shuffled" if medium in wrong else "true"]
            kind[0] += medium not in clean.texts
            kind[1] += 1
        for name, some in (("as it is", things), ("audited", clean)):
            heads = trained(data, some, steps, seed)
            found = right(heads, data.folder, data.text, data.text_states)
            scores[name] += [(value, key) for key, value in found.items()]
            told(f"share {share}, seed {seed}, {name}: {sum(found.values()) / len(found):.4f}")
    return {
        name: shown(mean([v for v, _ in some], [k for _, k in some])) for name, some in scores.items()
    } | {f"taken out of the {kind}": [out, of] for kind, (out, of) in taken.items()}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    begun = time.time()
    data = Features(args.features, hold_out=False)
    captioned = len(data.seen) - len(imagenet_names())  # classes stand behind the pictures, and have no captions
    report = {
        "steps": args.steps, "seeds": args.seeds, "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "shares": {
            share: measure(data, captioned, share, args.steps, args.seeds, lambda line: print(line, flush=True))
            for share in args.shares
        },
    }  # fmt: skip
    report["seconds"] = round(time.time() - begun)
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Are test stamps found by name, by their sound, by a voice? And how long does a query take among 10,000 media?

    trenza data build stamps noto twemoji openclipart stamp-sounds stamp-voices espeak fluid-soundfont-gm --out DATA
    python -m trenza.align.space_features --data DATA --out FEATURES
    python benchmarks/search.py --features FEATURES [--seed 0] [--json docs/search.json]
    python benchmarks/search.py [--json docs/search.json]  # the times alone, among as many vectors drawn at random

The index: the test stamps, the sounds that belong to test stamps, and others drawn by the seed (clip art, emoji, words
spoken, instruments) up to 10,000. Others that bear the name of a test stamp are left out, since they would be right
answers too. What towers see comes from FEATURES, where trenza.align.space_features kept it; heads and index are those
of `trenza search`. Right: a test stamp of that name (the first caption of the thing as a noun), whatever its picture.

Mismatch: 300 titles of clip art of the test split swapped among each other, against 300 left alone, by the support
that the space gives them, as `trenza data audit --mismatch` uses it.

Time: text, through the language model's lower layers, the head and the index; a picture and a sound as the query
through their towers as well, decoded already. Medians and the slowest of 50, after one to warm up.
"""

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from trenza.align.space_features import PICTURES, SOUNDS
from trenza.data.index import new_vectors
from trenza.data.names import noun
from trenza.evaluate.statistics import paired_auc_interval, wilson
from trenza.signals import Audio, Image
from trenza.systems import space

MEDIA, TIMED, SWAPPED = 10_000, 50, 300
TEXTS = ("a red car", "two dogs in the snow", "un gato negro", "una guitarra", "church bells", "la lluvia cae")


class Media:
    """Vectors of everything, by corpus: what it is called, its split, its stamp."""

    def __init__(self, folder: Path, heads: space.Heads):
        self.vectors: list[np.ndarray] = []
        self.kinds: list[str] = []
        self.said: list[dict[str, str]] = []  # language -> text
        self.where: list[tuple[str, str, str]] = []  # corpus, split, key without its language
        for corpus in PICTURES + SOUNDS:
            made = load_file(folder / f"{corpus}.safetensors")
            kind = "image" if corpus in PICTURES else "audio"
            rows = self._embed(heads, kind, made)
            first = len(self.kinds)
            self.vectors.append(rows.numpy())
            self.kinds += [kind] * len(rows)
            self.said += [{} for _ in rows]
            self.where += [("", "", "")] * len(rows)
            for number, text, language, split, key in json.loads((folder / f"{corpus}.json").read_text()):
                self.said[first + number].setdefault(language, text)
                stamp = key.rsplit("/", 1)[0] if corpus != "openclipart" else key
                self.where[first + number] = (corpus, split, stamp)
        self.all = np.concatenate(self.vectors)
        self.names = [noun(said.get("en") or next(iter(said.values()))) for said in self.said]

    @staticmethod
    @torch.no_grad()
    def _embed(heads: space.Heads, kind: str, made: dict[str, Tensor]) -> Tensor:
        if kind == "image":
            return heads.embed("image", made["features"].float())
        states = made["features"].float().split(made["counts"].tolist())
        batches = [states[i : i + 256] for i in range(0, len(states), 256)]
        return torch.cat([heads.embed("audio", nn.utils.rnn.pad_sequence(b, batch_first=True)) for b in batches])

    def of(self, *corpora: str, split: str = "test") -> list[int]:
        return [i for i, (corpus, of, _) in enumerate(self.where) if corpus in corpora and of == split]


@torch.no_grad()
def indexed(media: Media, heads: space.Heads, seed: int) -> tuple[dict, list[int]]:
    """An index a kind over MEDIA of them, and which they are."""
    stamps = media.of("stamps")
    sounds = media.of("stamp-sounds")
    names = {media.names[i] for i in stamps}
    others = [i for i in range(len(media.kinds)) if media.names[i] not in names and media.where[i][0] != "stamp-voices"]
    taken = set(stamps + sounds)
    others = [i for i in others if i not in taken]
    drawn = np.random.default_rng(seed).permutation(others)[: MEDIA - len(taken)]
    chosen = stamps + sounds + drawn.tolist()
    kept = heads.indexed(torch.from_numpy(media.all[chosen])).numpy()
    vectors = {kind: new_vectors(kept.shape[1]) for kind in ("image", "audio")}
    for i, vector in zip(chosen, kept, strict=True):
        vectors[media.kinds[i]].add(i, vector)
    return vectors, chosen


def recall(media: Media, index, queries: list[tuple[np.ndarray, str]]) -> dict:
    """Queries: vector and the name that is right. Share found first and among the first five."""
    ranks = []
    for vector, name in queries:
        keys = index.search(space.Embedder.query(vector), 5).keys.tolist()
        right = [n for n, k in enumerate(keys) if media.where[k][:2] == ("stamps", "test") and media.names[k] == name]
        ranks.append(right[0] if right else 5)
    count = len(ranks)
    return {"n": count} | {f"recall@{k}": wilson(sum(r < k for r in ranks), count) for k in (1, 5)}


def found(media: Media, embedder: space.Embedder, vectors: dict) -> dict:
    stamps = media.of("stamps")
    name_of = {media.where[i][2]: media.names[i] for i in stamps}
    result = {}
    for language in ("en", "es"):
        pairs = sorted({(media.said[i][language], media.names[i]) for i in stamps if language in media.said[i]})
        asked = embedder.texts([text for text, _ in pairs])
        names = [name for _, name in pairs]
        result[f"text to picture, {language}"] = recall(media, vectors["image"], list(zip(asked, names, strict=True)))
    for corpus, title in (("stamp-sounds", "sound to picture"), ("stamp-voices", "voice to picture")):
        for language in ("en", "es") if corpus == "stamp-voices" else ("",):
            heard = [i for i in media.of(corpus) if media.where[i][2] in name_of]
            heard = [i for i in heard if not language or language in media.said[i]]
            queries = [(media.all[i], name_of[media.where[i][2]]) for i in heard]
            result[title + (f", {language}" if language else "")] = recall(media, vectors["image"], queries)
    return result


@torch.no_grad()
def mismatch(media: Media, embedder: space.Embedder, seed: int) -> dict:
    """Clip art of the test split: support of its own title against another's, and against titles of others alone."""
    drawn = np.random.default_rng(seed).permutation(media.of("openclipart"))[: 2 * SWAPPED]
    texts = torch.from_numpy(embedder.texts([media.said[i]["en"] for i in drawn]))
    pictures = torch.from_numpy(media.all[drawn])
    half = len(drawn) // 2
    wrong = [float(embedder.heads.support("image", pictures[i], texts[(i + 1) % half])) for i in range(half)]
    own = [float(embedder.heads.support("image", pictures[i], texts[i])) for i in range(2 * half)]
    return {
        "swapped": half, "AUC, right captions of others against swapped": paired_auc_interval(own[half:], wrong),
        "AUC, each picture's own caption against its swapped one": paired_auc_interval(own[:half], wrong),
        "target": 0.85,
    }  # fmt: skip


def timed(run, arguments: list) -> dict[str, float]:
    run(arguments[0])
    seconds = []
    for argument in arguments[:TIMED]:
        begun = time.perf_counter()
        run(argument)
        seconds.append(time.perf_counter() - begun)
    return {"median, ms": round(1000 * float(np.median(seconds)), 1), "slowest, ms": round(1000 * max(seconds), 1)}


def anything(embedder: space.Embedder, seed: int) -> dict:
    """An index a kind of vectors that nothing is known of: a search among them takes as long."""
    wide = len(embedder.query(embedder.texts(TEXTS[:1])[0]))
    rows = np.random.default_rng(seed).standard_normal((MEDIA, wide), np.float32)
    vectors = {kind: new_vectors(wide) for kind in ("image", "audio")}
    for kind, own in zip(vectors, np.split(rows, [MEDIA * 7 // 10]), strict=True):
        vectors[kind].add(np.arange(len(own)), own / np.linalg.norm(own, axis=1, keepdims=True))
    return vectors


def times(embedder: space.Embedder, vectors: dict) -> dict:
    texts = [TEXTS[i % len(TEXTS)] + f" {i}" for i in range(TIMED)]
    rng = np.random.default_rng(0)
    pictures = [Image(rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)) for _ in range(TIMED)]
    sounds = [Audio(rng.standard_normal(48_000).astype(np.float32) / 10) for _ in range(TIMED)]

    def search(vector: np.ndarray) -> None:
        for index in vectors.values():
            index.search(embedder.query(vector), 10)

    return {
        "text": timed(lambda text: search(embedder.texts([text])[0]), texts),
        "index alone": timed(search, list(embedder.texts(texts[:TIMED]))),
        "picture": timed(lambda picture: search(embedder.signals([picture])[0]), pictures),
        "sound of 3 s": timed(lambda sound: search(embedder.signals([sound])[0]), sounds),
        "target, ms": 50,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    embedder = space.load()
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads"
    if args.features is None:
        report = json.loads(args.json.read_text()) if args.json else {}
        report["a query takes"] = {"machine": machine} | times(embedder, anything(embedder, args.seed))
    else:
        media = Media(args.features, embedder.heads)
        vectors, chosen = indexed(media, embedder.heads, args.seed)
        kinds = {kind: sum(media.kinds[i] == kind for i in chosen) for kind in vectors}
        report = {
            "machine": machine, "seed": args.seed, "space": embedder.name, "indexed": {"all": len(chosen), **kinds},
            "found": found(media, embedder, vectors), "mismatch": mismatch(media, embedder, args.seed),
            "a query takes": {"machine": machine} | times(embedder, vectors),
        }  # fmt: skip
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

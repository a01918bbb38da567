"""From a recipe's data to batches of examples: built, seen once by the towers, mixed, resumable to the sample."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from trenza.align import features, questions
from trenza.align.conversations import Asked, turn
from trenza.align.features import Look
from trenza.align.grounded import grounded
from trenza.align.recipe import DataSource, Recipe
from trenza.bridges.perceived import (
    BOX,
    EVENT_COLUMNS,
    OBJECT_COLUMNS,
    SCORE,
)
from trenza.cache import cache_dir
from trenza.checkpoints.tokenizer import Slot, Tokenizer
from trenza.conversation import Box, Evidence, Span
from trenza.data import build
from trenza.data.files import Broken
from trenza.data.formats.webdataset import shards_of
from trenza.data.loader import Loader, Source
from trenza.data.shards import Record
from trenza.errors import UsageError
from trenza.systems.examples import Example, Medium, Turn, parts
from trenza.systems.places import Places

TALKS = 1000  # looked at for the usual answers
Told = Callable[[str, int, int], None]  # what is being done, how far it is, of how much
Read = tuple[tuple[Medium, ...], tuple[Asked, ...]]
Imagine = Callable[[int, np.random.Generator], Iterator[Read]]  # so many of `imagined.py`'s conversations


class Words:
    """The chat template's own words around a question about media, and text to tokens.

    opening: before the first question; again: before another, behind an answer and its end. between: what stands
    between documents of the language model's own training.
    """

    def __init__(self, tokenizer: Tokenizer):
        pieces = tokenizer.prompt([("user", [0])])
        before, slot, after = pieces
        assert isinstance(before, list) and isinstance(slot, Slot) and isinstance(after, list)
        self.opening, self.after, self.encode = before, after, tokenizer.encode
        self.end = tokenizer.token("<|im_end|>")
        self.between = tokenizer.token("<|endoftext|>")
        again = tokenizer.prompt([("user", [0]), ("assistant", [1]), ("user", [2])])[4]
        assert isinstance(again, list)
        self.again = again[again.index(self.end) + 1 :]


def found(media: tuple[Medium, ...]) -> tuple[Evidence, ...]:
    """Where a corpus tells no places, what was perceived: the surest thing of a picture, or a sound's events.

    Answers without evidence among those with it would teach that looking can be left out.
    """
    own = [part[0] for part in parts(media)]
    if len(own) != 1 or not len(rows := own[0].features.flatten(0, 1)):
        return ()
    if own[0].kind == "image" and rows.shape[1] == OBJECT_COLUMNS:
        y0, x0, y1, x1 = rows[rows[:, SCORE].argmax(), BOX].clamp(0, 1).tolist()
        return (Evidence(0, Box(x0, y0, x1, y1)),) if x0 < x1 and y0 < y1 else ()
    if own[0].kind == "audio" and rows.shape[1] == EVENT_COLUMNS:
        return tuple(Evidence(0, Span(start, end)) for start, end in rows[:, 1:3].tolist())
    return ()


class Feed:
    """Batches of examples for one of `ranks` processes. `state` and `restore` are the loader's."""

    def __init__(
        self, recipe: Recipe, look: Look, tower: str, words: Words, places: Places | None,
        rank: int = 0, ranks: int = 1, told: Told = lambda what, done, total: None,
    ):  # fmt: skip
        for key in ("batch", "imagined", "plain"):
            if (count := getattr(recipe, key)) % ranks:
                raise UsageError(f"{key}: {count} can't be shared by {ranks} processes; take a multiple of {ranks}")
        self.recipe, self.words, self.places = recipe, words, places
        self.imagine: Imagine | None = None  # where the recipe asks for it
        self.plain: list[Example] = []  # text without media, where it asks for that
        self.produced: Callable[[list[int], Medium, int], Turn] | None = None  # of systems that produce media
        self.lost: list[str] = []
        sources, self.manifests = [], []
        for source in recipe.data:
            shards, manifest = self._seen(source, look, tower, told)
            self.manifests.append(manifest)
            sources.append(Source(shards, source.weight))
        self.loader = Loader(sources, recipe.batch // ranks, recipe.seed, rank, ranks, decode=self._read)
        self.conversations = len(self.loader.records)
        if recipe.batch > self.conversations:
            raise UsageError(
                f"batch: {recipe.batch} is more than the {self.conversations} conversations of all data; "
                "lower it or give more data"
            )
        self.exchanged: dict[tuple[Path, str], Record] = {}
        for records, source in zip(self.loader.records.records, recipe.data, strict=True):
            self.exchanged |= _exchanged(records, source.shuffled, recipe.seed)

    def __iter__(self) -> Iterator[list[Example]]:
        for batch in self.loader:
            turned = [self.requested(media, asked) for media, asked in batch]
            learned = [
                self.example(media, asked, self._shots(batch, number)) for number, (media, asked) in enumerate(batch)
            ]
            every = [*self._imagined(), *learned, *(e for e in turned if e is not None), *self._plain()]
            # Where nothing at all was perceived as it is, the truth is learned from: a step needs an example.
            yield [e for e in every if e.turns] or [
                replace(e, turns=(self._turn(media, asked[0]),))
                for e, (media, asked) in zip(learned, batch, strict=True)
            ]

    def _imagined(self) -> list[Example]:
        """This process's share of what is imagined, drawn anew at each place in the data."""
        if self.imagine is None:
            return []
        ranks = self.loader.ranks  # the place counts all processes' samples, so that their number may change
        rng = np.random.default_rng([self.recipe.seed, self.loader.position * ranks + self.loader.rank])
        count = self.recipe.imagined // ranks
        return [self.example(*one) for one in self.imagine(count, rng)]

    def _plain(self) -> list[Example]:
        """This process's share of the plain text, one behind another from a place that the data's place gives."""
        ranks = self.loader.ranks
        count, step = self.recipe.plain // ranks, self.loader.position // (self.recipe.batch // ranks)
        begin = (step * ranks + self.loader.rank) * count
        return [self.plain[(begin + i) % len(self.plain)] for i in range(count)] if self.plain else []

    def example(
        self, media: tuple[Medium, ...], asked: tuple[Asked, ...], shots: tuple[Example, ...] = ()
    ) -> Example:  # fmt: skip
        turns = tuple(self._turn(media, a) for a in self.answerable(media, asked)[: self.recipe.turns])
        return Example(self.words.again if shots else self.words.opening, media, turns, shots)

    def answerable(self, media: tuple[Medium, ...], asked: Sequence[Asked]) -> list[Asked]:
        """Questions as whoever perceives these media can answer them, without those that can't be answered so."""
        if not self.places:
            return list(asked)
        told = [said if said.evidence else replace(said, evidence=found(media)) for said in asked]
        return [seen for said in told if (seen := grounded(media, said)) is not None]

    def _turn(self, media: tuple[Medium, ...], said: Asked) -> Turn:
        words, spans = self.words, not any(m.kind == "image" for m in media)
        return turn(said, words.encode, words.after, words.end, self.places, spans)

    def _shots(self, batch: Sequence[Read], number: int) -> tuple[Example, ...]:
        """Of the talks behind this one in the batch each the first turn, without its evidence; so many that a batch
        has some conversations without, some with one, up to the recipe's number."""
        words, places = self.words, self.places
        count = min(number % (self.recipe.shots + 1), len(batch) - 1)
        shots: list[Example] = []
        for media, asked in (batch[(number + 1 + shot) % len(batch)] for shot in range(count)):
            said = self._turn(media, next(iter(self.answerable(media, asked)), asked[0]))
            answer = places.parted(said.answer)[1] if places else said.answer
            opening = words.again if shots else words.opening
            shots.append(Example(opening, media, (Turn(said.question, answer),)))
        return tuple(shots)

    def usual_answers(self) -> list[list[int]]:
        """Answers with their end, those first that `TALKS` conversations, from all over the data, give most often."""
        records = self.loader.records
        places = [(source, number) for source, own in enumerate(records.records) for number in range(len(own))]
        read = (records[place] for place in places[:: -(-len(places) // TALKS)])
        talks = (one[1][: self.recipe.turns] for one in read if not isinstance(one, Broken))
        given = Counter(said.answer for talk in talks for said in talk)
        return [[*self.words.encode(answer), self.words.end] for answer, _ in given.most_common()]

    def requested(self, media: tuple[Medium, ...], asked: tuple[Asked, ...]) -> Example | None:
        """A pair the other way round, for a system that produces media: its text asks for its medium."""
        wanted = questions.request(asked[0].question, asked[0].answer) if asked else None
        if self.produced is None or wanted is None or [m.kind for m in media] not in (["image"], ["audio"]):
            return None
        words = self.words
        turn = self.produced([*words.encode(wanted), *words.after], media[0], words.end)
        return Example(words.opening, (), (turn,))

    def _seen(self, source: DataSource, look: Look, tower: str, told: Told) -> tuple[Path, str]:
        """A folder of feature shards of one source, and the hash of the data's manifest."""
        folder = source.path or _built(source, told)
        shards = shards_of(folder)
        if not shards:
            raise UsageError(f"data: {folder} has no shards; build them with `trenza data build ... --out {folder}`")
        manifest = folder / "manifest.json"
        known = {}
        if manifest.is_file():
            known = {s["file"]: s["sha256"] for s in json.loads(manifest.read_text(encoding="utf-8"))["shards"]}
        files, left = [], source.limit
        for number, shard in enumerate(shards):
            told(f"looking at {shard.name}", number, len(shards))
            sha256 = known.get(shard.name) or hashlib.sha256(shard.read_bytes()).hexdigest()
            file, lost = features.kept(shard, sha256, look, tower, left)
            self.lost += lost
            files.append(file)
            if left is not None:
                left -= len(Loader([Source(file)], 1).records)
                if left <= 0:
                    break
        return _together(files), hashlib.sha256(repr(sorted(known.items())).encode()).hexdigest()[:16]

    def _read(self, record: Record) -> Read:
        media, asked = features.read(record)
        other = self.exchanged.get((record.shard, record.key))
        return media, asked if other is None else features.read(other)[1]


def _exchanged(records: list[Record], share: float, seed: int) -> dict[tuple[Path, str], Record]:
    """For a share of the records, by shard and key, whose words each gets in place of its own."""
    chosen = np.random.default_rng(seed).permutation(len(records))[: round(len(records) * share)]
    return {
        (records[a].shard, records[a].key): records[b] for a, b in zip(chosen, np.roll(chosen, 1), strict=True)
    }  # fmt: skip


def _built(source: DataSource, told: Told) -> Path:
    """The folder of a source that names corpora, built into the cache where it isn't yet."""
    plan = build.Plan(tuple(source.build), items=source.items, seed=source.seed, split=source.split)
    name = hashlib.sha256(repr((build.FORMAT, plan)).encode()).hexdigest()[:16]
    folder = cache_dir() / "built" / name
    if not (folder / "manifest.json").is_file():
        build.build(plan, folder, build.workers(), lambda corpus, done, total: told(f"building {corpus}", done, total))
    return folder


def _together(files: list[Path]) -> Path:
    """A folder that holds these shards, by name."""
    name = hashlib.sha256("".join(f.name for f in files).encode()).hexdigest()[:24]
    folder = cache_dir() / "features" / f"set-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(files):
        link = folder / f"{number:05d}.tar"
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(file)
    return folder

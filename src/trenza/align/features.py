"""Frozen towers see every medium once: their features are kept on disk, beside the questions, as shards.

A shard's name holds the hash of what went in (source shard, tower, version), so a changed tower or corpus is seen anew
and an unchanged one is never seen twice.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trenza.align.absent import with_absent
from trenza.align.conversations import Asked, Talk, talks
from trenza.align.described import with_descriptions
from trenza.align.drills import with_drills
from trenza.cache import cache_dir
from trenza.data.files import Broken
from trenza.data.samples import evidence_from_json, evidence_to_json
from trenza.data.shards import Members, Record, read_shard, write_members
from trenza.errors import SignalError
from trenza.systems.examples import Medium

VERSION = 17  # of what is kept: counts up when it changes
Look = Callable[[list[Talk]], list[tuple[Medium, ...]]]
AT_ONCE = 16  # talks seen together


def kept(shard: Path, sha256: str, look: Look, tower: str, limit: int | None) -> tuple[Path, list[str]]:
    """The shard of features made from `shard`, written if it isn't there, and what was left out because it is broken.

    tower: what tells this tower from others, its hash. limit: talks from the shard's start.
    """
    name = hashlib.sha256(f"{VERSION}|{sha256}|{tower}|{limit}".encode()).hexdigest()[:24]
    file = cache_dir() / "features" / f"{name}.tar"
    lost: list[str] = []
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_members(file, _seen(shard, look, limit, lost))
    return file, lost


def _seen(shard: Path, look: Look, limit: int | None, lost: list[str]) -> Iterator[tuple[str, Members]]:
    def whole() -> Iterator[Any]:
        for sample in read_shard(shard):
            if isinstance(sample, Broken):
                lost.append(f"{sample.key}: {sample.reason}")
            else:
                yield sample

    every = islice(with_absent(with_descriptions(with_drills(talks(whole())))), limit)
    number = 0
    while some := list(islice(every, AT_ONCE)):
        try:
            seen = look(some)
        except SignalError:  # one of them can't be read: find out which
            seen = []
            for talk in some:
                try:
                    seen += look([talk])
                except SignalError as error:
                    lost.append(f"{shard}: {talk.key}: {error}")
                    seen.append(())
        for talk, media in zip(some, seen, strict=True):
            if media or not talk.media:
                yield f"{number:06d}", members(talk, media)
                number += 1


def members(talk: Talk, media: tuple[Medium, ...]) -> Members:
    made: dict[str, bytes] = {}
    for i, medium in enumerate(media):
        buffer = io.BytesIO()
        # Numbers of names and tokens pass 2,048, which float16 can't hold; grids are the bulk and need no more.
        wide = medium.features.shape[-1] < 64
        np.save(buffer, medium.features.numpy().astype(np.float32 if wide else np.float16))
        made[f"{i}.npy"] = buffer.getvalue()
    document = {
        "kinds": [m.kind for m in media],
        "within": [m.within for m in media],
        "asked": [
            {
                "question": a.question,
                "answer": a.answer,
                "evidence": [evidence_to_json(e) for e in a.evidence],
                "rationale": a.rationale,
                "named": a.named,
                "along": a.along,
                "keys": a.keys,
            }
            for a in talk.asked
        ],
    }
    made["json"] = json.dumps(document, ensure_ascii=False).encode()
    return made


def read(record: Record) -> tuple[tuple[Medium, ...], tuple[Asked, ...]]:
    """What `members` wrote."""
    found = record.read()
    document = json.loads(found["json"])
    media = tuple(
        Medium(kind, torch.from_numpy(np.load(io.BytesIO(found[f"{i}.npy"]))).float(), within)
        for i, (kind, within) in enumerate(zip(document["kinds"], document["within"], strict=True))
    )
    asked = tuple(
        Asked(
            a["question"], a["answer"], tuple(evidence_from_json(e) for e in a["evidence"]), a["rationale"],
            tuple(a["named"]), a["along"], tuple(a["keys"]),
        )
        for a in document["asked"]
    )  # fmt: skip
    return media, asked

"""What data consists of: files of media, pairs of a medium and a text, and items (a question with its truth).

Media stay encoded here (bytes of a PNG, WAV, MP4); `trenza.signals.decode` turns them into arrays. So a data
set can be hashed, copied and filtered without touching a pixel.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from trenza.conversation import Box, Evidence, Span
from trenza.errors import DataError

KINDS = ("image", "audio", "video")
CAPABILITIES = ("describe", "locate", "compare", "verify", "act", "extract", "cross")


@dataclass(frozen=True)
class Media:
    """One encoded file: its kind, its extension without a dot ("png"), its bytes."""

    kind: str
    extension: str
    data: bytes

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError(f"kind of medium {self.kind!r} is unknown; known: {', '.join(KINDS)}")

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Pair:
    """A medium and what a source says about it."""

    key: str  # unique within the source
    media: Media
    text: str
    language: str  # ISO 639-1: "en", "es"
    source: str
    licence: str
    split: str  # "train", "test", or another that a source has


@dataclass(frozen=True)
class Item:
    """A question about media, its true answer and where the truth can be seen.

    `evidence` counts the media of the item from 0. `twin` is the key of the item made from the smallest edit
    of the world that flips the answer. `truth` is the world itself (scene graph, chart data) as JSON values.
    """

    key: str
    media: tuple[Media, ...]
    question: str
    answer: str
    capability: str
    language: str
    split: str
    choices: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    twin: str = ""
    truth: Any = None

    def __post_init__(self) -> None:
        if self.capability not in CAPABILITIES:
            raise DataError(f"capability {self.capability!r} is unknown; known: {', '.join(CAPABILITIES)}")

    def names(self) -> tuple[str, ...]:
        """File name of each medium, unique to the item: KEY.0.png, KEY.1.wav."""
        return tuple(f"{self.key}.{i}.{m.extension}" for i, m in enumerate(self.media))

    def to_json(self, urls: tuple[str, ...] | None = None) -> dict[str, Any]:
        """The item in the message schema, its media by `urls` (default: `names`), nothing embedded."""
        parts: list[dict[str, Any]] = []
        for medium, url in zip(self.media, urls or self.names(), strict=True):
            kind = f"{medium.kind}_url"
            parts.append({"type": kind, kind: {"url": url}})
        parts.append({"type": "text", "text": self.question})
        return {
            "key": self.key,
            "messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": self.answer}],
            "answer": self.answer, "choices": list(self.choices), "capability": self.capability,
            "language": self.language, "split": self.split, "twin": self.twin,
            "evidence": [evidence_to_json(e) for e in self.evidence], "truth": self.truth,
        }  # fmt: skip

    @classmethod
    def from_json(cls, document: dict[str, Any], media: tuple[Media, ...]) -> "Item":
        """Undoes `to_json`. Raises DataError naming the key that is missing or wrong."""
        try:
            content = document["messages"][0]["content"]
            question = next(p["text"] for p in content if p["type"] == "text")
            return cls(
                document["key"], media, question, document["answer"], document["capability"], document["language"],
                document["split"], tuple(document["choices"]),
                tuple(evidence_from_json(e) for e in document["evidence"]), document["twin"], document["truth"],
            )  # fmt: skip
        except (KeyError, IndexError, TypeError, StopIteration) as error:
            raise DataError(f"item {document.get('key', 'without key')!r} lacks {error!r}; write it again") from error


def evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    where = evidence.where
    if isinstance(where, Box):
        return {"part": evidence.part, "box": [where.x0, where.y0, where.x1, where.y1]}
    if isinstance(where, Span):
        return {"part": evidence.part, "span": [where.start, where.end]}
    return {"part": evidence.part, "text": where}


def evidence_from_json(document: dict[str, Any]) -> Evidence:
    if "box" in document:
        return Evidence(document["part"], Box(*document["box"]))
    if "span" in document:
        return Evidence(document["part"], Span(*document["span"]))
    return Evidence(document["part"], document["text"])

"""The words of the project as types: parts, trust, messages, answers, evidence, support, responders."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol

from trenza.errors import UsageError
from trenza.signals import Audio, Image, Signal, Video

Role = Literal["system", "user", "assistant", "tool"]


class Trust(IntEnum):
    """Who speaks. What stands lower can never give orders to what stands higher."""

    MEDIA = 0
    TOOL = 1
    USER = 2
    SYSTEM = 3


# An assistant's earlier words were written by the model after reading everything, so they rank with tools.
TRUST_OF_ROLE = {"system": Trust.SYSTEM, "user": Trust.USER, "assistant": Trust.TOOL, "tool": Trust.TOOL}


@dataclass(frozen=True)
class Origin:
    """Where a part came from. `content_hash` is the signal's own; empty for text."""

    kind: Literal["file", "url", "upload", "text"]
    name: str = ""
    content_hash: str = ""


@dataclass(frozen=True)
class Part:
    """One signal of a message. Its trust is set by the message it stands in."""

    signal: Signal
    origin: Origin = Origin("text")
    trust: Trust = Trust.MEDIA

    @property
    def is_media(self) -> bool:
        return not isinstance(self.signal, str)


@dataclass(frozen=True)
class Message:
    """A role and its parts in order.

    Text takes the trust of the role; media is MEDIA whoever sends it, so that words found inside a picture
    or a sound never speak for the user. A part that was trusted less before keeps its lower trust.
    """

    role: Role
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if self.role not in TRUST_OF_ROLE:
            raise UsageError(f"role {self.role!r} is unknown; known: {', '.join(TRUST_OF_ROLE)}")
        ceiling = TRUST_OF_ROLE[self.role]
        lowered = tuple(
            Part(p.signal, p.origin, Trust.MEDIA if p.is_media else min(p.trust, ceiling)) for p in self.parts
        )
        object.__setattr__(self, "parts", lowered)


def text(words: str) -> Part:
    """A part of plain text, as trusted as the message it will stand in."""
    return Part(words, Origin("text"), Trust.SYSTEM)


def medium(signal: Image | Audio | Video, name: str = "", kind: Literal["file", "url", "upload"] = "file") -> Part:
    """A part of decoded media with its origin."""
    return Part(signal, Origin(kind, name, signal.content_hash), Trust.MEDIA)


@dataclass(frozen=True)
class Conversation:
    messages: tuple[Message, ...]

    @classmethod
    def ask(cls, question: str, *media: Image | Audio | Video) -> "Conversation":
        """One user message: media first, then the question."""
        return cls((Message("user", (*(medium(m) for m in media), text(question))),))

    @property
    def parts(self) -> list[Part]:
        """All parts in order; evidence points into this list."""
        return [part for message in self.messages for part in message.parts]

    def media(self) -> Iterator[tuple[int, Part]]:
        """Index (into `parts`) and part of each medium."""
        return ((i, part) for i, part in enumerate(self.parts) if part.is_media)


@dataclass(frozen=True)
class Box:
    """A region of a picture: corners in 0..1 of its width and height."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (0 <= self.x0 < self.x1 <= 1 and 0 <= self.y0 < self.y1 <= 1):
            raise UsageError(f"{self} isn't a box: it needs 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1")


WHOLE = Box(0.0, 0.0, 1.0, 1.0)  # the evidence for "it is not there" is having looked everywhere


@dataclass(frozen=True)
class Span:
    """A stretch of time in seconds."""

    start: float
    end: float

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end < math.inf:
            raise UsageError(f"{self} isn't a time span: it needs 0 <= start < end, finite, in seconds")


@dataclass(frozen=True)
class Evidence:
    """Where an answer comes from: a part, and a box, a time span or quoted text in it."""

    part: int
    where: Box | Span | str


@dataclass(frozen=True)
class Support:
    """How much the media raised the answer over other media, in nats: DESIGN section 2, `systems/otherwise.py`.

    total: sum over the answer's tokens. per_token: total divided by their number. supported: above the
    threshold.
    """

    total: float
    per_token: float
    supported: bool


@dataclass(frozen=True)
class Usage:
    prompt_tokens: int  # all tokens before the answer, media included
    media_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Answer:
    text: str
    evidence: tuple[Evidence, ...]
    support: Support | None
    usage: Usage
    abstained: bool = False


class Responder(Protocol):
    """Anything that answers and scores. Evaluation and guard know only this."""

    def respond(self, conversation: Conversation) -> Answer: ...

    def score(self, conversation: Conversation, candidates: Sequence[str]) -> list[float]:
        """log p of each candidate as the whole answer, in nats."""
        ...

"""What all responders of ours share: how answers are drawn and timed, support, and the protocol the commands use."""

import math
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from trenza.conversation import Answer, Conversation, Support
from trenza.errors import UsageError

WHOLE_ANSWERS = "log-likelihood of each choice as the whole answer, its end included"


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn. Temperature 0 is greedy; `stop` strings end the answer and are cut off."""

    max_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise UsageError(
                f"max_tokens {self.max_tokens} must be 1 or more, temperature {self.temperature} 0 or more, "
                f"top_p {self.top_p} above 0 and at most 1"
            )


@dataclass
class Timings:
    """Seconds of each phase of the last answer; 0 for a phase that happens elsewhere.

    first_token: from the question to the answer's first word, behind its evidence where that comes first.
    """

    encode: float = 0.0
    prefill: float = 0.0
    decode_per_token: float = 0.0
    first_token: float = 0.0
    support: float = 0.0


class StreamingResponder(Protocol):
    """A `Responder` as the commands use it; every MODEL of `load.responder` is one.

    scores: `score` reads log-likelihoods; where it is False it counts sampled answers. how_scored: which of them, in
    words for a report. warnings counts what went wrong and was mended. Some have more: `concurrent` (threads they
    bear, else 1), `scores_given_text` (False where only likely answers are scored).
    """

    timings: Timings

    @property
    def warnings(self) -> Counter[str]: ...

    @property
    def scores(self) -> bool: ...

    @property
    def how_scored(self) -> str: ...

    def respond(self, conversation: Conversation) -> Answer: ...

    def score(self, conversation: Conversation, candidates: Sequence[str]) -> list[float]: ...

    def stream(
        self, conversation: Conversation, sampling: Sampling = Sampling(), support: bool = True
    ) -> Generator[str, None, Answer]:
        """Yields the answer's text as it is made; the generator's return value is the Answer."""
        ...

    def support_for(self, conversation: Conversation, answer: str) -> Support | None:
        """How much the media raised this answer; None without media, or where there is nothing to compute it from."""
        ...


def finish(stream: Generator[str, None, Answer]) -> Answer:
    """The answer at the end of a stream."""
    while True:
        try:
            next(stream)
        except StopIteration as done:
            return done.value


def raised(with_media: float, with_references: Sequence[float], tokens: int, least: float = 0.0) -> Support:
    """Support (DESIGN section 2) from log p of the answer behind its media and behind each set of references.

    least: nats above which an answer counts as supported.
    """
    most = max(with_references)
    mean = most + math.log(sum(math.exp(p - most) for p in with_references) / len(with_references))
    return Support(with_media - mean, (with_media - mean) / max(tokens, 1), with_media - mean > least)


def sendable(text: str, stop: tuple[str, ...]) -> str:
    """The part of the text that no later token can take back: no half letter, no half stop string."""
    text = text.removesuffix("\ufffd")
    held = max((n for s in stop for n in range(1, len(s)) if text.endswith(s[:n])), default=0)
    return text[: len(text) - held]


def cut_at_stop(text: str, stop: tuple[str, ...]) -> str | None:
    """The text before the first stop string in it; None where there is none."""
    found = [at for s in stop if (at := text.find(s)) >= 0]
    return text[: min(found)] if found else None

"""Conversations without media are answered by the language model as it was before it learned to look.

Updates that are used with media alone cost the language nothing (Microsoft 2025, "Phi-4-Mini Technical Report", section
2.2, where each kind of media has updates of its own around a language model that stays as it is).
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, TypeVar

from torch import Tensor

from trenza.conversation import Answer, Conversation
from trenza.systems.answering import Sampling, StreamingResponder
from trenza.systems.decoding import DecoderSystem
from trenza.systems.examples import Medium
from trenza.systems.system_responder import SystemResponder
from trenza.towers.language import LanguageModel

Asked = TypeVar("Asked")
Told = TypeVar("Told")


class Words(DecoderSystem):
    """A `System` of a language model alone: it takes no media."""

    def __init__(self, language: LanguageModel):
        super().__init__()
        self.language, self.places = language, None

    def encode(self, media: Sequence[Medium]) -> list[Tensor]:
        assert not media, "conversations with media go elsewhere"
        return []


class Untouched(SystemResponder):
    """A responder that leaves conversations without media to another.

    words: makes that other when the first comes, since most who ask show something.
    """

    def __init__(self, *args: Any, words: Callable[[], SystemResponder], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._make, self._words = words, list[SystemResponder]()

    def without(self) -> SystemResponder:
        if not self._words:
            self._words.append(self._make())
        return self._words[0]

    def itself(self) -> SystemResponder:
        own = (self.system, self.tokenizer, self.sense, self.end, self.context, self.write, self.least)
        return SystemResponder(*own)

    def stream(
        self, conversation: Conversation, sampling: Sampling = Sampling(), support: bool = True
    ) -> Generator[str, None, Answer]:
        if any(conversation.media()):
            return (yield from super().stream(conversation, sampling, support))
        other = self.without()
        answer = yield from other.stream(conversation, sampling, support)
        self.timings = other.timings
        return answer

    def respond_many(self, conversations: Sequence[Conversation], most: int | None = None) -> list[Answer]:
        shown = [any(c.media()) for c in conversations]
        looking = partial(super().respond_many, most=most)
        return _parted(conversations, shown, looking, lambda some: self.without().respond_many(some, most))

    def score_many(self, requests: Sequence[tuple[Conversation, Sequence[str]]]) -> list[list[float]]:
        shown = [any(conversation.media()) for conversation, _ in requests]
        return _parted(requests, shown, super().score_many, lambda some: self.without().score_many(some))


def itself(responder: StreamingResponder) -> StreamingResponder:
    """The system alone, which answers what shows nothing too: evaluation asks it what training left in it."""
    return responder.itself() if isinstance(responder, Untouched) else responder


def _parted(
    asked: Sequence[Asked], shown: Sequence[bool],
    looking: Callable[[Sequence[Asked]], list[Told]], without: Callable[[Sequence[Asked]], list[Told]],
) -> list[Told]:  # fmt: skip
    """What shows something answered by one, what shows nothing by the other; in the order asked."""
    found: dict[int, Told] = {}
    for wanted, answer in ((True, looking), (False, without)):
        if some := [number for number, there in enumerate(shown) if there is wanted]:
            found |= zip(some, answer([asked[number] for number in some]), strict=True)
    return [found[number] for number in range(len(asked))]

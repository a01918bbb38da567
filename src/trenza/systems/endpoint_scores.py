"""How likely a choice is, from what a chat API shows: the most likely tokens along one answer, or sampled answers.

No request of the chat API scores a given text. With `logprobs` one greedy answer shows, at each of its tokens, the
likeliest others. Each is the beginning of another answer, and together they are disjoint events, each with its
probability: log p of the tokens before it plus its own. A choice gets the sum of the events that begin with it, and of
those that may still become it, where the list ends before it is told; so what is not told apart counts as an upper
bound. Without `logprobs`, answers sampled at temperature 1 are such events of equal weight.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LEAST = -100.0  # nats; servers write -9999 or -inf for what they don't tell
_GOES_ON = re.compile(r"\w|[.,]\d")  # of a word or a number
_AROUND = " \t\r\n*_`\"'“”‘’«»([{#>-"  # what may stand before an answer and isn't of it


@dataclass(frozen=True)
class Event:
    """An answer, or (`open`) the beginning of answers, and its log-probability in nats."""

    text: str
    log_p: float
    open: bool


def events(choice: dict[str, Any]) -> tuple[list[Event], int]:
    """What one greedy answer with `logprobs` shows, the answer itself last; and how many tokens it has.

    Raises KeyError or TypeError where the server's `logprobs` aren't what the API says.
    """
    said, log_p = b"", 0.0
    found = []
    content = choice["logprobs"]["content"]
    for token in content:
        for other in token["top_logprobs"]:
            if other["token"] != token["token"]:
                more = _bytes(other)  # nothing: the end of the answer
                found.append(Event(_text(said + more), log_p + _log_p(other), bool(more)))
        said += _bytes(token)
        log_p += _log_p(token)
    ended = choice.get("finish_reason") == "stop"
    return [*found, Event(_text(said), log_p, not ended)], len(content)


def _log_p(token: dict[str, Any]) -> float:
    """A token's log-probability: never above 0, never below LEAST, which also stands for what is no number."""
    given = float(token["logprob"])
    return min(given, 0.0) if given > LEAST else LEAST


def _bytes(token: dict[str, Any]) -> bytes:
    """A token's own bytes where the server gives them: one letter may be two tokens."""
    return bytes(token["bytes"]) if token.get("bytes") else str(token["token"]).encode()


def _text(said: bytes) -> str:
    return said.decode(errors="ignore")


def sampled(answers: Sequence[str]) -> list[Event]:
    return [Event(answer, -math.log(len(answers)), False) for answer in answers]


def log_p_of(found: Sequence[Event], candidates: Sequence[str]) -> list[float]:
    """log p of each candidate as the beginning of the answer; -inf where no event speaks for it."""
    wanted = [_plain(c) for c in candidates]
    mass = [0.0] * len(wanted)
    for event in found:
        for number in _speaks_for(_plain(event.text), event.open, wanted):
            mass[number] += math.exp(event.log_p)
    return [math.log(p) if p else -math.inf for p in mass]


def _plain(text: str) -> str:
    return text.lstrip(_AROUND).rstrip().casefold()


def _speaks_for(text: str, open_: bool, wanted: Sequence[str]) -> list[int]:
    """Numbers of the candidates that `text` begins with (of several the longest: "red car" isn't "red"), and, where
    it may go on, of those it may still become."""
    if not text:
        return []
    whole = [n for n, c in enumerate(wanted) if _begins(text, c)]
    longest = max((len(wanted[n]) for n in whole), default=0)
    numbers = [n for n in whole if len(wanted[n]) == longest]
    if open_:
        numbers += [n for n, c in enumerate(wanted) if c.startswith(text) and n not in numbers]
    return numbers


def _begins(text: str, candidate: str) -> bool:
    """Does the text begin with the candidate, and not with a longer word or number?"""
    return bool(candidate) and text.startswith(candidate) and not _GOES_ON.match(text[len(candidate) :])

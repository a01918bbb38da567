"""A responder over any OpenAI-compatible server: http(s)://HOST:PORT/v1, with #MODEL where it has several.

Answers are greedy (temperature 0). Choices are scored from `logprobs` where the server gives them, else by sampling;
`how_scored` says which, `warnings` what went wrong and was mended. Nothing wrong is passed on as an answer: it raises
EndpointError.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from trenza.conversation import Answer, Conversation, Message, Support, Usage, medium
from trenza.errors import EndpointError
from trenza.messages import write_messages
from trenza.signals import Image, Video
from trenza.systems.answering import Sampling, Timings, raised
from trenza.systems.endpoint_http import Client, Refused, printable
from trenza.systems.endpoint_scores import events, log_p_of, sampled
from trenza.systems.references import with_references

SILENCE_SECONDS = 120.0  # of a server at work on a long prompt
CONCURRENT = 8  # questions that an evaluation has in the air at once
SAMPLES = 16  # answers drawn where there are no log-likelihoods
TOP = (20, 5)  # alternatives a token: the API's most, and what some servers allow
SCORED_TOKENS = 64  # of one answer that scores are read from
VIDEO_FRAMES = 8
BY_LOGPROBS = (
    "log-likelihood of each choice as the beginning of the answer, from the {top} likeliest tokens at each step of the "
    "greedy answer (a chat API scores no given text); a choice among none of them gets the least that is listed, an "
    "upper bound"
)
BY_SAMPLING = (
    f"share of {SAMPLES} answers sampled at temperature 1 that begin with each choice, half an answer added to each: "
    "the server gives no logprobs"
)
CHAT, MODELS = "/chat/completions", "/models"


class Endpoint:
    """Safe to use from many threads at once, `concurrent` of them. Raises UsageError for a bad address, EndpointError
    for a bad server."""

    concurrent = 8
    scores_given_text = False  # only what it is likely to answer: see endpoint_scores

    concurrent = CONCURRENT

    def __init__(self, url: str, silence: float = SILENCE_SECONDS):
        self._client = Client(url, silence)
        self.name = self._client.name or self._only_model()
        self.timings = Timings()
        self._top: int | None = None  # alternatives a token that the server gives; 0: none; None: not asked yet
        self._takes_videos = self._takes_n = True
        self._lock = threading.Lock()

    @property
    def warnings(self) -> Counter[str]:
        """What went wrong and was mended, with how often."""
        return self._client.warnings

    def _only_model(self) -> str:
        try:
            names = [str(m["id"]) for m in self._client.ask(MODELS)["data"]]
        except (Refused, KeyError, TypeError) as error:
            raise EndpointError(
                f"{self._client.shown} doesn't list its models ({error}); give the name: {self._client.shown}#MODEL"
            ) from error
        if len(names) != 1:
            listed = printable(", ".join(names[:10])) or "none"
            raise EndpointError(f"{self._client.shown} has {len(names)} models ({listed}); choose one with #MODEL")
        return names[0]

    # --- requests --------------------------------------------------------------------------------

    def _body(self, conversation: Conversation, **settings: Any) -> dict[str, Any]:
        if not self._takes_videos:
            conversation = _in_frames(conversation)
        messages = write_messages(conversation)
        for message in messages:  # small servers know no list of parts
            if len(message["content"]) == 1 and set(message["content"][0]) == {"type", "text"}:
                message["content"] = message["content"][0]["text"]
        return {"model": self.name, "messages": messages, "temperature": 0, **settings}

    def _ask(self, conversation: Conversation, **settings: Any) -> list[dict[str, Any]]:
        """The choices answered. A video that is refused is sent again as frames, from then on always."""
        try:
            answer = self._client.ask(CHAT, self._body(conversation, **settings))
        except Refused:
            if not self._takes_videos or not _has_video(conversation):
                raise
            answer = self._client.ask(CHAT, self._body(_in_frames(conversation), **settings))
            self._takes_videos = False
            self._client.warn(f"the server takes no videos: they are sent as {VIDEO_FRAMES} pictures")
        self._check_name(answer)
        choices = answer.get("choices")
        if not isinstance(choices, list) or not choices or not all(isinstance(c, dict) for c in choices):
            raise EndpointError(f"{self._client.shown} answered without choices: {str(answer)[:200]}; look at its log")
        return [{**choice, "usage": answer.get("usage")} for choice in choices]

    def _check_name(self, answer: dict[str, Any]) -> None:
        """Servers may add a date, a tag or a folder to a name. Any other name is another model's."""
        name = answer.get("model")
        if name is None or name == "":
            return
        asked, got = (_ADDED.sub("", str(n).lower().rstrip("/").rsplit("/", 1)[-1]) for n in (self.name, name))
        if asked != got:
            raise EndpointError(
                f"{self._client.shown} was asked for {self.name!r} and answered as {name!r}; if that is the model "
                f"meant, give {self._client.shown}#{printable(str(name))}"
            )

    def _text(self, choice: dict[str, Any]) -> str:
        message = choice.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):  # parts, as some servers have it
            content = "".join(str(p.get("text", "")) for p in content if isinstance(p, dict))
        if content is None and isinstance(message, dict):
            content = message.get("refusal")
        if not isinstance(content, str):
            raise EndpointError(f"{self._client.shown} answered without text: {str(choice)[:200]}; look at its log")
        return content

    # --- answers ---------------------------------------------------------------------------------

    def respond(self, conversation: Conversation, sampling: Sampling = Sampling(), support: bool = False) -> Answer:
        """The whole answer. Support costs eight more requests, so it is asked for."""
        begun = time.perf_counter()
        choice = self._ask(conversation, **_settings(sampling))[0]
        text = self._text(choice).strip()
        answered = time.perf_counter()
        return self._finished(conversation, text, choice.get("usage"), (begun, answered, answered), support)

    def stream(
        self, conversation: Conversation, sampling: Sampling = Sampling(), support: bool = True
    ) -> Generator[str, None, Answer]:
        """Yields the answer's text as it comes; the generator's return value is the Answer."""
        if _has_video(conversation) and self._takes_videos:  # which may be refused, and is then sent again
            answer = self.respond(conversation, sampling, support)
            yield answer.text
            return answer
        begun = time.perf_counter()
        first, text, usage, chosen = 0.0, "", None, False
        body = self._body(conversation, stream=True, stream_options={"include_usage": True}, **_settings(sampling))
        for event in self._client.events(CHAT, body):
            self._check_name(event)
            usage = event.get("usage") or usage
            choices = event.get("choices")
            for choice in choices if isinstance(choices, list) else []:
                if not isinstance(choice, dict):
                    continue
                chosen = True
                new = self._text({"message": choice.get("delta")}) if _speaks(choice) else None
                new = self._text(choice) if "message" in choice else new  # a server that doesn't stream
                if new:
                    first = first or time.perf_counter()
                    text += new
                    yield new
        if not chosen:
            raise EndpointError(f"{self._client.shown} answered without choices; look at its log")
        end = time.perf_counter()
        return self._finished(conversation, text.strip(), usage, (begun, first or end, end), support)

    def _finished(
        self, conversation: Conversation, text: str, usage: Any, times: tuple[float, float, float], support: bool
    ) -> Answer:
        begun, first, end = times
        counts = usage if isinstance(usage, dict) else {}
        prompt, made = (_count(counts.get(k)) for k in ("prompt_tokens", "completion_tokens"))
        details = counts.get("prompt_tokens_details")
        media = sum(_count(details.get(k)) for k in _MEDIA_TOKENS) if isinstance(details, dict) else 0
        measured = self.support_for(conversation, text) if support and text else None
        self.timings = Timings(
            0.0, first - begun, (end - first) / max(1, made - 1), first - begun, time.perf_counter() - end
        )
        return Answer(text, (), measured, Usage(prompt, media, made))

    # --- scores ----------------------------------------------------------------------------------

    @property
    def scores(self) -> bool:
        """Does the server give log-likelihoods? Asks it once."""
        return self._alternatives() > 0

    @property
    def how_scored(self) -> str:
        return BY_LOGPROBS.format(top=self._alternatives()) if self.scores else BY_SAMPLING

    def score(self, conversation: Conversation, candidates: Sequence[str]) -> list[float]:
        """log p of each candidate, in nats, as `how_scored` says."""
        if not candidates:
            return []
        if self._alternatives():
            found, _ = self._events(conversation)
            least = min(e.log_p for e in found)
            return [max(p, least) if p == -np.inf else p for p in log_p_of(found, candidates)]
        shares = np.exp(log_p_of(sampled(self._samples(conversation)), candidates))
        smoothed = (shares * SAMPLES + 0.5) / (SAMPLES + 0.5 * (len(candidates) + 1))  # the last: any other answer
        return [float(p) for p in np.log(smoothed)]

    def support_for(self, conversation: Conversation, answer: str) -> Support | None:
        """How much the media raised this answer: at least this much, as scores behind references are upper bounds.

        None without media or log-likelihoods, and for an answer the server wouldn't give greedily.
        """
        others = with_references(conversation)
        if not others or not answer or not self._alternatives():
            return None
        found, tokens = self._events(conversation)
        if not found[-1].text.strip().startswith(answer.strip()):
            return None
        behind = [self.score(other, [answer])[0] for other in others]
        return raised(log_p_of(found[-1:], [answer])[0], behind, tokens)

    def _alternatives(self) -> int:
        with self._lock:
            if self._top is None:
                self._top = next((top for top in TOP if self._gives(top)), 0)
                if not self._top:
                    self._client.warn("the server gives no logprobs: choices are scored by sampling")
            return self._top

    def _gives(self, top: int) -> bool:
        try:
            [choice] = self._ask(Conversation.ask("Say yes."), max_tokens=1, logprobs=True, top_logprobs=top)
            return len(events(choice)[0]) > 2
        except (Refused, KeyError, TypeError, ValueError):
            return False

    def _events(self, conversation: Conversation) -> tuple[list, int]:
        asked = {"max_tokens": SCORED_TOKENS, "logprobs": True, "top_logprobs": self._top}
        choice = self._ask(conversation, **asked)[0]
        try:
            found = events(choice)
        except (KeyError, TypeError, ValueError) as error:
            raise EndpointError(f"{self._client.shown} gave logprobs before and now none: {error!r}") from error
        if not found[1]:
            raise EndpointError(f"{self._client.shown} answered nothing, so nothing can be scored; look at its log")
        return found

    def _samples(self, conversation: Conversation) -> list[str]:
        """SAMPLES answers at temperature 1; in one request where the server knows `n`."""
        answers: list[str] = []
        while len(answers) < SAMPLES:
            n = SAMPLES - len(answers) if self._takes_n else 1
            settings = {"temperature": 1, "seed": len(answers), "max_tokens": SCORED_TOKENS}
            try:
                choices = self._ask(conversation, **settings, **({"n": n} if n > 1 else {}))
            except Refused:
                if n == 1:
                    raise
                self._takes_n = False
                continue
            self._takes_n = self._takes_n and (n == 1 or len(choices) > 1)
            answers += [self._text(c) for c in choices]
        return answers[:SAMPLES]


_ADDED = re.compile(r"([-@:](latest|\d{4,8}|\d{4}-\d\d-\d\d)|\.gguf)$")
_MEDIA_TOKENS = ("image_tokens", "audio_tokens", "video_tokens")


def _settings(sampling: Sampling) -> dict[str, Any]:
    """What differs from the server's greedy defaults."""
    out: dict[str, Any] = {"max_tokens": sampling.max_tokens}
    if sampling.temperature > 0:
        out |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed}
    return out | ({"stop": list(sampling.stop)} if sampling.stop else {})


def _speaks(choice: dict[str, Any]) -> bool:
    return isinstance(choice.get("delta"), dict) and choice["delta"].get("content") is not None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _has_video(conversation: Conversation) -> bool:
    return any(isinstance(part.signal, Video) for _, part in conversation.media())


def _in_frames(conversation: Conversation) -> Conversation:
    """Videos as pictures in order, and their sound behind them."""
    messages = []
    for message in conversation.messages:
        parts = []
        for part in message.parts:
            if not isinstance(part.signal, Video):
                parts.append(part)
                continue
            video = part.signal
            count = min(VIDEO_FRAMES, len(video.frames))
            chosen = np.linspace(0, len(video.frames) - 1, count).round().astype(int)
            parts += [medium(Image(video.frames[i])) for i in chosen]
            parts += [medium(video.audio)] if video.audio is not None else []
        messages.append(Message(message.role, tuple(parts)))
    return Conversation(tuple(messages))

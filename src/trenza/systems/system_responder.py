"""One responder over every architecture of the bench: conversation to example, tokens to answer, scores, support."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from trenza.checkpoints.tokenizer import Slot, Tokenizer
from trenza.conversation import Answer, Conversation, Evidence, Support, Usage
from trenza.errors import UsageError
from trenza.layers.sampling import sample
from trenza.signals import Audio, Image, Signal, Video
from trenza.signals.normalise import into_square, out_of_square
from trenza.systems import scoring
from trenza.systems.abstaining import abstained
from trenza.systems.answering import WHOLE_ANSWERS, Sampling, Timings, cut_at_stop, finish, raised, sendable
from trenza.systems.asked import Asked, Questions, looked_for
from trenza.systems.examples import Example, Medium, System, Turn
from trenza.systems.listening import Listening, Seen
from trenza.systems.otherwise import decisive
from trenza.systems.places import LOOKS, Places, as_it_is, fitted
from trenza.systems.references import Banks

REMEMBERED = 128  # signals whose features are kept, half a megabyte a picture
Sense = Callable[[Sequence[Signal]], list[tuple[Medium, ...]]]  # each signal's media: a video with sound has two
Roles = Sequence[tuple[str, Sequence[int]]]  # role of each message, and the numbers of its parts
Write = Callable[[Roles], list[list[int] | Slot]]  # a prompt with a Slot for each part, `Tokenizer.prompt`


@dataclass(frozen=True)
class Prompt:
    """A conversation as an example without an answer. media: number of its part, and the signal, in order.

    asked: what it asks for by name, where the system names what it perceives.
    """

    example: Example
    media: tuple[tuple[int, Image | Audio | Video], ...]
    words: int
    media_tokens: int
    asked: Asked


class SystemResponder:
    """`system` is a `System`; where it has `stream`, answers come token by token and may be sampled.

    sense: signals to the features that the system was trained on. end: the token that ends an answer. least: support
    in nats above which an answer counts as supported; `align/calibrate.py` chooses it.
    """

    def __init__(
        self, system: System, tokenizer: Tokenizer, sense: Sense, end: int, context: int = 2048,
        write: Write | None = None, least: float = 0.0,
    ):  # fmt: skip
        self.system, self.tokenizer, self.sense = system, tokenizer, sense
        self.end, self.context, self.write = end, context, write or tokenizer.prompt
        self.places: Places | None = getattr(system, "places", None)
        self.least = least
        self.scores, self.how_scored = True, WHOLE_ANSWERS
        self.timings, self.warnings = Timings(), Counter[str]()
        self._banks = Banks(sense)
        self._questions = Questions(getattr(system, "bridges", {}), tokenizer.decode)
        self._listening = Listening(getattr(sense, "beside", None), self._questions.whole("image"))
        self._seen: dict[str, tuple[Medium, ...]] = {}

    # --- from conversation to example -------------------------------------------------------------

    @torch.no_grad()
    def prompt(self, conversation: Conversation) -> Prompt:
        """Raises UsageError when the conversation is longer than the context."""
        signals = [(i, p.signal) for i, p in conversation.media() if not isinstance(p.signal, str)]
        seen: Seen = dict(zip((i for i, _ in signals), self._sensed([s for _, s in signals]), strict=True))
        seen = self._listening(signals, seen)
        asked = self._questions(conversation, [m for own in seen.values() for m in own])
        example = looked_for(self._example(conversation, seen), asked)
        words = sum(len(p) for p in example.prefix if isinstance(p, list)) + len(example.turns[0].question)
        media_tokens = self._media_tokens([p for p in example.prefix if isinstance(p, Medium)])
        if words + media_tokens >= self.context:
            raise UsageError(
                f"the conversation has {words + media_tokens} tokens, the limit is {self.context - 1}; "
                "ask with less text or fewer media"
            )
        return Prompt(example, tuple(signals), words, media_tokens, asked)

    @torch.no_grad()
    def _sensed(self, signals: Sequence[Image | Audio | Video]) -> list[tuple[Medium, ...]]:
        """Each signal's media; those that aren't remembered are sensed together."""
        new = {s.content_hash: s for s in signals if s.content_hash not in self._seen}
        made = {s.content_hash: self._seen[s.content_hash] for s in signals if s.content_hash in self._seen}
        made |= zip(new, self.sense(list(new.values())) if new else [], strict=True)
        self._seen |= made
        while len(self._seen) > REMEMBERED:
            self._seen.pop(next(iter(self._seen)))
        return [made[s.content_hash] for s in signals]

    def _example(self, conversation: Conversation, seen: Seen) -> Example:
        """Media of part numbers `seen` among the words; where words stand between media, earlier ones go before."""
        parts = conversation.parts
        numbers = iter(range(len(parts)))
        roles = [(m.role, [next(numbers) for _ in m.parts]) for m in conversation.messages]
        runs: list[tuple[list[Medium], list[int]]] = [([], [])]  # media, and the words behind them
        for piece in self.write(roles):
            signal = parts[piece.index].signal if isinstance(piece, Slot) else piece
            if isinstance(signal, list):
                runs[-1][1].extend(signal)
            elif isinstance(signal, str):
                runs[-1][1].extend(self.tokenizer.encode(signal))
            elif isinstance(piece, Slot):
                if runs[-1][1] or not runs[-1][0]:
                    runs.append(([], []))
                runs[-1][0].extend(seen[piece.index])
        (_, opening), *pages = runs
        if not pages:
            return Example([], (), (Turn(opening, []),))
        made = [
            Example(opening if i == 0 else [], tuple(media), (Turn(words, []),))
            for i, (media, words) in enumerate(pages)
        ]
        last = made[-1]
        return Example(last.opening, last.media, last.turns, before=tuple(made[:-1]))

    def _media_tokens(self, media: Sequence[Medium]) -> int:
        count = getattr(self.system, "media_tokens", None)  # else a token for each feature
        return count(media) if count else sum(m.features.shape[0] * m.features.shape[1] for m in media)

    # --- answers ----------------------------------------------------------------------------------

    def respond(self, conversation: Conversation, sampling: Sampling = Sampling(), support: bool = True) -> Answer:
        """The whole answer; see `stream`."""
        return finish(self.stream(conversation, sampling, support))

    def stream(
        self, conversation: Conversation, sampling: Sampling = Sampling(), support: bool = True
    ) -> Generator[str, None, Answer]:
        """Yields the answer's text as it is made; the generator's return value is the Answer."""
        begun = time.perf_counter()
        prompt = self.prompt(conversation)
        encoded = time.perf_counter()
        tokens: list[int] = []
        begun_saying = first = 0.0
        text = sent = ""
        for token in self._tokens(prompt.example, self._room(prompt, sampling), sampling):
            first = first or time.perf_counter()
            tokens.append(token)
            full = len(self._said(tokens)) >= sampling.max_tokens
            if self.places and token >= self.places.base and not full:
                continue  # a place is told when all its numbers are there
            text = self._read(tokens, conversation)[0]
            begun_saying = begun_saying or (time.perf_counter() if text else 0.0)
            cut = cut_at_stop(text, sampling.stop)
            if cut is not None:
                text = cut
                break
            if full:
                break
            ready = sendable(text, sampling.stop)
            if len(ready) > len(sent):
                yield ready[len(sent) :]
                sent = ready
        told, evidence = self._read(tokens, conversation)
        cut = cut_at_stop(told, sampling.stop)
        text = told if cut is None else cut
        if len(text) > len(sent):
            yield text[len(sent) :]
        decoded = time.perf_counter()
        answer = self._said(tokens)
        worth = None
        if support and prompt.media and answer:
            worth = self._support(prompt, answer, self._look(tokens), usual=sampling.temperature == 0)
        first = first or decoded
        self.timings = Timings(
            encoded - begun, first - encoded, (decoded - first) / max(1, len(tokens) - 1),
            (begun_saying or decoded) - begun, time.perf_counter() - decoded,
        )  # fmt: skip
        usage = Usage(prompt.words + prompt.media_tokens, prompt.media_tokens, len(tokens))
        return Answer(text.strip(), evidence, worth, usage, abstained(text))

    def _tokens(self, example: Example, most: int, sampling: Sampling) -> Iterator[int]:
        stream: Any = getattr(self.system, "stream", None)
        if stream is not None:
            rng = torch.Generator().manual_seed(sampling.seed)
            choose = partial(sample, temperature=sampling.temperature, top_p=sampling.top_p, rng=rng)
            yield from stream(example, self.end, most, choose)
            return
        if sampling.temperature > 0:
            raise UsageError(f"{type(self.system).__name__} answers greedily; leave the temperature at 0")
        yield from self.system.generate(example, self.end, most)

    def _room(self, prompt: Prompt, sampling: Sampling) -> int:
        """Tokens that may be made: of the answer, and before it of its evidence."""
        looks = LOOKS + 1 if self.places else 0
        return min(sampling.max_tokens + looks, self.context - prompt.words - prompt.media_tokens)

    def _said(self, tokens: list[int]) -> list[int]:
        """The answer's own tokens, without its evidence."""
        return self.places.parted(tokens)[1] if self.places else tokens

    def _look(self, tokens: list[int]) -> list[int] | None:
        """The evidence before the answer, as candidates can stand behind it."""
        return self.places.looked(tokens) if self.places else None

    def _read(self, tokens: list[int], conversation: Conversation) -> tuple[str, tuple[Evidence, ...]]:
        """Text and evidence, which the system gives by the number of the medium, by that of the part."""
        if self.places is None:
            return self.tokenizer.decode(tokens), ()
        media = [number for number, _ in conversation.media()]
        fits = [fitted(part.signal, out_of_square) for _, part in conversation.media()]
        text, found = self.places.read(tokens, self.tokenizer.decode, fits)
        return text, tuple(Evidence(media[e.part], e.where) for e in found if e.part < len(media))

    # --- many at once -----------------------------------------------------------------------------

    def respond_many(self, conversations: Sequence[Conversation], most: int | None = None) -> list[Answer]:
        """The greedy answers of `respond` without support; side by side where media stand among the words.

        most: tokens, evidence and answer together, behind which each is cut; left out, as many as `respond` makes.
        """
        self._sense_ahead(conversations)
        system = self.system
        prompts = [self.prompt(c) for c in conversations]
        rooms = [min(self._room(p, Sampling()), most or self.context) for p in prompts]
        answers, examples = [], [p.example for p in prompts]
        if scoring.side_by_side(system):
            rows = scoring.greedy(system, scoring.rows(system, examples), examples, self.end, rooms)
        else:
            rows = [self._alone(example, room) for example, room in zip(examples, rooms, strict=True)]
        for conversation, prompt, tokens in zip(conversations, prompts, rows, strict=True):
            tokens = tokens[: len(tokens) - max(0, len(self._said(tokens)) - Sampling().max_tokens)]
            told, evidence = self._read(tokens, conversation)
            usage = Usage(prompt.words + prompt.media_tokens, prompt.media_tokens, len(tokens))
            answers.append(Answer(told.strip(), evidence, None, usage, abstained(told)))
        return answers

    def _alone(self, example: Example, most: int) -> list[int]:
        """Greedy tokens of one answer, as soon as it is as long as answers may be."""
        tokens: list[int] = []
        for token in self._tokens(example, most, Sampling()):
            tokens.append(token)
            if len(self._said(tokens)) >= Sampling().max_tokens:
                break
        return tokens

    def score_many(self, requests: Sequence[tuple[Conversation, Sequence[str]]]) -> list[list[float]]:
        """`score` of each conversation's candidates; whatever prompts share is computed once where they are words."""
        self._sense_ahead([conversation for conversation, _ in requests])
        examples = [self.prompt(conversation).example for conversation, _ in requests]
        answers = [
            [[*self._written(c, conversation), self.end] for c in candidates] for conversation, candidates in requests
        ]
        return scoring.log_p(self.system, examples, answers)

    def _sense_ahead(self, conversations: Sequence[Conversation]) -> None:
        """Towers see the media of some conversations together."""
        signals = [p.signal for c in conversations for p in c.parts if not isinstance(p.signal, str)]
        for start in range(0, len(signals), REMEMBERED):
            self._sensed(signals[start : start + REMEMBERED])

    # --- scores -----------------------------------------------------------------------------------

    def score(self, conversation: Conversation, candidates: Sequence[str]) -> list[float]:
        """log p of each candidate as the whole answer, its end included, in nats.

        Where the system gives evidence, behind the evidence that it gives here: an answer is read off it.
        """
        return self.score_many([(conversation, candidates)])[0]

    def _written(self, answer: str, conversation: Conversation) -> list[int]:
        if self.places is None:
            return self.tokenizer.encode(answer)
        signals = [part.signal for _, part in conversation.media()]
        spans = not any(isinstance(signal, Image) for signal in signals)
        fit = fitted(signals[0], into_square) if signals else as_it_is
        return self.places.write(answer, self.tokenizer.encode, spans, fit)

    def support_for(self, conversation: Conversation, answer: str) -> Support | None:
        """How much the media raised this answer, its end left out; None without media or answer."""
        prompt, tokens = self.prompt(conversation), self._written(answer, conversation)
        return self._support(prompt, tokens) if prompt.media and tokens else None

    def _support(
        self, prompt: Prompt, answer: list[int], look: list[int] | None = None, usual: bool = False
    ) -> Support:
        """look: the evidence that was given; left out, the system's greedy evidence. usual: this is its greedy answer.

        A system that perceives things tells what the media could have been instead (`systems/otherwise.py`); its answer
        is held against those of them that make a difference to the usual one. Every other system's, and what none of
        them makes a difference to, is held against the reference media.
        """
        otherwise = getattr(self.system, "otherwise", None)
        if others := list(otherwise(prompt.example, prompt.asked)) if otherwise else []:
            candidates = [answer]
            if not usual:
                made = self._alone(prompt.example, self._room(prompt, Sampling()))
                candidates, look = [answer, self._said(made)], look or self._look(made)
            examples = [prompt.example, *others]
            first, *found = scoring.log_p(self.system, examples, [candidates] * len(examples), look)
            if behind := decisive(first[-1], found):
                return raised(first[0], behind, len(answer), self.least)
        banks = self._banks(prompt.example, [s for _, s in prompt.media])
        examples = [prompt.example, *(looked_for(bank, prompt.asked) for bank in banks)]
        own, *rest = (log_p for (log_p,) in scoring.log_p(self.system, examples, [[answer]] * len(examples), look))
        return raised(own, rest, len(answer), self.least)

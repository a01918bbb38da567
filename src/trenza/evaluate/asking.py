"""Puts questions to a responder: each once, in batches or at once where it can, and never loses a failure."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from trenza.conversation import Answer, Conversation, Evidence, Responder
from trenza.errors import EndpointError, TrenzaError, UsageError
from trenza.evaluate.store import Store, evidence_from_json, evidence_to_json, key_of
from trenza.signals import Image

BATCH = 64  # questions given to a model at once, and the most that a killed run asks again
GIVE_UP = 25  # questions that didn't reach a server, without a single answer, after which it counts as gone
_TRIAL = "Is snow white? Answer yes or no."
TRIALS = (Conversation.ask(_TRIAL), Conversation.ask(_TRIAL, Image(np.full((64, 64, 3), 128, np.uint8))))


@dataclass(frozen=True)
class Outcome:
    """What came of a question: a text with what the model states beside it, or log p of candidates, or a failure."""

    text: str = ""
    log_p: tuple[float, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    abstained: bool = False
    support: float | None = None  # nats a token
    failed: str = ""


@dataclass(frozen=True)
class Request:
    """A conversation to respond to, or to score `candidates` in."""

    conversation: Conversation
    candidates: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "score" if self.candidates else "respond"


@dataclass
class Asker:
    """A responder behind its kept answers. `model` names it, weights and all, in the keys."""

    responder: Responder
    model: str
    store: Store
    asked: int = 0
    kept: int = 0  # answers that were there already
    seconds: float = 0.0  # spent by the responder
    _unreached: int = 0  # questions that never got to a model
    failures: dict[str, int] = field(default_factory=dict)

    def scores(self) -> bool:
        """Can this responder say log p of candidates? Some endpoints can't; some take no pictures, some only."""
        if not getattr(self.responder, "scores", True):
            return False
        for trial in TRIALS:
            try:
                return len(self.responder.score(trial, ["yes", "no"])) == 2
            except (UsageError, NotImplementedError):
                continue
            except TrenzaError:
                return True  # it can, only not this time
        return False

    def ask(self, requests: Sequence[Request]) -> list[Outcome]:
        """An outcome for each request, in order; equal ones asked once. Raises EndpointError when nobody answers."""
        keys = [key_of(self.model, r.kind, r.conversation, r.candidates) for r in requests]
        found = {key: _read(value) for key, value in self.store.get(keys).items()}
        self.kept += len(found)
        missing: dict[str, Request] = {k: r for k, r in zip(keys, requests, strict=True) if k not in found}
        begun = time.perf_counter()
        for kind in ("respond", "score"):
            rows = iter([(k, r) for k, r in missing.items() if r.kind == kind])
            while some := dict(islice(rows, BATCH)):
                self._ask_new(some, found)
        self.seconds += time.perf_counter() - begun
        return [found[key] for key in keys]

    def _ask_new(self, requests: dict[str, Request], found: dict[str, Outcome]) -> None:
        respond = next(iter(requests.values())).kind == "respond"
        many = getattr(self.responder, "respond_many" if respond else "score_many", None)
        if many is not None:
            rows = requests.values()
            given = [r.conversation if respond else (r.conversation, r.candidates) for r in rows]
            try:
                for key, value in zip(requests, many(given), strict=True):
                    self._keep(key, requests[key], _outcome(requests[key], value), found)
                return
            except TrenzaError:  # one of them can't be asked; singly the others can
                pass
        with ThreadPoolExecutor(max(1, int(getattr(self.responder, "concurrent", 1)))) as pool:
            running = {pool.submit(self._one, request): key for key, request in requests.items() if key not in found}
            try:
                for future in as_completed(running):  # kept as they come: a run may be killed at any moment
                    self._keep(running[future], requests[running[future]], future.result(), found)
            finally:
                pool.shutdown(cancel_futures=True)

    def _one(self, request: Request) -> Outcome:
        try:
            if request.kind == "respond":
                return _outcome(request, self.responder.respond(request.conversation))
            return _outcome(request, self.responder.score(request.conversation, request.candidates))
        except TrenzaError as error:
            self._unreached += isinstance(error, EndpointError)
            return Outcome(failed=str(error) or type(error).__name__)

    def _keep(self, key: str, request: Request, outcome: Outcome, found: dict[str, Outcome]) -> None:
        """Answers are kept at once; failures are not, so that the next run tries again."""
        found[key] = outcome
        if not outcome.failed:
            self.asked += 1
            self.store.put(key, _write(outcome))
            return
        self.failures[outcome.failed] = self.failures.get(outcome.failed, 0) + 1
        if not self.asked and not self.kept and self._unreached >= GIVE_UP:
            raise EndpointError(f"{GIVE_UP} questions in a row got no answer; the last: {outcome.failed}")


def _outcome(request: Request, value: Any) -> Outcome:
    """The responder's answer, if it is one: nonsense counts as a failure, and is told as one."""
    if request.kind == "score":
        numbers = tuple(float(v) for v in value) if isinstance(value, list | tuple) else ()
        if len(numbers) != len(request.candidates) or any(math.isnan(v) for v in numbers):
            return Outcome(failed=f"scores of {len(request.candidates)} candidates were asked for, {numbers} came")
        return Outcome(log_p=numbers)
    if not isinstance(value, Answer):
        return Outcome(failed=f"the responder gave a {type(value).__name__} in place of an answer")
    support = value.support.per_token if value.support is not None else None
    return Outcome(value.text, (), value.evidence, value.abstained, support)


def _write(outcome: Outcome) -> list[Any]:
    if outcome.log_p:
        return list(outcome.log_p)
    return [outcome.text, evidence_to_json(outcome.evidence), outcome.abstained, outcome.support]


def _read(value: list[Any]) -> Outcome:
    if isinstance(value[0], str):
        return Outcome(value[0], (), evidence_from_json(value[1]), value[2], value[3])
    return Outcome(log_p=tuple(value))

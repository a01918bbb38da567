"""Tokens out of transformers' `generate` as they are made: it runs in a thread and is stopped with the reader."""

import queue
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from trenza.systems.answering import Sampling

_DONE = None


class Tokens:
    """Iterates over the new tokens of one answer, at most `room`; leaving the `with` block stops the thread."""

    def __init__(self, model: Any, tensors: Mapping[str, Tensor], sampling: Sampling, room: int, lock: threading.Lock):
        self._queue: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._prompt_seen = False
        self._arguments = (model, tensors, sampling, room, lock)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Tokens":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def __iter__(self) -> Iterator[int]:
        while (token := self._queue.get()) is not _DONE:
            if isinstance(token, BaseException):
                raise token
            yield token

    def put(self, value: Tensor) -> None:
        """Called by `generate` with the prompt, then with each token."""
        if self._prompt_seen:
            self._queue.put(int(value.reshape(-1)[0]))
        self._prompt_seen = True

    def end(self) -> None:
        """Called by `generate` at the end; the thread says so itself, errors included."""

    def _run(self) -> None:
        model, tensors, sampling, room, lock = self._arguments
        drawn: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            drawn = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
        try:
            with lock, torch.random.fork_rng():
                torch.manual_seed(sampling.seed)
                model.generate(
                    **tensors, **drawn, max_new_tokens=room, streamer=self,
                    stopping_criteria=[lambda *_, **__: self._stopped.is_set()],
                )  # fmt: skip
        except BaseException as error:  # handed to the reader, who is in another thread
            self._queue.put(error)
        self._queue.put(_DONE)

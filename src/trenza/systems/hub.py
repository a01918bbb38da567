"""A responder over any public checkpoint that transformers has: pictures, sounds and text by its own processor.

Its own chat template writes the prompt and the end of an answer. A video goes in as eight frames in order, as
pictures, whatever the checkpoint is: few have a reader of videos, and so the answers stay comparable.
"""

import inspect
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from trenza.conversation import Answer, Conversation, Support, Usage
from trenza.systems import hub_load
from trenza.systems.answering import WHOLE_ANSWERS, Sampling, Timings, cut_at_stop, finish, raised, sendable
from trenza.systems.hub_prompt import Prompt, Prompter
from trenza.systems.hub_stream import Tokens
from trenza.systems.references import with_references


class HubResponder:
    """`source` is a folder or a hub name. Raises WeightsError, see `hub_load.load`."""

    def __init__(self, source: str):
        self.model, processor = hub_load.load(source)
        self.prompter = Prompter(source, self.model, processor)
        self.scores, self.how_scored = True, WHOLE_ANSWERS
        self.timings, self.warnings = Timings(), self.prompter.warnings
        self._own_generation()
        # One at a time: models keep state between steps (Qwen2-VL its positions), and sampling seeds are global.
        self._lock = threading.Lock()

    def _own_generation(self) -> None:
        """Plain sampling: the habits a checkpoint comes with (top_k, repetition penalties) change what is compared."""
        from transformers import GenerationConfig

        ends, pad = self.prompter.ends, self.prompter.tokenizer.pad_token_id
        self.model.generation_config = GenerationConfig(
            eos_token_id=ends, pad_token_id=ends[0] if pad is None else pad, do_sample=False
        )

    # --- answers ---------------------------------------------------------------------------------

    def respond(self, conversation: Conversation, sampling: Sampling = Sampling(), support: bool = False) -> Answer:
        """The whole answer; see `stream`. Support costs a pass for each reference, so it is asked for."""
        return finish(self.stream(conversation, sampling, support))

    def stream(
        self, conversation: Conversation, sampling: Sampling = Sampling(), support: bool = True
    ) -> Generator[str, None, Answer]:
        """Yields the answer's text as it is made; the generator's return value is the Answer."""
        begun = time.perf_counter()
        prompt = self.prompter.prompt(conversation)
        encoded = time.perf_counter()
        room = min(sampling.max_tokens, self.prompter.context - prompt.tokens)
        tokens: list[int] = []
        first = 0.0
        text = sent = ""
        with Tokens(self.model, prompt.tensors, sampling, room, self._lock) as made:
            for token in made:
                first = first or time.perf_counter()
                if token in self.prompter.ends:
                    break
                tokens.append(token)
                text = self.prompter.tokenizer.decode(tokens, skip_special_tokens=True)
                cut = cut_at_stop(text, sampling.stop)
                if cut is not None:
                    text = cut
                    break
                ready = sendable(text, sampling.stop)
                if len(ready) > len(sent):
                    yield ready[len(sent) :]
                    sent = ready
        if len(text) > len(sent):
            yield text[len(sent) :]
        decoded = time.perf_counter()
        measured = self._support(conversation, prompt, tokens) if support else None
        first = first or decoded
        self.timings = Timings(
            encoded - begun, first - encoded, (decoded - first) / max(1, len(tokens) - 1),
            first - begun, time.perf_counter() - decoded,
        )  # fmt: skip
        usage = Usage(prompt.tokens, prompt.media_tokens, len(tokens))
        return Answer(text=text.strip(), evidence=(), support=measured, usage=usage, abstained=False)

    # --- scores ----------------------------------------------------------------------------------

    def score(self, conversation: Conversation, candidates: Sequence[str]) -> list[float]:
        """log p of each candidate as the whole answer in the template's own words, its end included, in nats."""
        prompt = self.prompter.prompt(conversation)
        return [self._log_likelihood(prompt, self.prompter.answer_ids(c), ends=True) for c in candidates]

    def support_for(self, conversation: Conversation, answer: str) -> Support | None:
        """How much the media raised this answer, its end left out; None without media or answer."""
        return self._support(conversation, self.prompter.prompt(conversation), self.prompter.answer_ids(answer)[:-1])

    def _support(self, conversation: Conversation, prompt: Prompt, answer: list[int]) -> Support | None:
        others = with_references(conversation) if answer else []
        if not others:
            return None
        behind = [self._log_likelihood(self.prompter.prompt(other), answer) for other in others]
        return raised(self._log_likelihood(prompt, answer), behind, len(answer))

    @torch.no_grad()
    def _log_likelihood(self, prompt: Prompt, answer: list[int], ends: bool = False) -> float:
        """Sum of log p of the answer's tokens behind the prompt. With `ends`, its last may be any end of an answer."""
        rows: dict[str, Any] = prompt.tensors | _longer(prompt.tensors, answer)
        if "logits_to_keep" in inspect.signature(self.model.forward).parameters:
            rows |= {"logits_to_keep": len(answer) + 1}
        with self._lock:
            logits = self.model(**rows, use_cache=False).logits[0]
        log_p = logits[-len(answer) - 1 : -1].float().log_softmax(-1)  # [answer, vocabulary]
        chosen = log_p.gather(1, torch.tensor(answer, device=log_p.device)[:, None])[:, 0]
        if not ends:
            return float(chosen.sum())
        return float(chosen[:-1].sum() + log_p[-1, self.prompter.ends].logsumexp(0))


def _longer(tensors: Mapping[str, Tensor], answer: list[int]) -> dict[str, Tensor]:
    """What belongs to each token, [1, T], with the answer behind it: it is seen, and it is text (type 0)."""
    ids = tensors["input_ids"]
    fill = {"input_ids": torch.tensor([answer]), "attention_mask": torch.ones(1, len(answer), dtype=torch.long)}
    return {
        name: torch.cat([value, fill.get(name, torch.zeros(1, len(answer))).to(value)], 1)
        for name, value in tensors.items()
        if value.shape == ids.shape and not value.is_floating_point()
    }

"""A responder over LLaVA: prompt, generation, scores and support."""

import time
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from trenza.checkpoints.tokenizer import Slot, Tokenizer
from trenza.conversation import Answer, Conversation, Support, Usage
from trenza.errors import UsageError
from trenza.layers.sampling import sample
from trenza.signals import Audio, Image, Video
from trenza.signals.normalise import square
from trenza.systems import batch
from trenza.systems.answering import WHOLE_ANSWERS, Sampling, Timings, cut_at_stop, finish, raised, sendable
from trenza.systems.braid import Braided
from trenza.systems.references import references
from trenza.systems.splice import Piece, splice
from trenza.towers import hearing

VIDEO_FRAMES = 8
REMEMBERED = 512  # media whose tokens are kept while many conversations are answered
TURN_ENDS = "<|im_end|>"


@dataclass(frozen=True)
class Prompt:
    """A conversation ready to run: its pieces, and which of them are media (by their signal)."""

    pieces: list[Piece]
    media: dict[int, Image | Audio | Video] = field(default_factory=dict)

    @property
    def media_tokens(self) -> int:
        return sum(len(self.pieces[i]) for i in self.media)

    @property
    def tokens(self) -> int:
        return sum(len(p) for p in self.pieces)


class LlavaResponder:
    def __init__(self, model: Braided, tokenizer: Tokenizer, context: int = 2048):
        self.model, self.tokenizer, self.context = model, tokenizer, context
        self.scores, self.how_scored = True, WHOLE_ANSWERS
        self.timings, self.warnings = Timings(), Counter[str]()
        self._end = tokenizer.token(TURN_ENDS)
        self._reference_tokens: dict[tuple, list[Tensor]] = {}
        self._seen: dict[str, Tensor] = {}  # media tokens by content, of conversations that come in numbers

    # --- from conversation to prompt -------------------------------------------------------------

    def encode(self, signal: Image | Audio | Video) -> Tensor:
        """One medium to language tokens [T, D]."""
        braid = self.model.braid
        if isinstance(signal, Image):
            return braid.picture_tokens(braid.picture_features(self._pixels(signal.pixels[None])))
        if isinstance(signal, Audio):
            windows = hearing.windows(torch.tensor(signal.samples))
            heard = hearing.listen(braid.listener, hearing.hear(self.model.whisper, windows))
            states = torch.cat([states for states, _ in heard])
            return braid.sound_tokens(states, self.model.language.embedding.weight)
        chosen = np.linspace(0, len(signal.frames) - 1, min(VIDEO_FRAMES, len(signal.frames))).round().astype(int)
        seen = braid.picture_tokens(braid.picture_features(self._pixels(signal.frames[chosen])))
        return torch.cat([seen, self.encode(signal.audio)]) if signal.audio is not None else seen

    @staticmethod
    def _pixels(frames: np.ndarray) -> Tensor:
        return torch.from_numpy(np.stack([square(Image(f), 224) for f in frames]))

    @torch.no_grad()
    def prompt(self, conversation: Conversation) -> Prompt:
        """Raises UsageError when the conversation is longer than the context."""
        parts = [part for message in conversation.messages for part in message.parts]
        numbers = iter(range(len(parts)))
        roles = [(m.role, [next(numbers) for _ in m.parts]) for m in conversation.messages]
        pieces: list[Piece] = []
        media = {}
        for piece in self.tokenizer.prompt(roles):
            if not isinstance(piece, Slot):
                pieces.append(piece)
                continue
            signal = parts[piece.index].signal
            if isinstance(signal, str):
                pieces.append(self.tokenizer.encode(signal))
            else:
                media[len(pieces)] = signal
                kept = self._seen.get(signal.content_hash) if self._seen else None
                pieces.append(self.encode(signal) if kept is None else kept)
        ready = Prompt(pieces, media)
        if ready.tokens >= self.context:
            raise UsageError(
                f"the conversation has {ready.tokens} tokens, the limit is {self.context - 1}; "
                "ask with less text or fewer media"
            )
        return ready

    # --- answers ---------------------------------------------------------------------------------

    def respond(self, conversation: Conversation, sampling: Sampling = Sampling(), support: bool = True) -> Answer:
        """The whole answer; see `stream`."""
        return finish(self.stream(conversation, sampling, support))

    @torch.no_grad()
    def stream(
        self, conversation: Conversation, sampling: Sampling = Sampling(), support: bool = True
    ) -> Generator[str, None, Answer]:
        """Yields the answer's text as it is made; the generator's return value is the Answer."""
        begun = time.perf_counter()
        prompt = self.prompt(conversation)
        encoded = time.perf_counter()
        rng = torch.Generator().manual_seed(sampling.seed)
        language = self.model.language
        room = min(sampling.max_tokens, self.context - prompt.tokens)
        cache = language.new_cache(1, prompt.tokens + room)
        hidden = language(splice(language.embedding, prompt.pieces)[None], cache)
        logits = language.logits(hidden[0, -1])
        prefilled = time.perf_counter()
        tokens: list[int] = []
        first = 0.0
        text = sent = ""
        while len(tokens) < room:
            token = sample(logits, sampling.temperature, sampling.top_p, rng)
            first = first or time.perf_counter()
            if token == self._end:
                break
            tokens.append(token)
            text = self.tokenizer.decode(tokens)
            cut = cut_at_stop(text, sampling.stop)
            if cut is not None:
                text = cut
                break
            ready = sendable(text, sampling.stop)
            if len(ready) > len(sent):
                yield ready[len(sent) :]
                sent = ready
            if len(tokens) < room:
                logits = language.logits(language(language.embedding(torch.tensor([[token]])), cache)[0, -1])
        if len(text) > len(sent):
            yield text[len(sent) :]
        decoded = time.perf_counter()
        raised = self.support(prompt, tokens) if support and prompt.media and tokens else None
        self.timings = Timings(
            encoded - begun, prefilled - encoded, (decoded - prefilled) / max(1, len(tokens)),
            (first or decoded) - begun, time.perf_counter() - decoded,
        )  # fmt: skip
        usage = Usage(prompt.tokens, prompt.media_tokens, len(tokens))
        return Answer(text=text.strip(), evidence=(), support=raised, usage=usage, abstained=False)

    # --- many at once ----------------------------------------------------------------------------

    @torch.no_grad()
    def respond_many(self, conversations: Sequence[Conversation]) -> list[Answer]:
        """The greedy answers of `respond` without support, decoded side by side."""
        self._remember(conversations)
        prompts = [self.prompt(c) for c in conversations]
        rooms = [min(Sampling().max_tokens, self.context - p.tokens) for p in prompts]
        made = batch.greedy(self.model.language, [p.pieces for p in prompts], self._end, rooms)
        return [
            Answer(self.tokenizer.decode(tokens).strip(), (), None, Usage(p.tokens, p.media_tokens, len(tokens)))
            for p, tokens in zip(prompts, made, strict=True)
        ]

    @torch.no_grad()
    def score_many(self, requests: Sequence[tuple[Conversation, Sequence[str]]]) -> list[list[float]]:
        """`score` of each conversation's candidates; whatever prompts share is computed once."""
        self._remember([conversation for conversation, _ in requests])
        prompts = [self.prompt(conversation).pieces for conversation, _ in requests]
        answers = [[[*self.tokenizer.encode(c), self._end] for c in candidates] for _, candidates in requests]
        return batch.log_likelihoods(self.model.language, prompts, answers)

    def _remember(self, conversations: Sequence[Conversation]) -> None:
        """Encode the media of some conversations, each once, pictures together; kept for the next ones."""
        signals = [p.signal for c in conversations for p in c.parts if not isinstance(p.signal, str)]
        media = {signal.content_hash: signal for signal in signals if signal.content_hash not in self._seen}
        pictures = [(name, signal) for name, signal in media.items() if isinstance(signal, Image)]
        while len(self._seen) > REMEMBERED:
            self._seen.pop(next(iter(self._seen)))
        for start in range(0, len(pictures), batch.ROWS):
            names, some = zip(*pictures[start : start + batch.ROWS], strict=True)
            features = self.model.braid.picture_features(torch.cat([self._pixels(s.pixels[None]) for s in some]))
            for name, feature in zip(names, features, strict=True):
                self._seen[name] = self.model.braid.picture_tokens(feature[None])
        for name, signal in media.items():
            if name not in self._seen:
                self._seen[name] = self.encode(signal)

    # --- scores ----------------------------------------------------------------------------------

    @torch.no_grad()
    def score(self, conversation: Conversation, candidates: Sequence[str]) -> list[float]:
        """log p of each candidate as the whole answer, its end included, in nats."""
        pieces = self.prompt(conversation).pieces
        answers = [[*self.tokenizer.encode(c), self._end] for c in candidates]
        return self._log_likelihood([pieces] * len(answers), answers).tolist()

    def _log_likelihood(self, prompts: Sequence[list[Piece]], answers: Sequence[list[int]]) -> Tensor:
        """Sum of log p of each answer's tokens behind its prompt, [B], float32."""
        out = []
        for start in range(0, len(answers), 16):  # bounded memory, however many candidates
            some = answers[start : start + 16]
            rows = [[*p, a] for p, a in zip(prompts[start : start + 16], some, strict=True)]
            hidden, lengths = self.model.hidden(rows)
            for states, length, answer in zip(hidden, lengths.tolist(), some, strict=True):
                predicting = states[length - len(answer) - 1 : length - 1]
                log_p = self.model.language.logits(predicting).float().log_softmax(-1)
                out.append(log_p.gather(1, torch.tensor(answer)[:, None]).sum())
        return torch.stack(out)

    @torch.no_grad()
    def support(self, prompt: Prompt, answer: list[int]) -> Support:
        """How much this media raised the answer over the reference media (DESIGN section 2), in nats."""
        banks = {i: self._bank(signal) for i, signal in prompt.media.items()}
        rows = [prompt.pieces]
        for number in range(min(len(bank) for bank in banks.values())):
            rows.append([banks[i][number] if i in banks else p for i, p in enumerate(prompt.pieces)])
        log_p = self._log_likelihood(rows, [answer] * len(rows))
        return raised(float(log_p[0]), log_p[1:].tolist(), len(answer))

    def support_for(self, conversation: Conversation, answer: str) -> Support | None:
        """How much the media raised this answer, its end left out; None without media or answer."""
        prompt, tokens = self.prompt(conversation), self.tokenizer.encode(answer)
        return self.support(prompt, tokens) if prompt.media and tokens else None

    def _bank(self, signal: Image | Audio | Video) -> list[Tensor]:
        """Tokens [T, D] of the references that take this medium's place, kept for the process."""
        shape = _shape(signal)
        if shape not in self._reference_tokens:
            self._reference_tokens[shape] = [self.encode(r) for r in references(signal)]
        return self._reference_tokens[shape]


def _shape(signal: Image | Audio | Video) -> tuple:
    """Media of one shape share their references."""
    if isinstance(signal, Image):
        return ("image",)
    if isinstance(signal, Audio):
        return ("audio", len(hearing.windows(torch.tensor(signal.samples))))
    return ("video", min(VIDEO_FRAMES, len(signal.frames)), _shape(signal.audio) if signal.audio else None)

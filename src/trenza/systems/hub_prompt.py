"""From a conversation to what a public checkpoint reads: its own chat template, processor and words of control."""

import sys
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

import jinja2
import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor

from trenza.conversation import Conversation
from trenza.errors import UsageError, WeightsError
from trenza.signals import SAMPLE_RATE, Audio, Image, Video

VIDEO_FRAMES = 8


@dataclass(frozen=True)
class Prompt:
    """What the model reads: the processor's tensors, batch of one, and the text they were made from."""

    text: str
    tensors: dict[str, Tensor]  # input_ids [1, T] and what else the processor made
    media_tokens: int

    @property
    def tokens(self) -> int:
        return self.tensors["input_ids"].shape[1]


class Prompter:
    """`source` names the checkpoint in errors. `ends` are the tokens that end an answer, the template's own first."""

    def __init__(self, source: str, model: Any, processor: Any):
        self.source, self.processor = source, processor
        self.tokenizer = getattr(processor, "tokenizer", processor)
        if not getattr(processor, "chat_template", None):
            raise WeightsError(
                f"{source} has no chat template, so nobody can tell how a question is put to it; add a "
                "chat_template.jinja to its folder, or take the checkpoint that was tuned to follow instructions"
            )
        self.warnings: Counter[str] = Counter()
        self.context = getattr(model.config.get_text_config(), "max_position_embeddings", None) or sys.maxsize
        self._ears = getattr(processor, "feature_extractor", None) or getattr(processor, "audio_processor", None)
        self._device, self._dtype = model.device, model.dtype
        self._controls = _controls(self.tokenizer, processor)
        self._media_ids = _media_ids(processor, model.config)
        self._lock = threading.Lock()
        self.ends: list[int] = []
        self.ends = self._end_tokens(model.generation_config.eos_token_id)

    def _end_tokens(self, named: int | list[int] | None) -> list[int]:
        after = self.answer_ids("answer")
        known = set(self.tokenizer.all_special_ids)
        template = [t for t in after if t in known][:1]
        ends = list(dict.fromkeys([*template, *_listed(named), *_listed(self.tokenizer.eos_token_id)]))
        if not ends:
            raise WeightsError(f"{self.source} names no token that ends an answer; add eos_token to its tokenizer")
        return ends

    def prompt(self, conversation: Conversation) -> Prompt:
        """Raises UsageError for a medium the checkpoint can't take, and for more than its context holds."""
        messages, pictures, sounds = self._messages(conversation)
        text = self._template(messages)
        for kind, media in (("image", pictures), ("audio", sounds)):
            if media and text == self._template(_without(messages, kind)):
                raise UsageError(f"the chat template of {self.source} leaves out {_NAMES[kind]}; ask without them")
        tensors = self._tensors(text, pictures, sounds)
        ids = tensors["input_ids"]
        if ids.shape[1] >= self.context:
            raise UsageError(
                f"the conversation has {ids.shape[1]} tokens, the limit is {self.context - 1}; "
                "ask with less text or fewer media"
            )
        media_tokens = int(torch.isin(ids, torch.tensor(self._media_ids, device=ids.device)).sum())
        return Prompt(text, tensors, media_tokens)

    def _messages(self, conversation: Conversation) -> tuple[list[dict], list[Pillow.Image], list[np.ndarray]]:
        messages: list[dict] = []
        pictures: list[Pillow.Image] = []
        sounds: list[np.ndarray] = []
        for message in conversation.messages:
            content: list[dict[str, str]] = []
            for part in message.parts:
                if isinstance(part.signal, str):
                    content.append({"type": "text", "text": self._harmless(part.signal)})
                    continue
                seen, heard = self._media(part.signal)
                content += [{"type": "image"}] * len(seen) + [{"type": "audio"}] * len(heard)
                pictures += seen
                sounds += heard
            messages.append({"role": message.role, "content": content})
        return messages, pictures, sounds

    def _media(self, signal: Image | Audio | Video) -> tuple[list[Pillow.Image], list[np.ndarray]]:
        """A medium as pictures and sounds. Raises UsageError when the checkpoint can't take it."""
        if isinstance(signal, Audio):
            return [], [self._sound(signal)]
        if getattr(self.processor, "image_processor", None) is None:
            raise UsageError(f"{self.source} takes no pictures; ask another model, or ask without them")
        if isinstance(signal, Image):
            return [Pillow.fromarray(signal.pixels)], []
        count = min(VIDEO_FRAMES, len(signal.frames))
        chosen = np.linspace(0, len(signal.frames) - 1, count).round().astype(int)
        pictures = [Pillow.fromarray(signal.frames[i]) for i in chosen]
        if signal.audio is None:
            return pictures, []
        if self._ears is None:
            self.warnings["the model takes no sounds: it sees videos and doesn't hear them"] += 1
            return pictures, []
        return pictures, [self._sound(signal.audio)]

    def _sound(self, sound: Audio) -> np.ndarray:
        if self._ears is None:
            raise UsageError(f"{self.source} takes no sounds; ask another model, or ask without them")
        rate = getattr(self._ears, "sampling_rate", SAMPLE_RATE)
        if rate != SAMPLE_RATE:
            raise UsageError(
                f"{self.source} hears {rate} samples a second, trenza has {SAMPLE_RATE}; ask another model"
            )
        longest = getattr(self._ears, "n_samples", None)  # what is longer its processor would cut off without a word
        if longest and len(sound.samples) > longest:
            raise UsageError(
                f"the sound has {sound.seconds:.1f} s, {self.source} hears at most {longest / rate:.1f} s; cut it"
            )
        return sound.samples

    def _harmless(self, text: str) -> str:
        """Words of control inside a text stay words: a space after their first letter. Half letters become "?"."""
        text = text.encode(errors="replace").decode()
        for control in self._controls:
            text = text.replace(control, f"{control[0]} {control[1:]}")
        return text

    def _template(self, messages: list[dict], answer: str | None = None) -> str:
        """The prompt as text; with `answer`, what the whole conversation looks like afterwards."""
        if answer is not None:
            messages = [*messages, {"role": "assistant", "content": [{"type": "text", "text": answer}]}]
        if self.tokenizer is self.processor:  # templates of text models take content that is a string
            messages = [{**m, "content": "".join(p["text"] for p in m["content"])} for m in messages]
        try:
            return self.processor.apply_chat_template(messages, add_generation_prompt=answer is None, tokenize=False)
        except (jinja2.TemplateError, ValueError, TypeError, KeyError) as error:
            raise UsageError(f"the chat template of {self.source} refuses this conversation: {error}") from error

    def _tensors(self, text: str, pictures: list[Pillow.Image], sounds: list[np.ndarray]) -> dict[str, Tensor]:
        media: dict[str, Any] = {}
        if pictures:
            media["images"] = pictures
        if sounds:
            media |= {"audio": sounds, "sampling_rate": SAMPLE_RATE}
        # The template wrote the beginning of the sequence already.
        begins = self.tokenizer is self.processor or text.startswith(self.tokenizer.bos_token or "\0")
        try:
            with self._lock:  # tokenizers in Rust bear one caller at a time
                made = self.processor(text=[text], return_tensors="pt", add_special_tokens=not begins, **media)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            raise UsageError(f"the processor of {self.source} refuses this conversation: {error}") from error
        kept = {k: v for k, v in made.items() if isinstance(v, Tensor)}
        floats = {k: v.to(self._dtype) for k, v in kept.items() if v.is_floating_point()}
        return {k: v.to(self._device) for k, v in (kept | floats).items()}

    def answer_ids(self, answer: str) -> list[int]:
        """Token ids the template gives this answer, up to its end. A text model's tokenizer may join over the border
        between prompt and answer ("ASSISTANT:" + " red"), so both are tokenised together."""
        question = [{"role": "user", "content": [{"type": "text", "text": "?"}]}]
        before, whole = self._template(question), self._template(question, self._harmless(answer))
        with self._lock:
            texts = [before, whole.rstrip(), self._harmless(answer)]  # Vicuna's template puts a space behind a turn
            ids, all_ids, alone = self.tokenizer(texts, add_special_tokens=False).input_ids
        # Some templates write finished turns otherwise, as those do that hide a chain of thought.
        after = all_ids[len(ids) :] if all_ids[: len(ids)] == ids else alone
        if not self.ends:  # asked for to find them
            return after
        length = next((n for n, t in enumerate(after) if t in self.ends), len(after))
        return [*after[:length], self.ends[0]]


_NAMES = {"image": "pictures", "audio": "sounds"}


def _without(messages: list[dict], kind: str) -> list[dict]:
    """No words in place of such media; templates don't like messages without parts."""
    nothing = {"type": "text", "text": ""}
    return [{**m, "content": [nothing if p["type"] == kind else p for p in m["content"]]} for m in messages]


def _listed(value: int | list[int] | None) -> list[int]:
    return [] if value is None else [value] if isinstance(value, int) else list(value)


def _media_ids(processor: Any, config: Any) -> list[int]:
    """Ids of the tokens that stand for media: what they are called differs."""
    names = ("image_token_id", "audio_token_id", "image_token_index", "audio_token_index")
    found = {getattr(owner, n, None) for owner in (processor, config) for n in names}
    return sorted(t for t in found if isinstance(t, int))


def _controls(tokenizer: Any, processor: Any) -> list[str]:
    """Texts that tokenizer or processor read as control, longest first."""
    found = {str(t) for t in (*tokenizer.all_special_tokens, *tokenizer.get_added_vocab())}
    found |= {v for n, v in vars(processor).items() if n.endswith("token") and isinstance(v, str)}
    return sorted((t for t in found if len(t) > 1 and t.strip()), key=len, reverse=True)

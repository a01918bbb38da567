"""Text to tokens, and conversations to a prompt by the checkpoint's own chat template.

Only the template may write control tokens. What people or media say is encoded with control tokens
switched off, so that "<|im_end|>" in a caption stays eight letters and two bars.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer as FastTokenizer

from trenza.errors import WeightsError

_SLOT = re.compile("\ue000(\\d+)\ue001")  # private-use letters: no text of ours has them


@dataclass(frozen=True)
class Slot:
    """The place in a prompt where part `index` of the conversation stands."""

    index: int


class Tokenizer:
    def __init__(self, folder: Path, template: str = ""):
        """Reads `tokenizer.json`, and the checkpoint's chat template, or else takes `template`. Raises WeightsError."""
        file = folder / "tokenizer.json"
        try:
            self._fast = FastTokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare Exception for every fault
            raise WeightsError(f"{file} can't be read as a tokenizer: {error}") from error
        settings_file = folder / "tokenizer_config.json"
        settings = json.loads(settings_file.read_text()) if settings_file.exists() else {}
        self._template = _template(folder) or settings.get("chat_template") or template
        self._settings = {k: v for k, v in settings.items() if isinstance(v, str)}

    def token(self, text: str) -> int:
        """The number of one token, by its exact text. Raises WeightsError when there is none."""
        number = self._fast.token_to_id(text)
        if number is None:
            raise WeightsError(f"the tokenizer has no token {text!r}")
        return number

    def control(self, text: str) -> list[int]:
        """Tokens of a template's text, control tokens recognised."""
        self._fast.encode_special_tokens = False
        return self._fast.encode(text, add_special_tokens=False).ids

    def encode(self, text: str) -> list[int]:
        """Tokens of what somebody said; never a control token."""
        self._fast.encode_special_tokens = True
        return self._fast.encode(text, add_special_tokens=False).ids

    def decode(self, tokens: list[int]) -> str:
        return self._fast.decode(tokens, skip_special_tokens=True)

    @cached_property
    def _compiled(self):
        def refuse(message: str) -> None:
            raise TemplateError(message)

        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = refuse
        return environment.from_string(self._template)

    def _rendered(self, messages: Sequence[tuple[str, str | list[dict[str, str]]]]) -> str:
        written = [{"role": role, "content": content} for role, content in messages]
        try:
            return self._compiled.render(messages=written, add_generation_prompt=True, **self._settings)
        except TemplateError as error:
            raise WeightsError(f"the chat template refuses this conversation: {error}") from error

    def prompt(self, messages: Sequence[tuple[str, Sequence[int]]]) -> list[list[int] | Slot]:
        """Messages as (role, indices of parts) to control tokens with a Slot for each part, in order.

        Raises WeightsError when the checkpoint has no chat template, or the template refuses the roles.
        """
        if not self._template:
            raise WeightsError("this checkpoint has no chat template; put chat_template.jinja beside it")
        text = self._rendered([(role, "".join(_slots(parts))) for role, parts in messages])
        if any(slot not in text for _, parts in messages for slot in _slots(parts)):
            # The template of a model that sees reads a message as a list, and writes words of its own for media.
            text = self._rendered([
                (role, [{"type": "text", "text": slot} for slot in _slots(parts)]) for role, parts in messages
            ])  # fmt: skip
        if any(slot not in text for _, parts in messages for slot in _slots(parts)):
            raise WeightsError("the chat template leaves out a part of this conversation; ask with fewer messages")
        pieces: list[list[int] | Slot] = []
        for number, piece in enumerate(_SLOT.split(text)):
            if number % 2:
                pieces.append(Slot(int(piece)))
            elif piece:
                pieces.append(self.control(piece))
        return pieces


def _slots(parts: Sequence[int]) -> list[str]:
    return [f"\ue000{i}\ue001" for i in parts]


def _template(folder: Path) -> str:
    """A template in a file of its own, as later and as earlier checkpoints have it."""
    file, earlier = folder / "chat_template.jinja", folder / "chat_template.json"
    if file.exists():
        return file.read_text()
    return json.loads(earlier.read_text())["chat_template"] if earlier.exists() else ""

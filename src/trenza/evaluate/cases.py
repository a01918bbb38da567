"""A case: an item ready to be put to a model. Probes turn one case into another; forms put it into words."""

import string
from dataclasses import dataclass

from trenza.conversation import Conversation
from trenza.data.samples import Item
from trenza.signals import Audio, Image, Video, decode

Signals = tuple[Image | Audio | Video, ...]

# Three usual ways to ask the same: options in a list, options by letter, options in the sentence.
FORMS = (0, 1, 2)
WORDS = {
    "en": {
        "list": "{question}\nOptions:\n{options}\nAnswer with one of the options.",
        "letters": "{question}\n{options}\nAnswer with the letter of the right option.",
        "inline": "{question} Answer in as few words as possible, with one of these: {options}.",
        "short": "{question}\nAnswer with a word or a short phrase.",
        "label": "Question: {question}\nShort answer:",
        "guess": "There is no picture, no sound and no video here. Guess: give the most likely answer. ",
    },
    "es": {
        "list": "{question}\nOpciones:\n{options}\nResponde con una de las opciones.",
        "letters": "{question}\n{options}\nResponde con la letra de la opción correcta.",
        "inline": "{question} Responde con las menos palabras posibles, con una de estas: {options}.",
        "short": "{question}\nResponde con una palabra o una frase corta.",
        "label": "Pregunta: {question}\nRespuesta corta:",
        "guess": "Aquí no hay imagen, sonido ni vídeo. Adivina: da la respuesta más probable. ",
    },
}


@dataclass(frozen=True)
class Case:
    """What will be asked. `guess` tells the model that it can see nothing and has to guess."""

    item: Item
    media: Signals
    question: str
    choices: tuple[str, ...]
    guess: bool = False


def pose(item: Item) -> Case:
    """The item as it is, its media decoded. Raises SignalError for a medium that can't be read."""
    media = tuple(decode(m.data, name=f"{item.key}: medium {i}", kind=m.kind) for i, m in enumerate(item.media))
    return Case(item, media, item.question, item.choices)


def candidates(case: Case, form: int = 0) -> tuple[str, ...]:
    """What the model may say, in the order of the case's choices: the options, or their letters in form 1."""
    return tuple(string.ascii_uppercase[: len(case.choices)]) if _lettered(case, form) else case.choices


def _lettered(case: Case, form: int) -> bool:
    return form == 1 and 0 < len(case.choices) <= 26


def asked(case: Case, form: int = 0) -> str:
    """The words of the question in one of the FORMS."""
    words = WORDS.get(case.item.language, WORDS["en"])
    before = words["guess"] if case.guess else ""
    if not case.choices:
        return before + _open(case.question, words, form)
    if _lettered(case, form):
        options = "\n".join(f"{a}. {c}" for a, c in zip(string.ascii_uppercase, case.choices, strict=False))
        return before + words["letters"].format(question=case.question, options=options)
    if form == 2:
        return before + words["inline"].format(question=case.question, options=" | ".join(case.choices))
    return before + words["list"].format(question=case.question, options="\n".join(f"- {c}" for c in case.choices))


def _open(question: str, words: dict[str, str], form: int) -> str:
    return question if form == 0 else words["short" if form == 1 else "label"].format(question=question)


def conversation(case: Case, form: int = 0) -> Conversation:
    """Media first, then the question, as one user message."""
    return Conversation.ask(asked(case, form), *case.media)

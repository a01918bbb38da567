"""How people ask for a name. The tests ask in words of their own."""

import random
import re
from collections.abc import Sequence

PICTURE = (
    "What is this?", "What is it?", "What is in the picture?", "What is in this image?",
    "What does the picture show?", "What do you see?", "What can you see here?", "Name the object.",
    "Name this.", "What is shown here?", "Which thing is this?", "What object is this?",
    "Tell me what this is.", "What is the name of this thing?", "Identify the object in the picture.",
    "Describe the picture.", "What am I looking at?", "Can you name what is in the photo?",
    "What is in this photo?", "What is drawn here?", "What kind of thing is this?", "what's this",
    "What's in the picture?", "Say what you see.",
)  # fmt: skip
SOUND = (
    "What word is spoken?", "What is said?", "Which word do you hear?", "What do you hear?",
    "What does the voice say?", "Write down what is said.", "Transcribe this.", "Transcribe the speech.",
    "What did they say?", "What is the spoken word?", "Repeat what you hear.", "What is being said?",
    "Which words are spoken in the recording?", "What do they say in the audio?", "what's being said",
    "Write the word you hear.",
)  # fmt: skip
HINTS = (
    "", "", "", "", " Answer with one or two words.", " Answer with the name only.", " Be brief.",
    " Just the name.", " One word, please.",
)  # fmt: skip


# What is asked of a pair, by language: of what a picture shows, what a voice says, what made a sound.
OF_PAIRS = {
    "en": {
        "image": PICTURE,
        "speech": SOUND,
        "audio": ("What do you hear?", "What makes this sound?", "What is this sound?", "Name what you hear."),
    },
    "es": {
        "image": ("¿Qué es esto?", "¿Qué hay en la imagen?", "¿Qué muestra la imagen?", "¿Qué ves?", "Nombra esto."),
        "speech": ("¿Qué palabra se dice?", "¿Qué se dice?", "Escribe lo que oyes.", "¿Qué dice la voz?"),
        "audio": ("¿Qué oyes?", "¿Qué hace este sonido?", "¿Qué es este sonido?", "Nombra lo que oyes."),
    },
}
# What may be answered is told along with a question, in the forms of quizzes; `evaluate/cases.py` has others.
OPTIONS = {
    "en": ("{q} Choose one: {flat}.", "{q}\nChoices: {flat}", "Pick the right one of {flat}. {q}", "{q}\n{lines}"),
    "es": ("{q} Elige: {flat}.", "{q}\nPosibilidades: {flat}", "Elige lo correcto entre {flat}. {q}", "{q}\n{lines}"),
}
OPTIONS_SHARE = 0.2  # of the questions that have choices
# Before the sound of i, quoted or not; "y hielo" stays, since its i is half a consonant.
_E = re.compile(r"\by (?=«?h?[ií](?![aeoáéó]))", re.I)


def spoken(text: str, language: str) -> str:
    """As it is said: Spanish "y" is "e" before the sound of i."""
    return _E.sub("e ", text) if language == "es" else text


def with_options(question: str, choices: Sequence[str], language: str, rng: random.Random) -> str:
    """The question as it is, or for a share with its choices."""
    if not choices or language not in OPTIONS or rng.random() >= OPTIONS_SHARE:
        return question
    lines = "\n".join(f"* {choice}" for choice in choices)
    return rng.choice(OPTIONS[language]).format(q=question, flat=", ".join(choices), lines=lines)


SPOKEN = ("espeak", "stamp-voices", "asterisk", "pocketsphinx")  # corpora of voices


# The other way round: what asks for the medium itself by its text, of systems that produce media.
REQUESTS = {
    "en": {"image": "Draw {}.", "speech": "Say {}.", "audio": "Make the sound of {}."},
    "es": {"image": "Dibuja {}.", "speech": "Di {}.", "audio": "Haz el sonido de {}."},
}
_ASKED = [(q, language, kind) for language, kinds in OF_PAIRS.items() for kind, some in kinds.items() for q in some]
# "What do you hear?" is asked of voices and of sounds alike, so nothing can be requested from its answer.
_REQUESTED = {q: REQUESTS[language][kind] for q, language, kind in _ASKED if [a[0] for a in _ASKED].count(q) == 1}


def request(question: str, answer: str) -> str | None:
    """What asks for the medium that `answer` was said of; None where the question isn't one of a pair."""
    form = _REQUESTED.get(question)
    return form and form.format(answer)


def of_pair(kind: str, source: str, language: str, rng: random.Random) -> str:
    """A question that the text of a pair answers. Languages without their own are asked in English."""
    asked = OF_PAIRS.get(language, OF_PAIRS["en"])
    return rng.choice(asked["speech" if source in SPOKEN else "audio" if kind == "audio" else "image"])

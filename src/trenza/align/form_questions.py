"""Some or all of a form's fields as JSON, in any order, with what isn't there; and single ones as newcomers ask.

What isn't there has null in JSON, and its evidence is that the whole page doesn't have it, as in `absent.py`.
"""

from collections.abc import Sequence

from trenza.align.conversations import Asked
from trenza.align.drills import Known
from trenza.align.form_words import PAPERS, SYNONYMS, WITH_ARTICLE
from trenza.align.questions import spoken
from trenza.align.truths import Thing
from trenza.conversation import WHOLE
from trenza.data.worlds.asking import json_text
from trenza.systems.abstaining import absent
from trenza.systems.places import MOST_EVIDENCE

SOME = {
    "en": (
        "Give {x} as JSON.", "Extract {x} as JSON.", "JSON with {x}, please.", "Return a JSON object with {x}.",
        "Read {x} and answer in JSON.", "I need {x} in JSON format.", "Put {x} into JSON.", "{x} as JSON",
        "Fill in this JSON: {json}",
    ),
    "es": (
        "Da {x} en JSON.", "Extrae {x} en JSON.", "Quiero un JSON con {x}.", "Devuelve un objeto JSON con {x}.",
        "Lee {x} y responde en JSON.", "Necesito {x} en formato JSON.", "Pon {x} en un JSON.", "{x} en JSON",
        "¿Qué pone en {x}? Responde en JSON.", "Rellena este JSON: {json}",
    ),
}  # fmt: skip
SEVERAL = {  # of more than one
    "en": ("What are {x}? Answer as JSON.", "Return JSON with the keys {x}.", "Give the fields {x} as JSON."),
    "es": ("Devuelve JSON con las claves {x}.", "Da los campos {x} en JSON.", "Quiero estos datos en JSON: {x}."),
}
ALL = {
    "en": (
        "Give all the fields as JSON.", "Turn the form into JSON.", "Everything on this page as JSON.",
        "Extract all data as JSON.", "Return every field and its value as JSON.", "Transcribe the form as JSON.",
    ),
    "es": (
        "Da todos los campos en JSON.", "Pasa el formulario a JSON.", "Todo lo que hay en esta página, en JSON.",
        "Extrae todos los datos en JSON.", "Devuelve cada campo con su valor en JSON.", "Transcribe la página a JSON.",
    ),
}  # fmt: skip
ONE = {
    "en": ("What is the value of “{x}”?", "{x}?", "What does it say for “{x}”?", "What is written for {x}?"),
    "es": ("¿Cuál es el valor de «{x}»?", "¿{x}?", "¿Qué pone en «{x}»?", "Dime qué pone en «{x}».", "{x}"),
}
OF_ARTICLE = ("What is the {x}?", "Tell me the {x}.")
AND = {"en": "and", "es": "y"}
MISSING = 0.2  # of the questions after some fields ask for one that isn't there


def of_fields(known: Known, labels: Sequence[Thing]) -> list[Asked]:
    """Three questions after several fields, and two after single ones, of which one isn't there."""
    language = known.words.language
    truth = known.truth[0]
    written = [*(thing["name"] for thing in labels), *truth.get("empty", ()), *truth.get("headings", ())]
    missing = known.shuffled(_missing(written, language))
    made = [_json(known, labels, missing) for _ in range(2)]
    if len(labels) <= MOST_EVIDENCE and not truth.get("empty"):  # which is a field, and has no value
        made.append(known.reworded(_told(known, labels, [thing["name"] for thing in labels]), ALL[language]))
    thing = labels[int(known.rng.integers(len(labels)))]
    made.append(_single(known, known.asked("field", thing["value"], thing, x=thing["name"]), thing["name"]))
    gone = known.asked("field", absent(missing[0], language), WHOLE, x=missing[0])
    made.append(gone if known.coin() else _single(known, gone, missing[0]))
    return made


def _single(known: Known, asked: Asked, label: str) -> Asked:
    """As newcomers ask; with an article where the label is a word that takes one: nobody asks for the From."""
    if label in WITH_ARTICLE and known.words.language == "en" and known.coin():
        return known.reworded(asked, OF_ARTICLE, x=label)
    return known.reworded(asked, ONE[known.words.language], x=label)


def _json(known: Known, labels: Sequence[Thing], missing: Sequence[str]) -> Asked:
    language = known.words.language
    most = min(len(labels), MOST_EVIDENCE)
    some: list[Thing] = known.shuffled(labels)[: int(known.rng.integers(1, most + 1))]
    names = [thing["name"] for thing in some]
    if known.rng.random() < MISSING and len(names) < MOST_EVIDENCE:
        names.insert(int(known.rng.integers(len(names) + 1)), missing[0])
    told = _told(known, labels, names)
    if known.rng.random() < 0.25:
        return told  # as worlds ask
    *first, last = names
    joined = spoken(f"{', '.join(first)} {AND[language]} {last}", language)
    listed = joined if first and known.coin() else ", ".join(names)
    wordings = SEVERAL if first and known.rng.random() < 0.25 else SOME
    return known.reworded(told, wordings[language], x=listed, json=json_text(dict.fromkeys(names, "")))


def _told(known: Known, labels: Sequence[Thing], names: Sequence[str]) -> Asked:
    """The fields of these names, in their order; null for what isn't there."""
    there = {thing["name"]: thing for thing in labels}
    answer = json_text({name: there[name]["value"] if name in there else None for name in names})
    told = [
        known.asked("fields", answer, there.get(name, WHOLE), x=name if name not in there else ", ".join(names))
        for name in names
    ]
    evidence, named = (tuple(getattr(one, part)[0] for one in told) for part in ("evidence", "named"))
    question = known.words.question("fields", known.rng, x=", ".join(names))
    return Asked(question, answer, evidence, "", named)


def _missing(written: Sequence[str], language: str) -> list[str]:
    """Labels of other papers, none of which holds one of these, is in one or may mean the same."""
    there = [name.casefold() for name in written]
    same = {other for own in SYNONYMS[language] if {x.casefold() for x in own} & {*there} for other in own}
    every = dict.fromkeys(label for _, own in PAPERS[language] for label in own if label not in same)
    return [x for x in every if not any(x.casefold() in name or name in x.casefold() for name in there)]

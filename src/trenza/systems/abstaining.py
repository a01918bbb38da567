"""What a model of ours says when it is asked about something that isn't there, and how that is told from an answer."""

FORMS = {"en": "There is no {x} here.", "es": "Aquí no hay «{x}»."}
_BEGIN = tuple(form.partition("{x}")[0].strip(" «") for form in FORMS.values())


def absent(name: str, language: str) -> str:
    return FORMS[language].format(x=name)


def abstained(text: str) -> bool:
    """Whether the answer is that there is nothing to answer about."""
    return text.strip().startswith(_BEGIN)

"""Names of things as plain nouns, and the rule by which an answer matches one."""

import re

_ARTICLE = re.compile(r"^(an?|the|some)\s+")


def noun(caption: str) -> str:
    """Lower case, no article, no closing punctuation: "A brown hen." -> "brown hen"."""
    first_sentence = re.split(r"[.!?](?:\s|$)", caption.strip().lower())[0]
    text = re.sub(r"\s+", " ", first_sentence).strip(" .!?\"'")
    return _ARTICLE.sub("", text)

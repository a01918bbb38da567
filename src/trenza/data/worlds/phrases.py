"""The words of questions and answers, one JSON file a language in `phrases/`. A new file is a new language."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from trenza.errors import DataError

FOLDER = Path(__file__).with_name("phrases")


class Phrases:
    """Questions by template, each in several wordings, and single words by key."""

    def __init__(self, language: str, document: dict[str, Any]):
        self.language = language
        self.document = document

    def question(self, template: str, rng: np.random.Generator, **words: str) -> str:
        wordings = self.document["questions"][template]
        return wordings[rng.integers(len(wordings))].format(**words)

    def word(self, key: str, **words: str) -> str:
        return self.document["words"][key].format(**words)

    def words(self, key: str) -> list[str]:
        return list(self.document["lists"][key])

    def colour(self, english: str) -> str:
        return self.document["colours"][english]


def languages() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in FOLDER.glob("*.json")))


@functools.lru_cache
def phrases(language: str) -> Phrases:
    """Raises DataError for a language without a file."""
    file = FOLDER / f"{language}.json"
    if not file.is_file():
        raise DataError(f"no phrases for language {language!r}; there are {', '.join(languages())}; add {file}")
    return Phrases(language, json.loads(file.read_text(encoding="utf-8")))

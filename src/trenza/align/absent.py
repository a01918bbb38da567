"""Questions about what isn't there: where is the cow, of a picture without one. They teach to abstain.

Which thing is missing is drawn from the talks before, so that a name says nothing about whether it is there.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from trenza.align.conversations import Asked, Talk, drawn
from trenza.align.truths import named
from trenza.conversation import WHOLE
from trenza.data.worlds.asking import seen
from trenza.data.worlds.phrases import phrases
from trenza.systems.abstaining import FORMS, absent

SHARE = 0.3  # of the pictures whose things are known
TEMPLATES = ("box", "point", "colour")
REMEMBERED = 64  # names that a missing thing is drawn from


def with_absent(some: Iterable[Talk]) -> Iterator[Talk]:
    """The talks; a share of those about one picture with one question more."""
    recent = {language: deque[str](maxlen=REMEMBERED) for language in FORMS}
    for talk in some:
        names = _names(talk.truth)
        if names is None or talk.language not in recent:
            yield talk
            continue
        rng = drawn("absent", talk)
        missing = [name for name in recent[talk.language] if name not in names]
        recent[talk.language].extend(names)
        if not missing or rng.random() >= SHARE:
            yield talk
            continue
        name = missing[rng.integers(len(missing))]
        template = TEMPLATES[rng.integers(len(TEMPLATES))]
        question = phrases(talk.language).question(template, rng, x=name)
        said = absent(name, talk.language)
        more = Asked(question, said, seen(WHOLE), named=(named(name, talk.language),))
        yield replace(talk, asked=(more, *talk.asked))


def _names(truth: tuple[Any, ...]) -> list[str] | None:
    """Of the things in a talk's only picture."""
    if len(truth) != 1 or not isinstance(truth[0], dict) or "objects" not in truth[0] or "times" in truth[0]:
        return None
    return [thing["name"] for thing in truth[0]["objects"]]

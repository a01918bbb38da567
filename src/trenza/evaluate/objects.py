"""Questions about what is not there (POPE, Li et al. 2023), and free descriptions held to what is (CHAIR, Rohrbach
et al. 2018). Both need pictures whose things are known: `truth` with `objects`, as worlds have it."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trenza.data.worlds.phrases import phrases
from trenza.evaluate.asking import Outcome, Request
from trenza.evaluate.cases import WORDS, Case, candidates, conversation
from trenza.evaluate.reading import normalised
from trenza.evaluate.tasks import Task

NEGATIVES = ("random", "popular", "adversarial")
PRESENT = {"en": "Is there this in the picture: {x}?", "es": "¿Se ve esto en la imagen: {x}?"}
DESCRIBE = {"en": "Describe the picture. Name every thing in it.", "es": "Describe la imagen. Nombra todo lo que hay."}
PER_KIND = 2  # questions with the answer no, and as many with yes, of each kind of negatives


@dataclass(frozen=True)
class Polled:
    """One yes-or-no question about a picture. label as in `Question`."""

    label: str
    index: int
    name: str
    there: bool
    kind: str
    request: Request


@dataclass
class Described:
    """The request for a free description, and the things the picture shows."""

    index: int
    names: frozenset[str]
    request: Request


def objects(truth: Any, part: int = 0) -> frozenset[str]:
    """Names of the things in a picture, from the truth of its item."""
    if isinstance(truth, dict) and isinstance(truth.get("media"), list) and part < len(truth["media"]):
        truth = truth["media"][part]
    found = truth.get("objects") if isinstance(truth, dict) else None
    if not isinstance(found, list):
        return frozenset()
    names = (o.get("name") if isinstance(o, dict) else o for o in found)
    return frozenset(n for n in names if isinstance(n, str) and n)


@dataclass
class Poll:
    """What pictures of a task show together, by language; and the questions drawn from it."""

    task: Task
    seed: int = 0
    often: dict[str, Counter[str]] = field(default_factory=dict)
    together: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen: set[tuple[str, str]] = set()
        for index, head in enumerate(self.task.items.heads):
            name = self.task.items.media[index][0], head.language
            if self.task.items.kinds(index)[0] != "image" or name in seen:
                continue
            seen.add(name)
            there = sorted(objects(self.task.items.truth(index)))
            self.often.setdefault(head.language, Counter()).update(there)
            pairs = self.together.setdefault(head.language, Counter())
            pairs.update((a, b) for a in there for b in there if a != b)

    def questions(self, index: int, case: Case, scores: bool) -> list[Polled]:
        """For each kind of negatives PER_KIND absent things and as many present ones."""
        there, language = objects(case.item.truth), case.item.language
        if not there or case.item.media[0].kind != "image":
            return []
        rng = np.random.default_rng([self.seed, index, 7])
        absent = self._absent(there, language, rng)
        made = []
        for kind in NEGATIVES:
            some = sorted(there)
            count = min(PER_KIND, len(some), len(absent[kind]))  # as many of one as of the other, or yes would pay
            shown = [some[i] for i in rng.permutation(len(some))[:count]]
            for name, real in (*((n, True) for n in shown), *((n, False) for n in absent[kind][:count])):
                made.append(self._polled(index, case, name, real, kind, scores))
        return made

    def _absent(self, there: frozenset[str], language: str, rng: np.random.Generator) -> dict[str, list[str]]:
        """Random: any thing of the task; popular: the commonest; adversarial: those seen with what is there."""
        often = self.often.get(language, Counter())
        known = [n for n in sorted(often) if n not in there and not _alike(n, there)]
        together = self.together.get(language, Counter())
        beside = {n: sum(together[t, n] for t in there) for n in known}
        shuffled = [known[i] for i in rng.permutation(len(known))]
        return {
            "random": shuffled,
            "popular": sorted(shuffled, key=lambda n: -often[n]),
            "adversarial": sorted(shuffled, key=lambda n: (-beside[n], -often[n])),
        }

    def _polled(self, index: int, case: Case, name: str, real: bool, kind: str, scores: bool) -> Polled:
        language = case.item.language if case.item.language in PRESENT else "en"
        words = phrases(language)
        choices = (words.word("yes"), words.word("no"))
        asked = Case(case.item, case.media[:1], PRESENT[language].format(x=name), choices)
        said = conversation(asked)
        return Polled("pope", index, name, real, kind, Request(said, candidates(asked) if scores else ()))

    def description(self, index: int, case: Case) -> Described | None:
        """A request for a free description of the first picture."""
        there = objects(case.item.truth)
        if not there or case.item.media[0].kind != "image":
            return None
        language = case.item.language if case.item.language in WORDS else "en"
        asked = Case(case.item, case.media[:1], DESCRIBE[language], ())
        return Described(index, there, Request(conversation(asked)))

    def mentioned(self, text: str, language: str) -> frozenset[str]:
        """Things of the task's pictures that a text names; longer names first, so that no part of one counts again."""
        rest, found = text.lower(), set()
        for name in sorted(self.often.get(language, Counter()), key=len, reverse=True):
            pattern = rf"(?<!\w){re.escape(name.lower())}(?!\w)"
            if re.search(pattern, rest):
                found.add(name)
                rest = re.sub(pattern, " ", rest)
        return frozenset(found)


def _alike(name: str, there: frozenset[str]) -> bool:
    """Shares a word with something there: a "black cat" is no clear negative beside a "cat"."""
    return any(set(name.split()) & set(other.split()) for other in there)


def said_yes(outcome: Outcome, yes: str) -> bool | None:
    """What the model said; None where it can't be told."""
    if outcome.log_p:
        return outcome.log_p[0] >= outcome.log_p[1]
    read = normalised(outcome.text, (yes, "no"))
    return None if read is None else read == yes

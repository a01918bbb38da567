"""How a world becomes items: each question asked of two sides of one edit, which are each other's twins."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trenza.conversation import Box, Evidence, Span
from trenza.data.samples import Item, Media
from trenza.data.worlds.phrases import Phrases
from trenza.data.worlds.scene import Placed, Shot, shoot
from trenza.data.worlds.stock import Chooser, Stock

PAIRS_PER_WORLD = 4
ITEMS_PER_WORLD = 2 * PAIRS_PER_WORLD  # fixed, so that item n is found without making the n - 1 before it


@dataclass(frozen=True)
class Side:
    """One side of an edit for one question. `truth` describes the media, one entry each, in their order."""

    media: tuple[Media, ...]
    truth: tuple[Any, ...]
    answer: str
    evidence: tuple[Evidence, ...]


@dataclass
class World:
    """What a family of worlds draws from, and the items it has made."""

    key: str
    split: str
    stock: Stock
    phrases: Phrases
    rng: np.random.Generator
    items: list[Item] = field(default_factory=list)
    shots: dict[Media, Shot] = field(default_factory=dict)  # how each picture was drawn

    def shoot(self, placed: list[Placed], ground: np.ndarray) -> Shot:
        """As `scene.shoot`, and remembered, so that the picture can be drawn again without some of its things."""
        shot = shoot(placed, ground)
        self.shots[shot.media] = shot
        return shot

    @property
    def language(self) -> str:
        return self.phrases.language

    def chooser(self) -> Chooser:
        return Chooser(self.stock, self.split, self.language, self.rng)

    def coin(self) -> bool:
        return bool(self.rng.random() < 0.5)

    def shuffled(self, values: Sequence[Any]) -> list[Any]:
        return [values[i] for i in self.rng.permutation(len(values))]

    def twins(
        self, template: str, capability: str, sides: Sequence[Side], choices: Sequence[str], **words: str
    ) -> None:
        """Adds the question `template`, asked of both sides. Which side comes first is left to chance."""
        question = self.phrases.question(template, self.rng, **words)
        options = tuple(self.shuffled(list(dict.fromkeys(choices))))
        first = len(self.items)
        keys = [f"{self.key}-{first + i}" for i in range(2)]
        for i, side in enumerate(self.shuffled(sides)):
            truth = {"template": template, "media": list(side.truth)}
            item = Item(
                keys[i], side.media, question, side.answer, capability, self.language, self.split, options,
                side.evidence, keys[1 - i], truth,
            )  # fmt: skip
            self.items.append(item)

    def yes_no(self) -> tuple[str, str]:
        return self.phrases.word("yes"), self.phrases.word("no")


Family = Callable[[World], None]


def seen(*boxes: Box, part: int = 0) -> tuple[Evidence, ...]:
    return tuple(Evidence(part, box) for box in boxes)


def heard(*spans: Span, part: int = 0) -> tuple[Evidence, ...]:
    return tuple(Evidence(part, span) for span in spans)


def box_text(box: Box) -> str:
    """A box as an answer: [x0, y0, x1, y1] in 0..1."""
    return json.dumps([round(v, 3) for v in (box.x0, box.y0, box.x1, box.y1)])


def point_text(x: float, y: float) -> str:
    """A point as an answer: [x, y] in 0..1."""
    return json.dumps([round(x, 3), round(y, 3)])


def span_text(span: Span) -> str:
    """A stretch of time as an answer: [start, end] in seconds."""
    return json.dumps([round(span.start, 2), round(span.end, 2)])


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

"""What may come next while a system looks: evidence has a form, and boxes point only at what was perceived, each once.

    (medium, up to NAME words of what is there, its place, RANK) up to MOST_EVIDENCE times, up to RATIONALE words, SEEN

Behind SEEN no medium begins evidence any more. Decoding within a grammar (Geng et al. 2023, "Grammar-Constrained
Decoding for Structured NLP Tasks without Finetuning", section 3). Which of the perceived places, in which order and how
many is the language model's choice. That it looked everywhere, as for what isn't there, comes first or not at all:
behind a place it would deny it. Not checked: times beyond their order, and that a rank is a digit. A thing of a video
has three places: its way, its first and its last. PaLI, which decodes by itself, isn't held to this.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from trenza.conversation import WHOLE
from trenza.systems.places import BINS, MEDIA, MOST_EVIDENCE, NAME, RANK, RATIONALE, STEPS, Places

# The answer so far, and the token that ends it, to what may come next [V]; None: anything.
Allowed = Callable[[Sequence[int], int], Tensor | None]
CORNERS = 4
NEAR = 3  # bins that a corner may be from what was perceived


class Looking:
    """`Allowed` of one example.

    size: of the vocabulary with all that was added. boxes: what was perceived in each medium, [n, 4] as y0 x0 y1 x1 in
    0..1; None where a system doesn't perceive by boxes, and may point anywhere. spans: times may be given.
    """

    def __init__(self, places: Places, size: int, boxes: Sequence[Tensor] | None = None, spans: bool = True):
        self.places, self.size, self.spans = places, size, spans
        base = places.base
        self.position, self.time = range(base, base + BINS), range(base + BINS, base + BINS + STEPS)
        self.medium = range(base + BINS + STEPS, base + BINS + STEPS + MEDIA)
        self.there: list[list[list[int]]] | None = None  # corners of each medium's boxes
        if boxes is not None:
            there = [[[places.position(v) for v in box] for box in own.tolist()] for own in boxes[:MEDIA]]
            self.there = [[box for box in own if box[0] <= box[2] and box[1] <= box[3]] for own in there]
        self.said = torch.ones(size, dtype=torch.bool)  # in an answer: evidence is over
        self.said[self.medium.start : places.seen + 1] = False
        self.beyond = slice(self.medium.start + (MEDIA if self.there is None else len(self.there)), self.medium.stop)

    def __call__(self, tokens: Sequence[int], end: int) -> Tensor | None:
        if self.places.seen in tokens:
            return self._numbers(tokens, self.said)
        if not tokens:  # it may answer at once
            may = torch.ones(self.size, dtype=torch.bool)
            may[self.beyond] = False
            return may
        if tokens[0] not in self.medium:
            return self._numbers(tokens, None)
        begun = [i for i, token in enumerate(tokens) if token in self.medium]
        own = list(tokens[begun[-1] + 1 :])
        name = next((i for i, token in enumerate(own) if token >= self.places.base), len(own))
        place = next((i for i in range(name, len(own)) if own[i] < self.places.base), len(own))
        placed, rationale = own[name:place], own[place:]
        may = torch.zeros(self.size, dtype=torch.bool)
        words = slice(0, self.places.base)
        if not placed:
            may[words] = name < NAME
            may[self.time.start : self.time.stop - 1] = self.spans
            self._point(may, tokens, placed, begun)
        elif placed[0] in self.position and len(placed) < CORNERS:
            self._point(may, tokens, placed, begun)
        elif placed[0] in self.time and len(placed) < 2:
            may[placed[0] + 1 : self.time.stop] = True
        else:
            may[words] = len(rationale) < RANK + RATIONALE
            may[self.places.seen] = True
            if len(begun) < MOST_EVIDENCE and len(rationale) <= RANK:
                for part, medium in enumerate(self.medium):
                    may[medium] = self.spans or self.there is None or bool(self._left(tokens, part))
        may[self.beyond] = False
        if 0 <= end != self.places.seen:
            may[end] = False
        return may

    def _point(self, may: Tensor, tokens: Sequence[int], placed: list[int], begun: list[int]) -> None:
        """Allow what goes on with a box that is left, or nearly so: what is told apart by its x may share its y.

        begun: where each evidence began, the last being this one.
        """
        if self.there is None:
            may[self.position.start : self.position.stop] = True
            return
        left = self._left(tokens, tokens[begun[-1]] - self.medium.start)
        for box in [*left, *([self.places.place(WHOLE)] if len(begun) == 1 else [])]:
            if _apart(box, placed) <= NEAR:
                low, high = box[len(placed)] - NEAR, box[len(placed)] + NEAR
                if len(placed) < 2:  # room is left for the other corner, which lies behind
                    high = min(high, box[len(placed) + 2] + NEAR - 1, self.position.stop - 2)
                else:
                    low = max(low, placed[-2] + 1)
                may[max(low, self.position.start) : min(high + 1, self.position.stop)] = True

    def _left(self, tokens: Sequence[int], part: int) -> list[list[int]]:
        """What was perceived in a medium and isn't pointed at yet."""
        left = list(self.there[part]) if self.there is not None and part < len(self.there) else []
        run: list[int] = []
        about = -1
        for token in tokens:
            if token in self.medium:
                about = token - self.medium.start
            run = [*run, token] if token in self.position else []
            if len(run) == CORNERS and left and about == part:
                nearest = min(left, key=lambda box: _apart(box, run))
                if _apart(nearest, run) <= NEAR:
                    left.remove(nearest)
        return left

    def _numbers(self, tokens: Sequence[int], may: Tensor | None) -> Tensor | None:
        """In an answer, of what may be said at all, no more than a box's numbers stand one behind another."""
        if len(tokens) < CORNERS or any(token not in self.position for token in tokens[-CORNERS:]):
            return may
        may = torch.ones(self.size, dtype=torch.bool) if may is None else may.clone()
        may[self.position.start : self.position.stop] = False
        return may


def _apart(box: Sequence[int], placed: Sequence[int]) -> int:
    """Bins between corners, at most, of as many as are given."""
    return max((abs(a - b) for a, b in zip(box, placed, strict=False)), default=0)


def masked(logits: Tensor, allowed: Allowed | None, tokens: Sequence[int], end: int) -> Tensor:
    """Logits [V] with what may not come next at minus infinity."""
    may = allowed(tokens, end) if allowed else None
    return logits if may is None else logits.masked_fill(~may, float("-inf"))

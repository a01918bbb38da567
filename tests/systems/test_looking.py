"""While it looks, a system keeps to the form of evidence and points only at what was perceived, each once."""

import numpy as np
import pytest
import torch

from trenza.conversation import WHOLE, Box, Evidence, Span
from trenza.systems import places as p
from trenza.systems.looking import Looking, masked
from trenza.systems.places import Places

BASE, END = 50, 2
PLACES = Places(BASE)
SIZE = BASE + p.COUNT
BOXES = [Box(0.1, 0.2, 0.3, 0.4), Box(0.1, 0.2, 0.3, 0.9), Box(0.5, 0.5, 1.0, 1.0), Box(0.1, 0.65, 0.9, 0.66)]
ROWS = torch.tensor([[b.y0, b.x0, b.y1, b.x1] for b in BOXES])


def apart(one: Box, other: Box) -> float:
    return max(abs(a - b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def written(looking: Looking, choose, most: int = 400) -> list[int]:
    """What a model writes that is led by `choose` alone, up to SEEN, after it began to look."""
    first = looking([], END)
    assert first is not None and first[3]
    tokens = [PLACES.base + p.BINS + p.STEPS]
    while tokens[-1] != PLACES.seen and len(tokens) < most:
        may = looking(tokens, END)
        assert may is not None and bool(may.any()) and not may[END], "it looks to the end"
        tokens.append(int(choose(may.nonzero()[:, 0], tokens)))
    return tokens


@pytest.mark.parametrize("seed", range(20))
def test_whatever_a_model_likes_its_evidence_is_well_formed_and_was_perceived(seed):
    rng = np.random.default_rng(seed)
    kinds = rng.random(4)  # how much it likes words, places, media, SEEN
    edges = torch.tensor([0, BASE, BASE + p.BINS + p.STEPS, PLACES.seen])

    def choose(may, _tokens):
        shares = kinds[(torch.bucketize(may, edges, right=True) - 1).numpy()]
        return rng.choice(may.numpy(), p=shares / shares.sum())

    looking = Looking(PLACES, SIZE, [ROWS, ROWS[1:]], spans=bool(seed % 2))
    tokens = written(looking, choose)
    assert tokens[-1] == PLACES.seen and len(tokens) <= p.LOOKS + 1
    _, found = PLACES.read(tokens, lambda _: "")
    boxes = [e.where for e in found if isinstance(e.where, Box)]
    nearest = [min(range(5), key=lambda i: apart((*BOXES, WHOLE)[i], box)) for box in boxes]
    placed = [(e.part, i) for e, i in zip([e for e in found if isinstance(e.where, Box)], nearest, strict=True)]
    assert len(found) == sum(token in looking.medium for token in tokens), "none is turned over"
    assert all(e.part < 2 for e in found)
    assert all(apart((*BOXES, WHOLE)[i], box) < 0.03 for i, box in zip(nearest, boxes, strict=True))
    assert len(set(placed)) == len(boxes) and (1, 0) not in placed, "no place twice, none of another medium"
    assert bool(seed % 2) or len(boxes) == len(found)


def test_what_training_writes_may_be_written():
    given = (*(Evidence(0, b) for b in BOXES), Evidence(1, Span(1.0, 2.5)))
    for names, rationale, ranks in (((), (), ()), ([[1], [], [4] * p.NAME, [5], []], [7, 8], [[3]] * 5)):
        tokens = [*PLACES.evidence(given, rationale, names, ranks), 9, 9]
        assert len(PLACES.read(tokens, lambda _: "")[1]) == len(given)
        looking = Looking(PLACES, SIZE, [ROWS, ROWS[:0]])
        for at, token in enumerate(tokens):
            may = looking(tokens[:at], END)
            assert may is None or bool(may[token]), (at, token)


def test_having_looked_everywhere_is_told_first_or_not_at_all():
    looking = Looking(PLACES, SIZE, [ROWS], spans=False)
    medium, corner = PLACES.base + p.BINS + p.STEPS, PLACES.place(WHOLE)[0]
    first, later = looking([medium], END), looking([medium, *PLACES.place(BOXES[0]), medium], END)
    assert first is not None and later is not None and first[corner] and not later[corner]
    behind = looking([medium, *PLACES.place(WHOLE)], END)
    assert behind is not None and behind[medium], "what was perceived is left"


def test_two_things_at_one_place_are_two():
    twice = Looking(PLACES, SIZE, [ROWS[[0, 0]]], spans=False)
    medium = PLACES.base + p.BINS + p.STEPS
    one = [medium, *PLACES.place(BOXES[0])]
    after_one, after_two = twice([*one, medium], END), twice([*one, *one, medium], END)
    assert after_one is not None and after_two is not None
    first = PLACES.place(BOXES[0])[0]
    assert after_one[first] and not after_two[first]


def test_a_system_without_boxes_points_anywhere_and_no_more_than_it_learned():
    anywhere = Looking(PLACES, SIZE)
    tokens = written(anywhere, lambda may, tokens: may[-1] if may[-1] != PLACES.seen or len(may) == 1 else may[-2])
    _, found = PLACES.read(tokens, lambda _: "")
    assert tokens.count(PLACES.base + p.BINS + p.STEPS + p.MEDIA - 1) == p.MOST_EVIDENCE - 1 and len(found) <= 7
    may = anywhere([PLACES.base + p.BINS + p.STEPS], END)
    assert may is not None and int(may[BASE : BASE + p.BINS].sum()) == p.BINS


def test_answers_are_free_but_for_a_fifth_number_and_marks_of_evidence():
    looking = Looking(PLACES, SIZE, [ROWS])
    assert looking([3, 4], END) is None
    marks = slice(PLACES.medium(0), PLACES.seen + 1)
    said = looking([PLACES.seen, 3], END)
    assert said is not None and not said[marks].any() and int((~said).sum()) == p.MEDIA + 1
    may = looking([PLACES.seen, *PLACES.place(BOXES[0])], END)
    assert may is not None and not may[BASE : BASE + p.BINS].any() and may[:BASE].all() and not may[marks].any()
    logits = torch.arange(SIZE, dtype=torch.float)
    assert int(masked(logits, looking, [3], END).argmax()) == SIZE - 1
    assert int(masked(logits, None, [], END).argmax()) == SIZE - 1

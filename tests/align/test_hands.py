"""A hand that wasn't learned is taken for the same things throughout, and nothing is asked that can't be seen so."""

import numpy as np
import pytest

from trenza.align import hands
from trenza.align.conversations import Asked
from trenza.align.hands import Hand, answerable
from trenza.bridges.perceived import NONE, RIVALS


def test_names_stand_where_places_has_them_and_stay_there():
    rng, found = np.random.default_rng(0), np.zeros(RIVALS + 1)
    for _ in range(2000):
        hand = Hand(500)
        (first, chances), (again, _) = hand.rivals(7, rng), hand.rivals(7, rng)
        assert {*first} == {*again} and chances.sum() == pytest.approx(1) and (np.diff(chances) <= 0).all()
        place = hand.place(7)
        assert (place == NONE) == (7 not in first)
        found[place] += 1
        once = hand.taken[7][1]
        assert (np.diff(once) <= 1e-12).all()  # the first is the likeliest
    assert np.abs(found / 2000 - hands.PLACES).max() < 0.04


def test_two_looks_at_a_thing_mostly_agree_on_the_likeliest_name():
    rng, same = np.random.default_rng(1), []
    for number in range(300):
        hand = Hand(500)
        same.append(hand.rivals(number, rng)[0][0] == hand.rivals(number, rng)[0][0])
    assert 0.7 < np.mean(same) < 1


@pytest.mark.parametrize(
    ("place", "question", "answer", "kept"),
    [
        (0, "Is there a cow in the picture?", "yes", True), (0, "What is this?", "cow", True),
        (2, "Is there a cow in the picture?", "yes", True), (2, "What is this?", "cow", False),
        (NONE, "Is there a cow in the picture?", "yes", False), (NONE, "What is this?", "cow", False),
        (NONE, "Is there a violin in the picture?", "no", True),
    ],
)  # fmt: skip
def test_what_is_not_seen_is_not_asked(place, question, answer, kept):
    named = () if "violin" in question else (" cow",)
    asked = [Asked(question, answer, (), "", named)]
    assert list(answerable(asked, {"cow": place})) == (asked if kept else [])

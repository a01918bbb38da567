"""Nothing to be won without looking and listening: blind readers, and readers of one medium, stay at chance."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from trenza.data.samples import Item
from trenza.data.worlds import build, crossing, films
from trenza.errors import DataError
from trenza.evaluate.blind import blind_table, one_medium_ceiling, template


def stands_apart(row) -> bool:
    """More than four standard errors from chance: never by luck, even among a hundred templates."""
    error = np.sqrt(row.chance * (1 - row.chance) / row.items)
    return any(abs(share - row.chance) > 4 * error for share, _, _ in row.accuracy.values())


@pytest.fixture(scope="module")
def made(stock):
    return list(build.items_range(0, 2400, 21, stock=stock))


def test_blind_readers_stay_at_chance(stock, made):
    test = list(build.items_range(0, 1600, 22, "test_seed", stock=stock))
    for row in blind_table(made, test, lambda item: item.capability):
        assert row.at_chance, row
    assert not [row for row in blind_table(made, test, template) if stands_apart(row)]


def test_blind_readers_find_a_planted_shortcut(made):
    """The same items with every "no" of "verify" taken out: all readers have to see it."""
    leaky = [i for i in made if i.capability == "verify" and i.answer in ("yes", "sí")]
    for row in blind_table(leaky[::2], leaky[1::2], lambda item: item.capability):
        assert not row.at_chance and all(low > 0.8 for _, low, _ in row.accuracy.values())


def test_the_trained_readers_find_words_that_tell_the_answer():
    """Of two names the one that comes first in the alphabet is right: no answer is frequent on its own."""
    rng, names = np.random.default_rng(0), list("ABCDEFGH")
    leaky = []
    for number in range(600):
        one, two = (names[i] for i in rng.permutation(8)[:2])
        leaky.append(
            Item(
                str(number), (), f"Which is bigger, {one} or {two}?", min(one, two), "compare", "en", "train",
                (one, two), truth={"template": "bigger"},
            )
        )  # fmt: skip
    (row, _) = blind_table(leaky[:400], leaky[400:], lambda item: item.capability)
    assert row.accuracy["classifier"][1] > 0.8 and row.accuracy["n-gram"][1] > 0.6


def test_items_without_choices_have_no_chance_level(stock):
    item = next(build.items_range(0, 1, 0, stock=stock))
    with pytest.raises(DataError, match="no choices"):
        blind_table([replace(item, choices=())], [], template)


@pytest.mark.parametrize("family", crossing.FAMILIES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("part", [0, 1])
def test_crossing_needs_both_media(stock, family, part):
    made = [i for n in range(40) for i in build.world_items(n, 4, stock=stock, family=family)]
    assert all(i.capability == "cross" and len(i.media) == 2 for i in made)
    assert {len(i.choices) for i in made} == {2}  # so that the bound is the chance level
    assert one_medium_ceiling(made, part) <= 0.5


@pytest.mark.parametrize("medium", ["objects", "sounds"])
def test_crossing_within_a_film_needs_frames_and_sound(stock, medium):
    answers = defaultdict(list)
    for number in range(25):
        for item in build.world_items(number, 4, stock=stock, family=films.happening):
            if item.capability == "cross":
                answers[item.key[:-2], repr(item.truth["media"][0][medium])].append(item.answer)
    assert all(len(a) == 2 and a[0] != a[1] for a in answers.values())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_blind_readers_stay_at_chance_on_the_real_stock():
    train, test = list(build.items(8000, 31)), list(build.items(8000, 32, "test_seed"))
    for row in blind_table(train, test, lambda item: item.capability):
        assert not stands_apart(row), row
    assert blind_table(train, test, lambda item: "")[-1].at_chance
    assert not [row for row in blind_table(train, test, template) if stands_apart(row)]
    crossed = [i for i in test if i.capability == "cross" and len(i.media) == 2]
    assert max(one_medium_ceiling(crossed, part) for part in (0, 1)) <= 0.5

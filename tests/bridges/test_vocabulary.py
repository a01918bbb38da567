"""Words of a speech decoder as a language model spells them."""

from trenza.bridges.vocabulary import NONE, SLOTS, spell

WORDS = [" cat", " butterfly"]
SPELLED = {"cat": [1], "butterfly": [2, 3, 4], " cat": [6], " butterfly": [7]}


def test_words_are_spelled_as_they_stand_in_an_answer_first_and_behind_others():
    spelling = spell(WORDS, lambda text: SPELLED[text])
    assert spelling[0].tolist() == [[1, NONE, NONE, NONE], [2, 3, 4, NONE]]
    assert spelling[1].tolist() == [[6, NONE, NONE, NONE], [7, NONE, NONE, NONE]]


def test_words_beyond_the_slots_are_cut():
    long = spell(["abcdefgh"], lambda text: list(range(len(text))))
    assert long.shape == (2, 1, SLOTS) and long[0, 0].tolist() == [0, 1, 2, 3]

"""The vocabulary bridge: a sure state becomes the very embeddings of its word, a doubtful one lies between."""

import torch

from trenza.bridges.vocabulary import SLOTS, VocabularyBridge, spell

WORDS = [" cat", " butterfly", " hat", " of", " a", " b", " c", " d", " e"]
SPELLED = {"cat": [1], "butterfly": [2, 3, 4], "hat": [5], " cat": [6], " butterfly": [7], " hat": [8]}


def bridge() -> VocabularyBridge:
    made = VocabularyBridge(len(WORDS))
    made.spelling.copy_(spell(WORDS, lambda text: SPELLED.get(text, [9])))
    return made


def test_words_are_spelled_as_they_stand_in_an_answer():
    torch.manual_seed(0)
    keys, table = torch.eye(len(WORDS)), torch.randn(10, 6)
    states = 100 * keys[[1, 0, 2]]  # "butterfly cat hat"
    assert torch.allclose(bridge()(states, keys, table), table[[2, 3, 4, 6, 8]], atol=1e-5)
    assert torch.allclose(bridge()(states[1:], keys, table), table[[1, 8]], atol=1e-5)


def test_doubt_between_two_words_stays_in_the_token():
    torch.manual_seed(0)
    keys, table = torch.eye(len(WORDS)), torch.randn(10, 6)
    state = 100 * (keys[0] + 0.99 * keys[2])[None]  # e to 1 for "cat" against "hat"
    share = torch.tensor([1.0, 0.0]).softmax(0)
    assert torch.allclose(bridge()(state, keys, table)[0], share[0] * table[1] + share[1] * table[5], atol=1e-4)


def test_words_beyond_the_slots_are_cut_and_nothing_said_is_nothing():
    long = spell(["abcdefgh"], lambda text: list(range(len(text))))
    assert long.shape == (2, 1, SLOTS) and long[0, 0].tolist() == [0, 1, 2, 3]
    assert bridge()(torch.zeros(0, 9), torch.eye(9), torch.randn(10, 6)).shape == (0, 6)

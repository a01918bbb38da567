"""Token choice: greedy, nucleus, seeds."""

import torch

from trenza.layers.sampling import sample

LOGITS = torch.tensor([0.0, 3.0, 2.0, -1.0])


def draws(temperature: float, top_p: float, seed: int, count: int = 400) -> list[int]:
    rng = torch.Generator().manual_seed(seed)
    return [sample(LOGITS, temperature, top_p, rng) for _ in range(count)]


def test_temperature_zero_is_greedy():
    assert set(draws(0.0, 1.0, 0)) == {1}


def test_a_tiny_nucleus_keeps_only_the_best():
    assert set(draws(1.0, 0.01, 0)) == {1}


def test_the_nucleus_keeps_the_smallest_set_that_reaches_its_mass():
    probability = LOGITS.softmax(0)
    assert probability[1] < 0.8 < probability[1] + probability[2]
    assert set(draws(1.0, 0.8, 0)) == {1, 2}


def test_frequencies_follow_the_softmax():
    share = draws(1.0, 1.0, 0, 4000).count(2) / 4000
    assert abs(share - LOGITS.softmax(0)[2]) < 0.03


def test_the_seed_decides():
    assert draws(1.0, 1.0, 5) == draws(1.0, 1.0, 5)
    assert draws(1.0, 1.0, 5) != draws(1.0, 1.0, 6)

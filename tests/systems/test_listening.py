"""A sound beside pictures is heard again by who knows what they show; all else stays as it was perceived."""

import numpy as np
import pytest
import torch

from trenza.bridges.perceived import EVENT_COLUMNS, LINE_COLUMNS, OBJECT_COLUMNS, RIVALS
from trenza.signals import Audio, Image
from trenza.systems.examples import Medium
from trenza.systems.listening import MAYBE, MOST, Listening

NAMES = [[f" {name}" for name in ("cow", "ox", "bell")], ["vaca", "buey", "campana"]]
SOUND, PICTURE = Audio(np.zeros(800, np.float32)), Image(np.zeros((4, 4, 3), np.uint8))
AGAIN = Medium("audio", torch.ones(1, 1, EVENT_COLUMNS))


class Ears:
    def __init__(self):
        self.asked = []

    def __call__(self, sound, shown):
        self.asked.append(shown)
        return AGAIN


@pytest.fixture
def ears() -> Ears:
    return Ears()


def picture(*rivals: dict[int, float]) -> tuple[Medium, ...]:
    rows = torch.zeros(1, len(rivals), OBJECT_COLUMNS)
    for row, own in zip(rows[0], rivals, strict=True):
        row[: len(own)] = torch.tensor(list(own), dtype=torch.float32)
        row[RIVALS : RIVALS + len(own)] = torch.tensor(list(own.values()))
    return Medium("image", rows), Medium("lines", torch.zeros(1, 2, LINE_COLUMNS), within=True)


def event(said: bool) -> tuple[Medium]:
    return (Medium("audio", torch.full((1, 1, EVENT_COLUMNS), float(said))),)


def test_what_is_said_is_heard_with_the_names_of_what_is_shown_once(ears):
    listening = Listening(ears, NAMES)
    seen = {1: picture({0: 0.7, 1: 0.2, 2: MAYBE / 2}, {0: 1.0}), 3: event(said=True)}
    signals = [(1, PICTURE), (3, SOUND)]
    beside = listening(signals, seen)
    assert beside[1] is seen[1] and beside[3] == (AGAIN,) and list(beside) == [1, 3]
    assert ears.asked == [("cow", "vaca", "ox", "buey")]
    assert listening(signals, seen)[3] == (AGAIN,) and len(ears.asked) == 1
    listening(signals, {1: picture({2: 1.0}), 3: event(said=True)})
    assert ears.asked[1:] == [("bell", "campana")]


@pytest.mark.parametrize(
    ("shown", "said"), [(picture({0: 1.0}), False), (picture(), True), ((Medium("image", torch.ones(1, 2, 20)),), True)]
)
def test_without_things_or_speech_nothing_is_heard_again(ears, shown, said):
    seen = {0: shown, 1: event(said)}
    assert Listening(ears, NAMES)([(0, PICTURE), (1, SOUND)], seen) is seen and not ears.asked


def test_sounds_that_are_no_events_are_not_heard_again(ears):
    seen = {0: picture({0: 1.0}), 1: (Medium("audio", torch.ones(1, 0, 0)),)}
    assert Listening(ears, NAMES)([(0, PICTURE), (1, SOUND)], seen) is seen and not ears.asked


def test_senses_that_cannot_listen_again_are_left_alone():
    seen = {0: picture({0: 1.0}), 1: event(said=True)}
    assert Listening(None, NAMES)([(0, PICTURE), (1, SOUND)], seen) is seen
    assert Listening(None, ())([(0, PICTURE)], {0: seen[0]}) == {0: seen[0]}


def test_of_a_crowd_the_surest_names_are_kept_and_none_that_is_cut_off(ears):
    names = [[*(f"thing {i}" for i in range(40)), ""]]
    seen = {0: picture(*({i: 0.2 + 0.01 * i} for i in range(41))), 1: event(said=True)}
    Listening(ears, names)([(0, PICTURE), (1, SOUND)], seen)
    assert ears.asked == [tuple(names[0][39 : 39 - MOST : -1])]

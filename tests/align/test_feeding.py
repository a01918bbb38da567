"""What a turn's evidence is where a corpus tells none."""

import torch

from trenza.align.feeding import found
from trenza.bridges.perceived import EVENT_COLUMNS, LINE_COLUMNS, OBJECT_COLUMNS
from trenza.conversation import Box, Evidence, Span
from trenza.systems.examples import Medium

LINES = Medium("lines", torch.zeros(1, 0, LINE_COLUMNS), within=True)


def thing(box: list[float], score: float) -> torch.Tensor:
    row = torch.zeros(OBJECT_COLUMNS)
    row[16:20], row[20] = torch.tensor(box), score
    return row


def test_the_surest_thing_is_the_evidence_of_a_picture():
    rows = torch.stack([thing([0.0, 0.25, 0.5, 0.75], 0.4), thing([0.5, 0.0, 1.125, 0.25], 0.9)])
    assert found((Medium("image", rows[None]), LINES)) == (Evidence(0, Box(0.0, 0.5, 0.25, 1.0)),)


def test_all_events_are_the_evidence_of_a_sound():
    rows = torch.zeros(2, EVENT_COLUMNS)
    rows[:, 1:3] = torch.tensor([[0.5, 1.0], [2.0, 2.5]])
    assert found((Medium("audio", rows[None]),)) == (Evidence(0, Span(0.5, 1.0)), Evidence(0, Span(2.0, 2.5)))


def test_nothing_perceived_two_media_or_a_grid_give_none():
    picture = Medium("image", thing([0.0, 0.25, 0.5, 0.75], 0.4)[None, None])
    assert found((Medium("image", torch.zeros(1, 0, OBJECT_COLUMNS)), LINES)) == ()
    assert found((picture, picture)) == ()
    assert found((Medium("image", torch.zeros(1, 49, 352)),)) == ()
    assert found(()) == ()

"""What a turn's evidence is where a corpus tells none, and the ranks of what it compares."""

import torch

from trenza.align.conversations import Asked
from trenza.align.feeding import found, ranks_of
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


def compared(along: str, *where) -> Asked:
    return Asked("?", "yes", where, along=along)


def test_ranks_are_those_of_what_was_perceived_where_the_evidence_is():
    corners = ([0.1, 0.6, 0.3, 0.9], [0.5, 0.05, 0.6, 0.1], [0.2, 0.2, 0.8, 0.4])  # y0 x0 y1 x1
    boxes = [Box(x0, y0, x1, y1) for y0, x0, y1, x1 in corners]
    picture = Medium("image", torch.stack([thing(c, 0.5) for c in corners])[None])
    first, second = Evidence(0, boxes[0]), Evidence(0, boxes[2])
    for along, expected in (("across", (3, 2)), ("down", (1, 2)), ("size", (2, 1))):
        assert ranks_of((picture, LINES), compared(along, first, second)) == expected
        assert ranks_of((picture, LINES), compared(along, second, first)) == expected[::-1]
    other = Medium("image", thing([0.4, 0.4, 0.6, 0.6], 0.5)[None, None])
    assert ranks_of((other, LINES, picture, LINES), compared("across", Evidence(1, boxes[1]))) == (1,)
    missed = Evidence(0, Box(0.7, 0.1, 0.95, 0.3))
    assert ranks_of((picture, LINES), compared("across", first, missed)) == ()
    assert ranks_of((picture, LINES), compared("across", first, first)) == ()  # one thing perceived for two
    assert ranks_of((Medium("image", torch.zeros(1, 0, OBJECT_COLUMNS)), LINES), compared("size", first)) == ()
    assert ranks_of((Medium("image", torch.zeros(1, 49, 352)),), compared("size", first)) == ()


def test_sounds_are_ranked_by_when_they_start_and_how_loud_they_are():
    rows = torch.zeros(3, EVENT_COLUMNS)
    rows[:, 1:4] = torch.tensor([[0.1, 0.4, -20.0], [0.5, 0.9, -10.0], [1.2, 1.4, -30.0]])
    sound = (Medium("audio", rows[None]),)
    two = Evidence(0, Span(0.5, 0.9)), Evidence(0, Span(1.25, 1.4))
    assert ranks_of(sound, compared("time", *two)) == (2, 3)
    assert ranks_of(sound, compared("loudness", *two)) == (1, 3)
    assert ranks_of(sound, compared("across", *two)) == ()

"""Evidence is where things were perceived; what wasn't perceived isn't asked."""

import json
from dataclasses import replace

import torch

from trenza.align.conversations import Asked
from trenza.align.grounded import grounded, ranks_of
from trenza.bridges.objects import FIRST, LAST
from trenza.bridges.perceived import COLOUR, EVENT_COLUMNS, LINE_COLUMNS, OBJECT_COLUMNS, TRACK_COLUMNS
from trenza.conversation import WHOLE, Box, Evidence, Span
from trenza.data.worlds.drawing import COLOURS
from trenza.systems.examples import Medium

LINES = Medium("lines", torch.zeros(1, 0, LINE_COLUMNS), within=True)


def thing(box: list[float], number: int = 0) -> torch.Tensor:
    """At y0 x0 y1 x1."""
    row = torch.zeros(OBJECT_COLUMNS)
    row[0], row[8], row[16:20], row[20] = number, 1.0, torch.tensor(box), 0.5
    return row


def picture(*rows: torch.Tensor) -> tuple[Medium, Medium]:
    return Medium("image", torch.stack(rows)[None]), LINES


def test_a_box_and_the_answer_that_it_is_move_to_what_was_perceived():
    media = picture(thing([0.12, 0.22, 0.52, 0.61]), thing([0.7, 0.1, 0.9, 0.3]))
    true = Evidence(0, Box(0.2, 0.1, 0.6, 0.5))  # x0 y0 x1 y1
    seen = (Evidence(0, Box(0.22, 0.12, 0.61, 0.52)),)
    assert grounded(media, Asked("?", "[0.2, 0.1, 0.6, 0.5]", (true,))) == Asked("?", "[0.22, 0.12, 0.61, 0.52]", seen)
    assert grounded(media, Asked("?", "[0.42, 0.29]", (true,))) == Asked("?", "[0.415, 0.32]", seen)
    assert grounded(media, Asked("?", "yes", (true,))) == Asked("?", "yes", seen)
    elsewhere = "[0.8, 0.29]"  # no middle of the box
    assert grounded(media, Asked("?", elsewhere, (true,))) == Asked("?", elsewhere, seen)


def test_a_click_moves_to_the_middle_of_what_was_perceived():
    media = picture(thing([0.12, 0.22, 0.52, 0.61]))
    true = Evidence(0, Box(0.2, 0.1, 0.6, 0.5))
    for x, y, moved in ((0.4, 0.3, (0.415, 0.32)), (0.9, 0.3, (0.9, 0.3))):  # the second is no middle of the box
        call = json.dumps({"name": "click", "arguments": {"x": x, "y": y}})
        found = grounded(media, Asked("?", call, (true,)))
        assert json.loads(found.answer) == {"name": "click", "arguments": dict(zip("xy", moved, strict=True))}
    for other in ('{"name": "done", "arguments": {}}', '{"cow": 2}', '{"name": "ask", "arguments": {"to": "Lima"}}'):
        assert grounded(media, Asked("?", other, (true,))).answer == other


def test_a_listing_follows_what_was_perceived_and_leaves_nothing_out():
    left, right = [0.1, 0.22, 0.3, 0.4], [0.1, 0.3, 0.3, 0.5]  # y0 x0 y1 x1
    truth = (Evidence(0, Box(0.24, 0.1, 0.44, 0.3)), Evidence(0, Box(0.28, 0.1, 0.48, 0.3)))
    asked = Asked("?", "From left to right: cow, cat.", truth, named=(" cow", " cat"), along="row")
    assert grounded(picture(thing(left, 3), thing(right, 4)), asked).answer == asked.answer
    turned = grounded(picture(thing([0.1, 0.33, 0.3, 0.53]), thing([0.1, 0.2, 0.3, 0.4])), replace(
        asked, evidence=(Evidence(0, Box(0.34, 0.1, 0.54, 0.3)), Evidence(0, Box(0.2, 0.1, 0.4, 0.3)))
    ))  # fmt: skip
    assert turned.answer == "From left to right: cat, cow." and turned.named == (" cat", " cow")
    assert [e.where.x0 for e in turned.evidence] == [0.2, 0.33]
    assert grounded(picture(thing(left), thing(right), thing([0.7, 0.7, 0.9, 0.9])), asked) is None  # one more


def coloured(box: list[float], colour: int, number: int = 0) -> torch.Tensor:
    row = thing(box, number)
    row[COLOUR.start + colour] = 1.0
    return row


def test_what_is_asked_by_its_colour_or_has_it_said_was_perceived_in_it():
    where, other = [0.1, 0.2, 0.5, 0.6], [0.7, 0.7, 0.9, 0.9]
    blue, orange = (1 + list(COLOURS).index(c) for c in ("blue", "orange"))
    there = (Evidence(0, Box(0.2, 0.1, 0.6, 0.5)),)
    for word in (" blue", " azul"):
        by_key = Asked("?", "cow", there, named=("cow",), keys=(word,))
        said = Asked("?", "yes", there, named=("cow",), rationale=word)
        for asked in (by_key, said):
            assert grounded(picture(coloured(where, blue), coloured(other, orange)), asked) is not None
            assert grounded(picture(coloured(where, orange), coloured(other, orange)), asked) is None
            assert grounded(picture(coloured(where, 0), coloured(other, blue)), asked) is None
        assert grounded(picture(coloured(where, blue), coloured(other, blue)), by_key) is None  # which of the two?
        assert grounded(picture(coloured(where, blue), coloured(other, blue)), said) is not None


def test_a_name_that_is_a_colour_s_too_is_taken_for_the_name():
    where, blue = Box(0.2, 0.1, 0.6, 0.5), 1 + list(COLOURS).index("blue")
    heard = torch.zeros(1, 1, EVENT_COLUMNS)
    heard[..., 2] = 1.0
    media = (*picture(coloured([0.1, 0.2, 0.5, 0.6], blue)), Medium("audio", heard))
    both = (Evidence(1, Span(0.0, 1.0)), Evidence(0, where))
    is_seen = Asked("Is what you hear in the picture?", "yes", both, " orange", (" orange", " orange"))
    assert grounded(media, is_seen) is not None
    colour = replace(is_seen, answer="orange")  # what colour is it?
    assert grounded(media, colour) is None


def test_two_things_are_compared_by_the_colours_that_they_were_perceived_in():
    where, other = [0.1, 0.2, 0.5, 0.6], [0.7, 0.7, 0.9, 0.9]
    blue, red = (1 + list(COLOURS).index(c) for c in ("blue", "red"))
    there = (Evidence(0, Box(0.2, 0.1, 0.6, 0.5)), Evidence(0, Box(0.7, 0.7, 0.9, 0.9)))
    asked = Asked("?", "no", there, named=("cow", "cat"), rationale=" azul, rojo")
    assert grounded(picture(coloured(where, blue), coloured(other, red)), asked) is not None
    assert grounded(picture(coloured(where, blue), coloured(other, blue)), asked) is None


def test_the_largest_and_what_only_one_picture_shows_were_perceived_so():
    large, small = [0.1, 0.2, 0.5, 0.6], [0.7, 0.7, 0.9, 0.9]
    there = (Evidence(0, Box(0.2, 0.1, 0.6, 0.5)),)
    biggest, smallest = (Asked("?", "cow", there, named=("cow",), keys=(word,)) for word in (" biggest", " smallest"))
    seen = picture(thing(large), thing(small))
    assert grounded(seen, biggest) is not None and grounded(seen, smallest) is None
    only = Asked("?", "cow", there, named=("cow",), keys=(" only",))
    assert grounded((*picture(thing(large, 3)), *picture(thing(large, 4))), only) is not None
    assert grounded((*picture(thing(large, 3)), *picture(thing(small, 3))), only) is None


def test_the_loudest_was_perceived_so():
    rows = torch.zeros(2, EVENT_COLUMNS)
    rows[:, 1:4] = torch.tensor([[0.1, 0.4, -20.0], [0.5, 0.9, -10.0]])
    sound = (Medium("audio", rows[None]),)
    quiet, loud = (
        Asked("?", "x", (Evidence(0, Span(*span)),), named=("x",), keys=(" loud",)) for span in ((0.1, 0.4), (0.5, 0.9))
    )
    assert grounded(sound, quiet) is None and grounded(sound, loud) == loud


def test_a_film_s_thing_goes_the_way_that_is_said_of_it():
    row = torch.zeros(TRACK_COLUMNS)
    row[FIRST], row[LAST] = torch.tensor([0.4, 0.1, 0.6, 0.3]), torch.tensor([0.4, 0.7, 0.6, 0.9])
    film = (Medium("video", row[None, None]), Medium("audio", torch.zeros(1, 0, EVENT_COLUMNS), within=True))
    there = (Evidence(0, Box(0.1, 0.4, 0.9, 0.6)),)
    for way, holds in ((" right", True), (" left", False), (" a la derecha", True), (" hacia arriba", False)):
        assert (grounded(film, Asked("?", "yes", there, named=("cow",), rationale=way)) is not None) == holds
        assert (grounded(film, Asked("?", "cow", there, named=("cow",), keys=(way,))) is not None) == holds


def test_what_was_not_perceived_is_not_asked():
    media = picture(thing([0.1, 0.2, 0.5, 0.6]))
    there, missed = Evidence(0, Box(0.2, 0.1, 0.6, 0.5)), Evidence(0, Box(0.7, 0.7, 0.9, 0.9))
    assert grounded(media, Asked("?", "yes", (there, missed))) is None
    assert grounded(media, Asked("?", "2", (there, there))) is None  # one was perceived for two
    nothing = Asked("?", "no", (Evidence(0, WHOLE),))
    assert grounded(media, nothing) == nothing
    grid = (Medium("image", torch.zeros(1, 49, 352)),)
    assert grounded(grid, Asked("?", "yes", (missed,))) == Asked("?", "yes", (missed,))
    sound = (Medium("audio", torch.zeros(1, 0, EVENT_COLUMNS)),)
    heard = Asked("?", "yes", (Evidence(0, Span(0.5, 1.0)),))
    assert grounded(sound, heard) == heard
    for media in (grid, (Medium("audio", torch.zeros(1, 75, 384)),)):  # what isn't perceived by boxes has no ranks
        compared_ = Asked("?", "yes", (missed,), along="across")
        assert grounded(media, compared_) == compared_
    pixels = Asked("?", "[100, 20, 300, 200]", (there,))  # no box of ours
    moved = grounded(picture(thing([0.1, 0.2, 0.5, 0.6])), pixels)
    assert moved is not None and moved.answer == pixels.answer


def test_things_are_counted_down_by_their_name_and_asked_only_where_all_were_perceived():
    boxes = ([0.1, 0.1, 0.2, 0.2], [0.1, 0.4, 0.2, 0.5], [0.1, 0.7, 0.2, 0.8])
    cows = tuple(Evidence(0, Box(x0, y0, x1, y1)) for y0, x0, y1, x1 in boxes)
    media = picture(thing(boxes[0], 3), thing(boxes[1], 4), thing(boxes[2], 3))
    asked = Asked("?", "2", (cows[0], cows[2]), named=("cow", "cow"), along="number")
    found = grounded(media, asked)
    assert found is not None and found.ranks == (2, 1)
    both = Asked("?", "cow", (cows[0], cows[2], cows[1]), named=("cow", "cow", "cat"), along="number")
    found = grounded(media, both)
    assert found is not None and found.ranks == (2, 1, 1)
    assert grounded(media, Asked("?", "3", cows, named=("cow",) * 3, along="number")) is None  # one looks like a cat


def test_sounds_of_a_name_are_counted_down():
    rows = torch.zeros(3, EVENT_COLUMNS)
    rows[:, 1:4] = torch.tensor([[0.1, 0.4, -20.0], [0.5, 0.9, -10.0], [1.2, 1.4, -30.0]])
    rows[:, 24] = torch.tensor([5.0, 6.0, 5.0])
    sound = (Medium("audio", rows[None]),)
    twice = Asked(
        "?", "2", (Evidence(0, Span(0.1, 0.4)), Evidence(0, Span(1.2, 1.4))), named=("a", "a"), along="number"
    )
    assert ranks_of(sound, twice) == (2, 1)
    rows[0, 0], rows[0, 4], rows[2, 4] = 1.0, 9, 9  # the first is said, the last a sound of that number
    assert ranks_of(sound, twice) is None


def compared(along: str, *where) -> Asked:
    return Asked("?", "yes", where, along=along)


def test_ranks_are_those_of_what_was_perceived_where_the_evidence_is():
    corners = ([0.1, 0.6, 0.3, 0.9], [0.5, 0.05, 0.6, 0.1], [0.2, 0.2, 0.8, 0.4])  # y0 x0 y1 x1
    boxes = [Box(x0, y0, x1, y1) for y0, x0, y1, x1 in corners]
    shown = Medium("image", torch.stack([thing(c) for c in corners])[None])
    first, second = Evidence(0, boxes[0]), Evidence(0, boxes[2])
    for along, expected in (("across", (3, 2)), ("down", (1, 2)), ("size", (2, 1))):
        assert ranks_of((shown, LINES), compared(along, first, second)) == expected
        assert ranks_of((shown, LINES), compared(along, second, first)) == expected[::-1]
    other = Medium("image", thing([0.4, 0.4, 0.6, 0.6])[None, None])
    assert ranks_of((other, LINES, shown, LINES), compared("across", Evidence(1, boxes[1]))) == (1,)
    missed = Evidence(0, Box(0.7, 0.1, 0.95, 0.3))
    assert ranks_of((shown, LINES), compared("across", first, missed)) is None
    assert ranks_of((shown, LINES), compared("across", first, first)) is None  # one thing perceived for two
    assert ranks_of((Medium("image", torch.zeros(1, 0, OBJECT_COLUMNS)), LINES), compared("size", first)) is None
    assert ranks_of((Medium("image", torch.zeros(1, 49, 352)),), compared("size", first)) is None


def test_who_is_compared_the_other_way_round_than_perceived_is_not_asked():
    rows = torch.zeros(2, EVENT_COLUMNS)
    rows[:, 1:4] = torch.tensor([[0.1, 0.4, -20.0], [0.5, 0.9, -10.0]])
    sound = (Medium("audio", rows[None]),)
    two = Evidence(0, Span(0.1, 0.4)), Evidence(0, Span(0.5, 0.9))  # the second is the louder
    asked = Asked("?", "no", two, named=(" bell", "cow"), along="loudness")
    for louder, ranks in ((" bell", None), ("cow", (2, 1)), (" cow, bell", (2, 1)), (" bell, cow", None)):
        assert ranks_of(sound, replace(asked, rationale=louder)) == ranks
        assert ranks_of(sound, replace(asked, answer=louder.strip())) == ranks
    assert ranks_of(sound, asked) == (2, 1)


def test_sounds_are_ranked_by_when_they_start_and_how_loud_they_are():
    rows = torch.zeros(3, EVENT_COLUMNS)
    rows[:, 1:4] = torch.tensor([[0.1, 0.4, -20.0], [0.5, 0.9, -10.0], [1.2, 1.4, -30.0]])
    sound = (Medium("audio", rows[None]),)
    two = Evidence(0, Span(0.5, 0.9)), Evidence(0, Span(1.25, 1.4))
    assert ranks_of(sound, compared("time", *two)) == (2, 3)
    assert ranks_of(sound, compared("loudness", *two)) == (1, 3)
    assert ranks_of(sound, compared("across", *two)) is None

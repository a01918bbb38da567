"""What media could have shown instead differs from them in one thing, and in what is asked for above all."""

import pytest
import torch
from torch import Tensor

from trenza.bridges.events import EventTokens
from trenza.bridges.lines import LineTokens
from trenza.bridges.objects import ObjectTokens, TrackTokens
from trenza.bridges.perceived import (
    BOX,
    COLOUR,
    EVENT_COLUMNS,
    LINE_COLUMNS,
    LINE_TOKENS,
    NONE,
    OBJECT_COLUMNS,
    OWNER,
    RIVALS,
    TRACK_COLUMNS,
)
from trenza.systems.examples import Medium
from trenza.systems.otherwise import TEXT, Otherwise, decisive

COW, HORSE, CAR, BELL = range(4)


@pytest.fixture
def otherwise() -> Otherwise:
    return Otherwise({
        "image": ObjectTokens(8, 2, 4), "video": TrackTokens(8, 2, 4), "audio": EventTokens(8, 2, 4, 4),
        "lines": LineTokens(8, 2, 4),
    })  # fmt: skip


def thing(name: int, x: float, colour: int = 0) -> Tensor:
    row = torch.zeros(OBJECT_COLUMNS)
    row[0], row[RIVALS], row[BOX] = name, 1.0, torch.tensor([0.1, x, 0.3, x + 0.2])
    row[COLOUR.start + colour] = 1.0
    return row


def picture(*things: Tensor) -> Medium:
    return Medium("image", torch.stack(things)[None] if things else torch.zeros(1, 0, OBJECT_COLUMNS))


def event(name: int, said: tuple[int, ...] = ()) -> Tensor:
    row = torch.zeros(EVENT_COLUMNS)
    row[4:24] = NONE
    row[0], row[1], row[2], row[24], row[32] = float(bool(said)), 0.5, 1.0, name, 1.0
    row[4 : 4 + len(said)] = torch.tensor(said, dtype=torch.float32)
    return row


def names(medium: Medium) -> list[int]:
    return medium.features[0, :, 0].long().tolist()


def test_what_is_asked_for_is_put_in_and_taken_out(otherwise):
    media = (picture(thing(COW, 0.1), thing(CAR, 0.6, colour=2)),)
    made = [names(m) for (m,) in otherwise(media, {"image": [(HORSE,)]})]
    assert any(HORSE in some for some in made) and any(HORSE not in some for some in made)
    made = [names(m) for (m,) in otherwise(media, {"image": [(COW,)]})]
    assert any(COW not in some and CAR in some for some in made)
    assert any(some.count(COW) == 2 for some in made)


def test_of_two_numbers_with_one_name_one_is_put_in_if_neither_is_there(otherwise):
    media = (picture(thing(CAR, 0.1), thing(BELL, 0.6)),)
    assert [HORSE, BELL] in [names(m) for (m,) in otherwise(media, {"image": [(HORSE, COW)]})]
    assert [HORSE, BELL] not in [names(m) for (m,) in otherwise(media, {"image": [(CAR, HORSE)]})]


def test_names_change_places_left_is_right_and_colours_are_others(otherwise):
    media = (picture(thing(COW, 0.1, colour=3), thing(CAR, 0.6)),)
    (rotated,), (mirrored,), (painted,) = list(otherwise(media, {}))[:3]
    assert names(rotated) == [CAR, COW] and torch.equal(rotated.features[..., BOX], media[0].features[..., BOX])
    assert rotated.features[0, 0, COLOUR.start + 3] == 1  # where the coloured one was, not with its name
    assert torch.allclose(mirrored.features[0, 0, BOX], torch.tensor([0.7, 0.7, 0.9, 0.9]))
    assert painted.features[0, :, COLOUR].argmax(1).tolist() == [4, 1] and names(painted) == [COW, CAR]


def test_where_nothing_is_asked_for_there_is_one_more_of_something(otherwise):
    assert any(names(m) == [COW, COW] for (m,) in otherwise((picture(thing(COW, 0.1)),), {}))


def test_what_is_called_otherwise_is_called_so_everywhere_and_as_nothing_that_was_there(otherwise):
    media = (picture(thing(COW, 0.1), thing(CAR, 0.6)), picture(thing(COW, 0.3)))
    renamed = [m for m in otherwise(media, {}) if not {COW, CAR} & {*names(m[0]), *names(m[1])}]
    assert renamed and all(names(one)[0] == names(two)[0] != names(one)[1] for one, two in renamed)


def test_the_same_picture_twice_is_not_turned_round(otherwise):
    assert not list(otherwise((picture(), picture()), {}))


def test_an_empty_picture_shows_what_is_asked_for(otherwise):
    made = list(otherwise((picture(),), {"image": [(COW,)]}))
    assert [names(m) for (m,) in made] == [[COW]]
    assert not list(otherwise((picture(),), {"image": []}))


def test_two_pictures_change_places_with_all_that_is_theirs(otherwise):
    line = torch.full((1, 1, LINE_COLUMNS), float(NONE))
    media = (
        picture(thing(COW, 0.1)),
        Medium("lines", line, within=True),
        picture(thing(CAR, 0.1)),
        Medium("lines", line, within=True),
    )
    *_, last = otherwise(media, {})
    assert [m.kind for m in last] == ["image", "lines"] * 2 and names(last[0]) == [CAR] and names(last[2]) == [COW]


def test_texts_change_places_and_times_run_backwards(otherwise):
    lines = torch.zeros(1, 2, LINE_COLUMNS)
    lines[0, :, 4 : 4 + LINE_TOKENS], lines[0, :, OWNER] = torch.tensor([5.0, 6.0])[:, None], 1.0
    seen = picture(thing(COW, 0.1), thing(CAR, 0.5))
    made = [m.features[0] for _, m in otherwise((seen, Medium("lines", lines, within=True)), {})]
    assert any(m[:, 4].tolist() == [6, 5] and (m[:, OWNER] == 1).all() for m in made)
    assert not made[0][:, OWNER].any() and made[0][:, 4].tolist() == [5, 6]  # things are called otherwise, texts aren't
    alone = torch.full((1, 1, LINE_COLUMNS), float(NONE))
    alone[0, 0, 4:6] = torch.tensor([5.0, 6.0])
    made = [m.features[0, 0, TEXT] for (m,) in otherwise((Medium("lines", alone),), {})]
    assert any([int(t) for t in text if t != NONE] == [6, 5] for text in made)
    track = torch.zeros(1, 1, TRACK_COLUMNS)
    track[0, 0, 16:18], track[0, 0, RIVALS] = torch.tensor([1.0, 2.0]), 1.0
    later = torch.stack([track[0, 0], track[0, 0].index_fill(0, torch.tensor([16, 17]), 4.0)])
    (mirrored, *_) = otherwise((Medium("video", later[None]),), {})  # both have one name, so there is nothing to rotate
    assert mirrored[0].features[0, :, 16:18].tolist() == [[3.0, 4.0], [1.0, 1.0]]


def test_it_is_the_same_every_time_and_changes_nothing_that_is_given(otherwise):
    media = (picture(thing(COW, 0.1), thing(CAR, 0.6)), Medium("audio", torch.stack([event(BELL), event(COW)])[None]))
    before = [m.features.clone() for m in media]
    once, again = ([m.features for some in otherwise(media, {"image": [(HORSE,)]}) for m in some] for _ in range(2))
    assert all(map(torch.equal, once, again)) and all(
        torch.equal(m.features, b) for m, b in zip(media, before, strict=True)
    )


def test_what_makes_a_difference_to_the_usual_answer_is_decisive():
    assert decisive(-0.1, [[-0.2, -0.3], [-9.0, -8.0], [-7.0, -2.0]]) == [-9.0, -7.0]
    assert decisive(-0.1, [[-0.2], [-5.0]]) == [-5.0]  # it is the usual one
    assert decisive(-0.1, [[-0.2, -0.3], [-5.0, -0.1]]) == []  # nothing is: it is habit

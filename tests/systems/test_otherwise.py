"""What media could have shown instead differs from them in one thing, and in what is asked for above all."""

import pytest
import torch
from torch import Tensor, nn

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
    RIVALS,
    TRACK_COLUMNS,
)
from trenza.systems.examples import Medium
from trenza.systems.otherwise import Otherwise, held_against

COW, HORSE, RED_CAR, CAR, BELL = range(5)
ENGLISH = [[10], [11], [12, 13], [13], [14]]  # the car is the end of the red car's name
SPANISH = [[20], [21], [22, 23], [22], [24]]
WORDS = [[[30], [10], [12], [13]], [[31], [10], [12], [13]]]  # of the listener: what begins, and what follows


@pytest.fixture
def otherwise() -> Otherwise:
    bridges: dict[str, nn.Module] = {
        "image": ObjectTokens(8, 2, 5), "video": TrackTokens(8, 2, 5), "audio": EventTokens(8, 2, 5, 4),
        "lines": LineTokens(8, 2, 5),
    }  # fmt: skip
    for bridge in bridges.values():
        for language, names in enumerate((ENGLISH, SPANISH)):
            for number, tokens in enumerate(names):
                bridge.names.spelling[language, number, : len(tokens)] = torch.tensor(tokens, dtype=torch.int32)
    bridges["audio"].words[..., :1] = torch.tensor(WORDS, dtype=torch.int32)
    return Otherwise(bridges)


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
    made = [names(m) for (m,) in otherwise(media, [1, 11, 2])]  # is there a horse?
    assert any(HORSE in some for some in made) and any(HORSE not in some for some in made)
    made = [names(m) for (m,) in otherwise(media, [1, 20, 2])]  # ¿hay una vaca?
    assert any(COW not in some and CAR in some for some in made)
    assert any(some.count(COW) == 2 for some in made)


def test_the_longest_name_is_meant(otherwise):
    made = [names(m) for (m,) in otherwise((picture(thing(COW, 0.1), thing(BELL, 0.6)),), [12, 13])]
    assert any(RED_CAR in some for some in made) and not any(some == [CAR, BELL] for some in made)


def test_names_and_colours_change_places_and_left_is_right(otherwise):
    media = (picture(thing(COW, 0.1, colour=3), thing(CAR, 0.6)),)
    (rotated,), (mirrored,) = list(otherwise(media, []))[:2]
    assert names(rotated) == [CAR, COW] and torch.equal(rotated.features[..., BOX], media[0].features[..., BOX])
    assert rotated.features[0, 0, COLOUR.start + 3] == 1  # where the coloured one was, not with its name
    assert torch.allclose(mirrored.features[0, 0, BOX], torch.tensor([0.7, 0.7, 0.9, 0.9]))


def test_an_empty_picture_shows_what_is_asked_for(otherwise):
    made = list(otherwise((picture(),), [10]))
    assert [names(m) for (m,) in made] == [[COW]]
    assert not list(otherwise((picture(),), [99]))


@pytest.mark.parametrize("sound", [event(COW), event(0, said=(1,))])
def test_what_is_heard_is_put_into_the_picture(otherwise, sound):
    media = (picture(thing(CAR, 0.1), thing(BELL, 0.5)), Medium("audio", sound[None, None]))
    assert any(COW in names(shown) for shown, _ in otherwise(media, [7]))


def test_two_pictures_change_places_with_all_that_is_theirs(otherwise):
    line = torch.full((1, 1, LINE_COLUMNS), float(NONE))
    media = (
        picture(thing(COW, 0.1)),
        Medium("lines", line, within=True),
        picture(thing(CAR, 0.1)),
        Medium("lines", line, within=True),
    )
    *_, last = otherwise(media, [])
    assert [m.kind for m in last] == ["image", "lines"] * 2 and names(last[0]) == [CAR] and names(last[2]) == [COW]


def test_texts_change_places_and_times_run_backwards(otherwise):
    lines = torch.zeros(1, 2, LINE_COLUMNS)
    lines[0, :, 4 : 4 + LINE_TOKENS] = torch.tensor([5.0, 6.0])[:, None]
    (rotated, *_) = otherwise((picture(thing(COW, 0.1)), Medium("lines", lines, within=True)), [])
    assert rotated[1].features[0, :, 4].tolist() == [6, 5]
    track = torch.zeros(1, 1, TRACK_COLUMNS)
    track[0, 0, 16:18], track[0, 0, RIVALS] = torch.tensor([1.0, 2.0]), 1.0
    later = torch.stack([track[0, 0], track[0, 0].index_fill(0, torch.tensor([16, 17]), 4.0)])
    (mirrored, *_) = otherwise((Medium("video", later[None]),), [])  # both have one name, so there is nothing to rotate
    assert mirrored[0].features[0, :, 16:18].tolist() == [[3.0, 4.0], [1.0, 1.0]]


def test_it_is_the_same_every_time_and_changes_nothing_that_is_given(otherwise):
    media = (picture(thing(COW, 0.1), thing(CAR, 0.6)), Medium("audio", torch.stack([event(BELL), event(COW)])[None]))
    before = [m.features.clone() for m in media]
    once, again = ([m.features for some in otherwise(media, [11]) for m in some] for _ in range(2))
    assert all(map(torch.equal, once, again)) and all(
        torch.equal(m.features, b) for m, b in zip(media, before, strict=True)
    )


def test_an_answer_is_held_against_what_makes_a_difference_to_the_usual_one():
    assert held_against(-0.1, [(-0.2, -0.3), (-9.0, -8.0), (-7.0, -2.0)]) == [-9.0, -7.0]
    assert held_against(-0.1, [(-0.2, -0.3), (-5.0, -0.1)]) == [-0.2, -5.0]  # nothing does: it is habit

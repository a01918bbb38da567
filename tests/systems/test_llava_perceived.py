"""What detectors say becomes words: which, in which order, and what stands before and behind them."""

import pytest
import torch
from test_llava import PLACES, WIDTH, make

from trenza.bridges.events import at_once
from trenza.bridges.objects import WAYS, only_here
from trenza.bridges.perceived import LINE_COLUMNS, OWNER
from trenza.errors import UsageError
from trenza.systems import places
from trenza.systems.examples import Example, Medium, Turn
from trenza.systems.llava import BridgeConfig, Llava


def seeing() -> Llava:
    """One that perceives five things, spelled 0 to 4 and in the other language 9 9, colours 20 to 27, and lines."""
    model = make(image=BridgeConfig("objects", languages=2, names=5), lines=BridgeConfig("lines", languages=2, names=5))
    bridge = model.bridges["image"]
    bridge.names.spelling[0, :, 0] = torch.arange(5)
    bridge.names.spelling[1, :, :2] = 9
    bridge.colours.spelling[:, :, 0] = 20 + torch.arange(8)
    bridge.keys[:] = torch.tensor([30, 31, 32])  # biggest, smallest, only
    model.bridges["lines"].names.spelling[:] = bridge.names.spelling
    return model


def thing(number: int, box: tuple[float, ...], colour: int = 0) -> torch.Tensor:
    row = torch.zeros(30)
    row[0], row[8], row[16:20], row[20], row[21 + colour] = number, 1.0, torch.tensor(box), 0.9, 1.0
    return row


def words(model: Llava, tokens: torch.Tensor) -> list[int]:
    """The word of the vocabulary that each token is; -1 for what is none."""
    apart = (tokens[:, None] - model.language.embedding.weight.float()).abs().amax(2)
    return [int(row.argmin()) if float(row.min()) < 1e-4 else -1 for row in apart]


@torch.no_grad()
def test_things_perceived_become_words():
    model = seeing()
    red = thing(3, (0.1, 0.2, 0.5, 0.6), colour=1)
    tokens = model.encode([Medium("image", red[None, None])])[0]
    # Mark; colour, name, corners, colour, ranks, middle in one language; and so in the other.
    expected = [-1, 20, 3, *[-1] * 4, 20, *[-1] * 6, 20, 9, 9, *[-1] * 4, 20, *[-1] * 6]
    assert words(model, tokens) == [-1, -1, *expected, -1, -1]
    assert model.encode([Medium("image", torch.zeros(1, 0, 30))])[0].shape == (4, WIDTH)
    own = thing(3, (0.1, 0.2, 0.5, 0.6))
    assert torch.equal(model.encode([Medium("image", own[None, None])])[0][3], model.bridges["image"].own)
    with pytest.raises(UsageError, match="takes image, lines, not audio"):
        model.encode([Medium("audio", torch.zeros(1, 1, 40))])[0]


@torch.no_grad()
def test_the_largest_and_the_smallest_of_several_things_are_named_behind_these_words():
    model = seeing()
    two = torch.stack([thing(3, (0.1, 0.1, 0.2, 0.2)), thing(4, (0.3, 0.3, 0.9, 0.9))])
    tokens = words(model, model.encode([Medium("image", two[None])])[0])
    assert tokens[-2 - 26 :][:2] == [30, 4] and tokens[-2 - 13 :][:2] == [31, 3]
    assert tokens[-2 - 26 + 6 :][:3] == [30, 9, 9]


@torch.no_grad()
def test_what_only_one_of_two_pictures_shows_is_said_before_its_name():
    model = seeing()
    here = Medium("image", torch.stack([thing(3, (0.1, 0.1, 0.2, 0.2), 1), thing(4, (0.3, 0.3, 0.9, 0.9), 1)])[None])
    there = Medium("image", thing(4, (0.3, 0.3, 0.8, 0.8), 1)[None, None])
    first, second = model.encode([here, there])
    assert words(model, first)[3:5] == [32, 3] and words(model, second)[3:5] == [20, 4]
    assert 32 not in words(model, model.encode([here])[0])  # alone, it isn't compared
    marks = [tokens[2] for tokens in (model.encode([there])[0], second)]
    added = model.language.added
    assert torch.allclose(marks[1] - marks[0], added[PLACES.medium(1) - 97] - added[PLACES.medium(0) - 97], atol=1e-5)


def test_of_three_pictures_only_what_no_other_shows_is_only_there():
    a, b, both = (thing(n, (0.1, 0.1, 0.2, 0.2))[None] for n in (1, 2, 3))
    found = only_here([torch.cat([a, both]), torch.cat([b, both]), torch.zeros(0, 30)])
    assert [rows.tolist() for rows in found] == [[True, False], [True, False], []]
    assert [rows.tolist() for rows in only_here([a])] == [[False]]


@torch.no_grad()
def test_examples_asked_together_have_the_tokens_that_each_has_alone():
    model = seeing()
    here, there = (Medium("image", thing(n, (0.1, 0.1, 0.2, 0.2), 1)[None, None]) for n in (3, 4))
    turns = (Turn([7], []),)
    examples = [Example([5], media, turns) for media in ((here,), (here, there), (there,), (here, there))]
    shot = Example([5], (here,), (Turn([7], [8]),))
    examples.append(Example([6], (there,), turns, (shot,)))
    together = model.prompts(examples)
    for example, row in zip(examples, together, strict=True):
        (alone,) = model.prompts([example])
        assert len(alone) == len(row) and all(torch.equal(torch.as_tensor(a), torch.as_tensor(b))
                                              for a, b in zip(alone, row, strict=True))  # fmt: skip
    assert words(model, together[0][1])[3] == 20 and words(model, together[1][1])[3] == 32
    assert together[4][2] == [7, 8]
    marks = [row[-1][2] for row in together]
    assert not torch.allclose(marks[2], marks[4]) and torch.allclose(marks[1], marks[4])  # the second medium of its own


@torch.no_grad()
def test_a_line_of_text_becomes_its_words_with_the_thing_that_it_is_written_under():
    model = seeing()
    line = torch.full((1, 1, LINE_COLUMNS), -1.0)
    line[..., :4], line[..., 4], line[..., OWNER] = 0.5, 17, 0.0
    assert model.encode([Medium("lines", line)])[0].shape == (2 + 1 + 1 + 6 + 2, WIDTH)
    line[..., OWNER.start], line[..., OWNER.start + 8] = 3, 1.0  # it is written under the thing with number 3
    colon = int(model.bridges["lines"].colon)
    named = words(model, model.encode([Medium("lines", line)])[0])
    place = [-1] * 6
    assert named == [-1, -1, -1, 17, 3, colon, 17, *place, 17, 9, 9, colon, 17, *place, -1, -1]


@torch.no_grad()
def test_the_loudest_of_several_sounds_has_that_word_before_its_name():
    model = make(audio=BridgeConfig("events", languages=1, names=5, words=5))
    bridge = model.bridges["audio"]
    bridge.names.spelling[0, :, 0] = torch.arange(5)
    bridge.loudest[:] = 33
    rows = torch.zeros(2, 40)
    rows[:, 1:4], rows[:, 24], rows[:, 32] = torch.tensor([[0.1, 0.4, -20.0], [0.5, 0.9, -10.0]]), 3, 1.0
    both = words(model, model.encode([Medium("audio", rows[None])])[0])[2:-2]
    assert both == [-1, -1, 3, *[-1] * 5, -1, -1, 33, 3, *[-1] * 5]
    assert 33 not in words(model, model.encode([Medium("audio", rows[None, :1])])[0])


@torch.no_grad()
def test_a_sound_of_a_film_is_told_what_comes_or_goes_as_it_starts():
    model = make(
        video=BridgeConfig("tracks", languages=1, names=5),
        audio=BridgeConfig("events", languages=1, names=5, words=5),
    )
    for bridge in (model.bridges["video"], model.bridges["audio"]):
        bridge.names.spelling[0, :, 0] = torch.arange(5)
    model.bridges["audio"].beside[:] = 34
    tracks = torch.zeros(3, 36)
    tracks[:, 0], tracks[:, 8] = torch.tensor([1.0, 2.0, 4.0]), 1.0
    tracks[:, 16:18] = torch.tensor([[0.0, 3.0], [1.25, 3.0], [0.0, 2.25]])  # stays, comes, goes
    events = torch.zeros(3, 40)
    events[:, 1], events[:, 3] = torch.tensor([1.0, 2.3, 0.1]), -20.0
    events[:, 2] = events[:, 1] + 0.3
    events[:, 24], events[:, 32] = 3, 1.0
    film = Medium("video", tracks[None])
    inside = words(model, model.encode([film, Medium("audio", events[None], within=True)])[1])[2:-2]
    apart = words(model, model.encode([film, Medium("audio", events[None])])[1])[2:-2]
    assert [inside[i + 1] for i, token in enumerate(inside) if token == 34] == [2, 4]
    assert len(inside) == len(apart) + 4 and 34 not in apart
    last = events[:1].clone()
    last[:, 1:3] = torch.tensor([2.8, 3.0])  # the film ends with it
    assert at_once(last, tracks) == [None]
    later, slow = events[:1].clone(), tracks.clone()
    later[:, 1:3], slow[:, 16:18] = torch.tensor([5.6, 6.0]), 4 * tracks[:, 16:18]
    assert at_once(later, slow) == [1]  # seen every 0.75 s


@torch.no_grad()
def test_a_thing_followed_through_a_video_becomes_its_way_its_name_its_places_and_its_times():
    model = make(video=BridgeConfig("tracks", languages=1, names=5))
    bridge = model.bridges["video"]
    bridge.names.spelling[0, :, 0] = torch.arange(5)
    bridge.ways.spelling[0, :, 0] = 40 + torch.arange(5)
    row = torch.zeros(36)
    row[0], row[8], row[16:18], row[27] = 3, 1.0, torch.tensor([0.5, 2.0]), 1.0
    row[18:26] = torch.tensor([0.0, 0.0, 0.5, 0.5, 0.5, 0.0, 1.0, 0.5])
    later = row.clone()
    later[0], later[16], later[22:26] = 4, 1.0, row[18:22]
    tokens = model.encode([Medium("video", torch.stack([later, row])[None])])[0]
    down, still = [44, 3, *[-1] * 4, 44, *[-1] * 7], [40, 4, *[-1] * 4, 40, *[-1] * 7]  # the first to come is first
    assert words(model, tokens) == [-1, -1, -1, *down, -1, *still, -1, -1]
    added = model.language.added
    assert torch.equal(tokens[5], added[0]) and torch.equal(tokens[7], added[places.BINS - 1])  # all of its way
    assert torch.equal(tokens[11], added[places.BINS + 5]) and torch.equal(tokens[12], added[places.BINS + 20])
    moves = {(0.3, 0.0): "down", (-0.3, 0.1): "up", (0.1, 0.3): "right", (0.0, -0.3): "left", (0.02, 0.0): "still"}
    for (down_, across), way in moves.items():
        row[18:26] = torch.tensor([0.3, 0.3, 0.6, 0.6, 0.3 + down_, 0.3 + across, 0.6 + down_, 0.6 + across])
        assert WAYS[bridge.way(row)] == way

"""LLaVA's packed row gives what each turn gives alone; it learns to look; places survive the way to tokens and back."""

import re
from functools import partial

import numpy as np
import pytest
import torch

from trenza.bridges.objects import WAYS, only_here
from trenza.bridges.perceived import LINE_COLUMNS, OWNER
from trenza.conversation import Box, Evidence, Span
from trenza.errors import UsageError
from trenza.layers.block import BlockConfig
from trenza.layers.lowrank import merge
from trenza.signals.normalise import into_square, out_of_square
from trenza.systems import places
from trenza.systems.examples import Example, Medium, Turn
from trenza.systems.llava import BridgeConfig, Llava, LlavaConfig
from trenza.systems.places import Places
from trenza.towers.language import LanguageConfig, LanguageModel

WIDTH, END = 48, 2


def make(rank: int = 0, **bridges: BridgeConfig) -> Llava:
    torch.manual_seed(0)
    block = BlockConfig(
        WIDTH, 4, 64, kv_heads=2, head_width=12, bias="", norm="rms", eps=1e-5, activation="silu", gated=True
    )
    language = LanguageModel(LanguageConfig(97, 2, block, 10_000.0, tied=True))
    for parameter in language.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    grid = {"image": BridgeConfig("mlp", features=10, tokens=4)}
    return Llava(LlavaConfig(bridges or grid, rank), language.eval())


def example(seed: int, *turns: Turn) -> Example:
    rng = torch.Generator().manual_seed(seed)
    media = (Medium("image", torch.randn(1, 4, 10, generator=rng)),)
    return Example(
        [5, 6], media, turns or (Turn([7, 8, 9], [11, 12, END]), Turn([20], [30, END]), Turn([4, 4], [9, END]))
    )


@pytest.mark.parametrize("rank", [0, 3])
@torch.no_grad()
def test_packed_turns_neither_see_nor_move_each_other(rank):
    model = make(rank)
    both = [example(1), example(2, Turn([3, 3], [8, END]))]
    together, count = model.loss(both)
    alone = [model.loss([Example(e.opening, e.media, (turn,))]) for e in both for turn in e.turns]
    assert count == sum(n for _, n in alone)
    assert abs(float(together) - sum(float(loss) for loss, _ in alone)) < 1e-3


@torch.no_grad()
def test_score_is_the_loss_of_the_candidate_and_generation_takes_the_likeliest():
    model = make()
    candidates = [[11, 12, END], [30, END], [END]]
    asked = example(3, Turn([7, 8, 9], []))
    scores = model.score(asked, candidates)
    for candidate, got in zip(candidates, scores, strict=True):
        loss, _ = model.loss([Example(asked.opening, asked.media, (Turn([7, 8, 9], candidate),))])
        assert abs(float(loss) + float(got)) < 1e-4
    answer = model.generate(asked, END, 4)
    first = torch.tensor([float(s) for s in model.score(asked, [[t] for t in range(97 + places.COUNT)])])
    assert answer[0] == int(first.argmax()) or int(first.argmax()) == END


def test_it_learns_what_only_the_picture_tells():
    model = make(rank=4)
    torch.manual_seed(1)
    looks = torch.randn(4, 1, 4, 10)
    examples = [Example([5], (Medium("image", look),), (Turn([7], [40 + i, END]),)) for i, look in enumerate(looks)]
    optimiser = torch.optim.Adam(model.trained().values(), lr=5e-3)
    begun = float(model.loss(examples)[0])
    for _ in range(60):
        loss, _ = model.loss(examples)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss) < 0.1 * begun
    examples = [Example(e.opening, e.media, (Turn([7], []),)) for e in examples]
    assert [model.generate(e, END, 3) for e in examples] == [[40], [41], [42], [43]]
    before = model.score(examples[0], [[40, END], [41, END]])
    merge(model)
    assert torch.allclose(before, model.score(examples[0], [[40, END], [41, END]]), atol=1e-4)


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
    assert torch.equal(model.encode([here])[0], model.encode([here])[0])  # alone, it isn't compared
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
    events[:, 24], events[:, 32] = 3, 1.0
    film = Medium("video", tracks[None])
    inside = words(model, model.encode([film, Medium("audio", events[None], within=True)])[1])[2:-2]
    apart = words(model, model.encode([film, Medium("audio", events[None])])[1])[2:-2]
    assert [inside[i + 1] for i, token in enumerate(inside) if token == 34] == [2, 4]
    assert len(inside) == len(apart) + 4 and 34 not in apart


PLACES = Places(97)


def encode(text: str) -> list[int]:
    return [ord(c) - 30 for c in text]


def decode(tokens: list[int]) -> str:
    return "".join(chr(t + 30) for t in tokens)


@pytest.mark.parametrize(
    ("answer", "spans"),
    [
        ("[0.504, 0.252, 1.0, 0.748]", False), ("[0.126, 0.874]", False), ("[1.4, 2.0]", True), ("yes", False),
        ('{"name": "click", "arguments": {"x": 0.205, "y": 0.913}}', False), ('{"tea": 80}', False),
    ],
)  # fmt: skip
def test_an_answer_comes_back_from_its_tokens(answer, spans):
    tokens = PLACES.write(answer, encode, spans)
    assert PLACES.read([PLACES.seen, *tokens], decode) == PLACES.read(tokens, decode) == (answer, ())
    assert len(tokens) <= len(answer)


def test_places_of_a_wide_picture_go_through_its_square():
    wide = [partial(between, height=100, width=200) for between in (into_square, out_of_square)]
    answer = '{"name": "click", "arguments": {"x": 0.504, "y": 0.5}}'
    assert into_square(0.0, 0.0, 100, 200) == (0.0, 0.25) and out_of_square(0.3, 0.1, 100, 200) == (0.3, 0.0)
    for text in ("[0.1, 0.2, 0.5, 0.9]", "[0.25, 0.75]", answer):
        tokens = PLACES.write(text, encode, False, wide[0])
        back, _ = PLACES.read(tokens, decode, wide[1:])
        numbers = [[float(v) for v in re.findall(r"[\d.]+", t)] for t in (text, back)]
        assert np.abs(np.array(numbers[0]) - numbers[1]).max() < 0.01 and re.sub(r"[\d.]+", "", back) == re.sub(
            r"[\d.]+", "", text
        )
    tokens = [*PLACES.evidence((Evidence(1, Box(0.1, 0.25, 0.5, 0.75)),)), *PLACES.write("[0.5, 0.5]", encode, False)]
    text, (found,) = PLACES.read(tokens, decode, [lambda x, y: (x, y), wide[1]])
    assert found.part == 1 and abs(found.where.y0) < 0.02 and abs(found.where.y1 - 1) < 0.02
    assert abs(found.where.x0 - 0.1) < 0.01


def test_evidence_comes_back_from_its_tokens():
    found = (Evidence(1, Box(0.0, 0.252, 0.5, 1.0)), Evidence(0, Span(0.3, 2.0)), Evidence(0, "quoted"))
    text, got = PLACES.read([*PLACES.evidence(found), *encode("no")], decode)
    assert text == "no"
    assert [e.part for e in got] == [1, 0]
    assert max(abs(getattr(got[0].where, c) - getattr(found[0].where, c)) for c in ("x0", "y0", "x1", "y1")) < 0.005
    assert got[1].where == Span(0.3, 2.0)
    broken = [PLACES.base + 128 + 301, *PLACES.place(Box(0.5, 0.5, 1, 1))[:3]]
    assert PLACES.read(broken, decode) == ("", ())
    assert PLACES.read([*broken, PLACES.seen, *encode("yes")], decode) == ("yes", ())
    assert PLACES.looked([*broken, *encode("so")]) == [*broken, *encode("so"), PLACES.seen]
    assert PLACES.looked(encode("so")) == [] and PLACES.looked([]) == [PLACES.seen]
    assert PLACES.looked([*broken, PLACES.seen, *encode("so")]) == [*broken, PLACES.seen]


def test_a_rationale_stands_behind_the_places_and_is_neither_evidence_nor_answer():
    found = (Evidence(0, Box(0.0, 0.25, 0.5, 1.0)), Evidence(0, Box(0.5, 0.25, 1.0, 1.0)))
    tokens = [*PLACES.evidence(found, encode("two")), *encode("no")]
    text, got = PLACES.read(tokens, decode)
    assert text == "no" and [e.part for e in got] == [0, 0]
    weights = PLACES.smoothed(torch.tensor(tokens), [len(tokens)])[1].sum(1)
    words, answer = places.ANSWER / len(encode("two")) ** 0.5, places.ANSWER / len(encode("no")) ** 0.5
    told = [places.ANSWER, *[words] * (len(encode("two")) - 1)]  # the first stands behind a place, as a rank does
    expected = [places.EVIDENCE] * 10 + told + [places.EVIDENCE] + [answer] * len(encode("no"))
    assert torch.allclose(weights, torch.tensor(expected))
    ranked = torch.tensor(PLACES.evidence(found, (), (), [[7], [9]]))
    assert PLACES.smoothed(ranked, [len(ranked)])[1].sum(1)[[5, 11]].tolist() == [places.ANSWER] * 2
    long = PLACES.evidence(found, encode("x" * 100))
    named = [*PLACES.evidence(found, encode("two"), [encode("cow"), []]), *encode("no")]
    assert named[1:4] == encode("cow") and PLACES.read(named, decode) == (text, got)
    assert PLACES.looked(named) == named[: named.index(PLACES.seen) + 1]
    weights = PLACES.smoothed(torch.tensor(named), [len(named)])[1].sum(1)
    assert torch.allclose(weights, torch.tensor([places.EVIDENCE] * 3 + expected))
    assert PLACES.evidence(found[:1], (), [encode("abcdefghi")])[1:7] == encode("abcdef")
    assert len(long) == 10 + places.RATIONALE + 1 and long[-1] == PLACES.seen


def test_the_truth_is_spread_over_neighbouring_bins_only():
    targets = torch.tensor([5, PLACES.base, PLACES.time(1.0)])
    near, share = PLACES.smoothed(targets, [3])
    assert torch.allclose(share.sum(1), torch.ones(3))
    sharp = [0, 0, 1, 0, 0]
    assert share[0].tolist() == sharp
    assert (PLACES.smoothed(torch.tensor([PLACES.seen]), [1])[1][0] / places.EVIDENCE).tolist() == sharp
    assert near[1].tolist() == [PLACES.base] * 3 + [PLACES.base + 1, PLACES.base + 2]
    assert (near[2] - PLACES.time(1.0)).tolist() == [-2, -1, 0, 1, 2]


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


def test_neighbours_on_a_scale_start_alike_and_one_direction_tells_what_is_further_along():
    added = make().language.added.detach()
    unit = torch.nn.functional.normalize(added[: places.BINS] - added[: places.BINS].mean(0), dim=-1)
    near = (unit[1:] * unit[:-1]).sum(-1).mean()
    far = (unit[64:] * unit[:64]).sum(-1).mean()
    assert near > 0.5 > 0.2 > far
    along = unit @ (unit[-1] - unit[0])
    assert torch.corrcoef(torch.stack([along, torch.arange(places.BINS)]))[0, 1] > 0.9


def test_evidence_weighs_less_than_the_answer_that_it_stands_before_and_short_answers_nearly_as_much_as_long_ones():
    one = [*PLACES.evidence((Evidence(0, Box(0, 0, 1, 1)),)), 7, PLACES.position(0.5), 2]
    weights = PLACES.smoothed(torch.tensor([*one, PLACES.seen, *[9] * 15, 2]), [9, 17])[1].sum(1)
    little, some = places.EVIDENCE, places.ANSWER
    expected = [little] * 6 + [some / 3**0.5] * 3 + [little] + [some / 4] * 16
    assert torch.allclose(weights, torch.tensor(expected))
    # Without SEEN each token counts, wherever it stands.
    mixed = PLACES.smoothed(torch.tensor([*one, 7, PLACES.position(0.5), 2]), [9, 3])[1].sum(1)
    assert torch.allclose(mixed, torch.tensor([*expected[:9], 1.0, 1.0, 1.0]))

"""LLaVA's packed row gives what each turn gives alone; it learns to look; places survive the way to tokens and back."""

import re
from functools import partial

import numpy as np
import pytest
import torch

from trenza.conversation import Box, Evidence, Span
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

"""BLIP-2, both stages: three masks, three objectives, and what stage 2 learns by looking."""

from dataclasses import asdict

import learning
import pytest
import torch

from trenza.bridges.inputs import InputsConfig
from trenza.bridges.qformer import QFormerConfig
from trenza.checkpoints.settings import parse
from trenza.errors import UsageError
from trenza.systems.blip2 import Blip2, Blip2Config
from trenza.systems.blip2_stage1 import CLS, DEC, Blip2Stage1, Stage1Config, contrastive
from trenza.systems.examples import Example, Medium, Turn

QUERIES = 4


def qformer(words: int = 0) -> QFormerConfig:
    inputs = InputsConfig(learning.FEATURES, 16, {"image": 9}, 4)
    return QFormerConfig(inputs, 24, 4, 48, 2, QUERIES, words=words)


def stage1() -> Blip2Stage1:
    torch.manual_seed(1)
    return Blip2Stage1(parse(Stage1Config, asdict(Stage1Config(qformer(words=8)))), learning.language())


def stage2() -> Blip2:
    torch.manual_seed(1)
    return Blip2(parse(Blip2Config, asdict(Blip2Config(qformer()))), learning.language())


def picture(seed: int, kind: str = "image", frames: int = 1) -> Medium:
    return learning.medium(torch.Generator().manual_seed(seed), seed % 4, kind, frames)


def example(seed: int, answer: int = 11, kind: str = "image") -> Example:
    return Example([3], (picture(seed, kind),), (Turn([5, 6], [answer, learning.END]),))


# --- stage 2 --------------------------------------------------------------------------------------


@torch.no_grad()
def test_every_medium_becomes_as_many_tokens_as_there_are_queries():
    model = stage2()
    media = [picture(0), picture(1, "video", 3), picture(2, "audio", 2), picture(3)]
    tokens = model.encode(media)
    assert [t.shape for t in tokens] == [(QUERIES, learning.WIDTH)] * 4
    assert (tokens[3] - model.encode([media[3]])[0]).abs().max() < 1e-5


@torch.no_grad()
def test_turns_of_one_example_do_not_see_each_other():
    model = stage2()
    turns = (Turn([5], [13, 1]), Turn([6, 2], [1]), Turn([4], [12, 12, 1]))
    both = [Example([3, 4], (picture(0), picture(1)), turns), Example([3], (), turns[:1])]
    together, tokens = model.loss(both)
    alone = [model.loss([Example(e.opening, e.media, (turn,))])[0] for e in both for turn in e.turns]
    assert tokens == 8
    assert float(together) == pytest.approx(float(sum(alone)), abs=1e-3)
    scores = model.score(Example([3, 4], both[0].media, (Turn([5], []),)), [[13, 1], [12, 1]])
    assert float(scores[0]) == pytest.approx(-float(_sharp(model, Example([3, 4], both[0].media, turns[:1]))), abs=1e-3)


def _sharp(model: Blip2, asked: Example) -> torch.Tensor:
    """-log p of the only turn's answer, token by token."""
    (turn,) = asked.turns
    row = [*model.prompts([asked])[0], [*turn.question, *turn.answer]]
    states = model.hidden([row])[0, -len(turn.answer) - 1 : -1]
    return torch.nn.functional.cross_entropy(model.language.logits(states), torch.tensor(turn.answer), reduction="sum")


@torch.no_grad()
def test_answers_with_the_cache_are_those_without():
    model = stage2()
    asked = Example([3], (picture(2),), (Turn([5, 6], []),))
    got = model.generate(asked, end=-1, most=5)
    expected: list[int] = []
    for _ in range(5):
        row = [*model.prompts([asked])[0], [5, 6, *expected]]
        expected.append(int(model.language.logits(model.hidden([row])[0, -1]).argmax()))
    assert got == expected


def test_stage_2_learns_what_only_looking_tells():
    model = stage2()
    rng = torch.Generator().manual_seed(0)
    losses = learning.train(model, lambda: learning.examples(rng, 16), 110, rate=8e-3)
    assert losses[0] > 2.0 and sum(losses[-10:]) / 10 < 0.4  # blind: log(4) / 2 = 0.69
    assert learning.right(model, learning.examples(rng, 40)) > 0.7  # blind: 0.25


# --- stage 1 --------------------------------------------------------------------------------------


@torch.no_grad()
def test_the_three_masks_let_see_what_the_paper_says():
    model = stage1()
    texts = model.texts([([5, 6], [11, 1]), ([7], [12])])  # 4 words and 2, behind their first token
    assert model.alone(texts)[1, 0, 0].tolist() == [True] * 3 + [False] * 2
    assert model.together(texts)[1, 0, 0].tolist() == [True] * (QUERIES + 3) + [False] * 2
    causal = model.causal(texts)[0, 0]
    assert causal[:QUERIES, :QUERIES].all() and not causal[:QUERIES, QUERIES:].any()
    assert causal[QUERIES:, :QUERIES].all()
    assert torch.equal(causal[QUERIES:, QUERIES:], torch.ones(5, 5, dtype=torch.bool).tril())
    # And in the states: words reach the queries in matching, and only there.
    features, seen = model.features([example(0)])
    told, other = (model.texts([([5, 6], [answer])]) for answer in (11, 12))
    asked = {
        name: [
            model.qformer(features, model.words(t, first), mask(t), seen)[:, :QUERIES] for t in (told, other)
        ]
        for name, first, mask in (("together", CLS, model.together), ("causal", DEC, model.causal))
    }  # fmt: skip
    assert (asked["together"][0] - asked["together"][1]).abs().max() > 1e-4
    assert torch.equal(*asked["causal"])
    assert (asked["causal"][0] - model.qformer(features, seen=seen)).abs().max() < 1e-5


@torch.no_grad()
def test_padding_changes_nothing():
    model = stage1()
    short, long = example(0), Example([3], (picture(1, "video", 3), picture(2, "audio", 1)), example(1).turns)
    texts = model.texts([([5], [11]), ([5, 6, 7], [12, 13])])
    features, seen = model.features([short, long])
    alone, own = model.features([short])
    first = model.texts([([5], [11])])
    assert (model.matched(features, seen, texts)[:1] - model.matched(alone, own, first)).abs().max() < 1e-5
    assert (model.similarity(features, seen, texts)[0, 0] - model.similarity(alone, own, first)).abs().max() < 1e-4
    assert (model.generation(features, seen, texts)[:1] - model.generation(alone, own, first)).abs().max() < 1e-4


def test_contrast_leaves_out_the_same_words_about_another_picture():
    similarity = torch.tensor([[2.0, 9.0, 1.0], [9.0, 2.0, 1.0], [0.0, 0.0, 3.0]])
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    by_picture = [torch.log1p(torch.tensor(-1.0).exp())] * 2 + [torch.log1p(2 * torch.tensor(-3.0).exp())]
    by_text = [torch.log1p(torch.tensor(-2.0).exp())] * 2 + [torch.log1p(2 * torch.tensor(-2.0).exp())]
    expected = (sum(by_picture) + sum(by_text)) / 6
    assert float(contrastive(similarity, same)) == pytest.approx(float(expected), abs=1e-5)


def test_wrong_partners_in_matching_are_the_nearest(monkeypatch):
    model = stage1()
    asked = [example(seed, answer) for seed, answer in ((0, 11), (1, 12), (2, 13), (3, 11))]
    texts = model.texts([(e.turns[0].question, e.turns[0].answer) for e in asked])
    features, seen = model.features(asked)
    seen_pairs = {}
    monkeypatch.setattr(
        model, "matched", lambda f, s, t: seen_pairs.update(f=f, t=t.tokens[:, 2]) or torch.zeros(len(f), 2)
    )
    near = torch.full((4, 4), -50.0)
    near[0, 2], near[1, 0], near[2, 1], near[3, 1] = (
        50.0,
        50.0,
        90.0,
        50.0,
    )  # of picture 0 text 2
    near[1, 3] = near[2, 2] = 40.0
    same = torch.tensor([[i == j or {i, j} == {0, 3} for j in range(4)] for i in range(4)])
    model.matching(features, seen, texts, near, same, torch.Generator())
    pictures = [next(i for i in range(4) if torch.equal(row, features[i])) for row in seen_pairs["f"]]
    pairs = list(zip(pictures, seen_pairs["t"].tolist(), strict=True))
    assert pairs[:4] == [(0, 11), (1, 12), (2, 13), (3, 11)]
    assert pairs[4:8] == [(0, 13), (1, 11), (2, 12), (3, 12)]  # nearest wrong texts of the pictures
    assert pairs[8:] == [(1, 11), (2, 12), (0, 13), (1, 11)]  # nearest wrong pictures of the texts


def test_stage_1_learns_all_three_and_stage_2_takes_it_over():
    model = stage1()
    rng = torch.Generator().manual_seed(0)
    train = learning.train(model, lambda: learning.examples(rng, 16), 200, rate=5e-3)
    assert sum(train[-10:]) / 10 < 0.6 * sum(train[:10]) / 10
    shown = learning.examples(rng, 40)
    assert learning.right(model, shown) > 0.7  # grounded generation; blind: 0.25
    with torch.no_grad():
        features, seen = model.features(shown)
        texts = model.texts([(e.turns[0].question, e.turns[0].answer) for e in shown])
        near = model.similarity(features, seen, texts)
        kinds = torch.tensor([e.turns[0].answer[0] for e in shown])
        picked = kinds[near.argmax(1)] == kinds
        assert picked.float().mean() > 0.7  # contrast finds a text that is right
        wrong = texts.take(torch.arange(40).roll(1))
        right_kind = kinds == kinds.roll(1)
        said = model.matched(features, seen, texts).argmax(1).float()
        said_wrong = model.matched(features, seen, wrong).argmax(1).float()[~right_kind]
        assert said.mean() - said_wrong.mean() > 0.5  # matching tells true from wrong
    second = stage2()
    taken = {n: p for n, p in model.qformer.state_dict().items() if n in second.qformer.state_dict()}
    assert second.qformer.state_dict().keys() == taken.keys()
    second.qformer.load_state_dict(taken)


def test_a_medium_it_cannot_take_is_named():
    config = QFormerConfig(InputsConfig({"image": 20}, 16), 24, 4, 48, 2, QUERIES, words=8)
    with pytest.raises(UsageError, match="BLIP-2 model can't take audio; it takes image"):
        Blip2Stage1(Stage1Config(config), learning.language()).loss([example(0, kind="audio")])
    with pytest.raises(UsageError, match="BLIP-2 model can't take audio; it takes image"):
        Blip2(Blip2Config(config), learning.language()).loss([example(0, kind="audio")])

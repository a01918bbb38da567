"""Flamingo: gates that open from nothing, each token sees the last medium before it, and it learns by looking."""

from dataclasses import asdict

import learning
import pytest
import torch

from trenza.bridges.inputs import InputsConfig
from trenza.bridges.resampler import Resampler, ResamplerConfig
from trenza.checkpoints.settings import parse
from trenza.errors import UsageError
from trenza.systems.examples import Example, Medium, Turn
from trenza.systems.flamingo import Flamingo, FlamingoConfig

TAGS = {"image": [7], "video": [7], "audio": [8, 9]}


def build(gates: float = 0.0, latents: int = 5) -> Flamingo:
    resampler = ResamplerConfig(InputsConfig(learning.FEATURES, 16, {"image": 9}, 4), 2, 8, 32, 2, latents=latents)
    config = FlamingoConfig(resampler, interval=2, tags=TAGS)
    torch.manual_seed(1)
    model = Flamingo(parse(FlamingoConfig, asdict(config)), learning.language())
    for block in model.gated:
        torch.nn.init.constant_(block.attention_gate, gates)
        torch.nn.init.constant_(block.mlp_gate, gates)
    return model


def picture(seed: int, kind: str = "image", frames: int = 1) -> Medium:
    return learning.medium(torch.Generator().manual_seed(seed), seed % 4, kind, frames)


def states(model: Flamingo, example: Example) -> torch.Tensor:
    """Hidden states of the prefix and the only turn's question, [T, D]."""
    row = [*model.prompts([example])[0], example.turns[0].question]
    return model.hidden([row])[0]


@torch.no_grad()
def test_with_gates_at_zero_it_is_the_language_model():
    model = build()
    example = Example([3, 4], (picture(0), picture(1)), (Turn([5, 6, 2], []),))
    words = torch.tensor([[3, 4, *TAGS["image"], *TAGS["image"], 5, 6, 2]])
    assert torch.equal(states(model, example), model.language(model.language.embedding(words))[0])
    assert not torch.equal(states(build(0.5), example), states(model, example))


@torch.no_grad()
def test_each_token_sees_only_the_last_medium_before_it():
    model = build(0.7)
    # One gated block: with more of them, earlier media also reach later words through the language model.
    model.gated = model.gated[:1]
    model.config = FlamingoConfig(model.config.resampler, interval=100, tags=TAGS)

    def seen_by(first: int, second: int) -> torch.Tensor:
        page = Example([3, 4], (picture(first),), (Turn([5, 6], []),))
        row = model.prompts([Example([2], (picture(second),), (), before=(page,))])[0]
        media = [[piece for piece in row if not isinstance(piece, list)]]
        sees = torch.tensor([[0, 0, 1, 1, 1, 1, 2]])  # 3 4 <image> 5 6 2 <image>
        x = torch.ones(1, 7, learning.WIDTH)
        assert model.hidden([row]).shape == x.shape
        return model._looking(media, sees)(x, 0)[0]

    base, other_first, other_second = seen_by(0, 1), seen_by(2, 1), seen_by(0, 3)
    changed_first = (base - other_first).abs().amax(1) > 1e-5
    changed_second = (base - other_second).abs().amax(1) > 1e-5
    assert changed_first.tolist() == [False, False, True, True, True, True, False]
    assert changed_second.tolist() == [False] * 6 + [True]


@torch.no_grad()
def test_a_padded_batch_gives_each_row_what_it_gets_alone():
    model = build(0.7)
    shot = Example([3], (picture(3),), (Turn([5], [11, 1]),))
    shown = [
        Example([3], (), (Turn([5, 6], [12, 1]),)),
        Example([3, 4], (picture(0), picture(1)), (Turn([5], [13, 1]), Turn([6, 2], [1]))),
        Example([2], (picture(2, "audio"),), (Turn([5], [11, 1]),), before=(shot,)),
    ]
    together, tokens = model.loss(shown)
    alone = [model.loss([example])[0] for example in shown]
    assert tokens == 7
    assert float(together) == pytest.approx(float(sum(alone)), abs=1e-4)


@torch.no_grad()
def test_answers_with_the_cache_are_those_without():
    model = build(0.7)
    shot = Example([3], (picture(3),), (Turn([5], [11, 1]),))
    example = Example([2], (picture(2),), (Turn([5, 6], []),), before=(shot,))
    got = model.generate(example, end=-1, most=6)
    expected: list[int] = []
    for _ in range(6):
        row = [*model.prompts([example])[0], [5, 6, *expected]]
        expected.append(int(model.language.logits(model.hidden([row])[0, -1]).argmax()))
    assert got == expected
    scores = model.score(example, [expected, [1]])
    log_p = 0.0
    for number, token in enumerate(expected):
        row = [*model.prompts([example])[0], [5, 6, *expected[:number]]]
        log_p += float(model.language.logits(model.hidden([row])[0, -1]).log_softmax(-1)[token])
    assert float(scores[0]) == pytest.approx(log_p, abs=1e-4)


def test_latents_are_as_many_for_a_picture_a_film_and_a_sound():
    model = build()
    media = [picture(0), picture(1, "video", 3), picture(2, "audio", 2), picture(3)]
    made = model.latents(media)
    assert [latents.shape for latents in made] == [(5, 16)] * 4
    assert (made[3] - model.latents([media[3]])[0]).abs().max() < 1e-5


def test_the_order_of_frames_is_seen_and_longer_films_stretch_the_times():
    torch.manual_seed(0)
    resampler = Resampler(ResamplerConfig(InputsConfig({"image": 16}, 16, times=4), 2, 8, 32, 2, latents=3))
    film = torch.randn(1, 4, 9, 16)
    assert (resampler(film, "image") - resampler(film.flip(1), "image")).abs().max() > 1e-4
    assert torch.allclose(resampler.inputs.time(7)[[0, 2, 4, 6]], resampler.inputs.times)
    assert resampler(torch.randn(1, 7, 9, 16), "image").shape == (1, 3, 16)


def test_a_medium_it_cannot_take_is_named():
    model = build()
    model.config = FlamingoConfig(model.config.resampler, 2, {"image": [7]})
    with pytest.raises(UsageError, match="Flamingo model can't take audio; it takes image"):
        model.loss([Example([3], (picture(0, "audio"),), (Turn([5], [11]),))])


def test_it_learns_what_only_looking_tells():
    model = build()
    rng = torch.Generator().manual_seed(0)
    before = model.language.embedding.weight.clone()
    losses = learning.train(model, lambda: learning.examples(rng, 24, media=2), 130, rate=4e-3)
    assert losses[0] > 2.0 and sum(losses[-10:]) / 10 < 0.4  # blind: log(4) / 2 = 0.69
    assert learning.right(model, learning.examples(rng, 40, media=2)) > 0.7  # blind: 0.25
    assert torch.equal(model.language.embedding.weight, before)
    assert all(float(block.attention_gate.detach().abs()) > 0 for block in model.gated)

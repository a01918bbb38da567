"""CLIP on the bench: it answers by what lies nearest, and only what it keeps."""

from dataclasses import asdict

import learning
import pytest
import torch

from trenza.bridges.inputs import InputsConfig
from trenza.checkpoints.settings import parse
from trenza.errors import UsageError, WeightsError
from trenza.systems.clip_answers import ClipAnswers, ClipAnswersConfig
from trenza.systems.examples import Example, Turn

KEPT = [[answer, learning.END] for answer in learning.ANSWERS]


def system() -> ClipAnswers:
    torch.manual_seed(1)
    inputs = InputsConfig(learning.FEATURES, 24, {"image": 9}, 4)
    config = ClipAnswersConfig(inputs, 4, width=16, hidden=32, layers=(0, 2), kept=6, tokens=3)
    made = ClipAnswers(parse(ClipAnswersConfig, asdict(config)), learning.language())
    made.keep(KEPT)
    return made


def shown(seed: int, count: int = 8, **what) -> list[Example]:
    return learning.examples(torch.Generator().manual_seed(seed), count, **what)


def test_it_learns_by_looking():
    model, rng = system(), torch.Generator().manual_seed(0)
    learning.train(model, lambda: learning.examples(rng, 16), 120)
    assert learning.right(model, shown(9, 40)) > 0.9


@torch.no_grad()
def test_scores_are_chances_among_what_it_keeps():
    model, (example,) = system(), shown(0, 1)
    log_p = model.score(example, KEPT)
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-5)
    assert model.generate(example, learning.END, 5) == KEPT[int(log_p.argmax())][:1]
    alone, together = model.score(example, [[20, 21]]), model.score(example, [*KEPT, [20, 21]])
    assert float(alone[0]) == pytest.approx(float(together[-1]), abs=1e-5) and float(alone[0]) < 0
    assert together[:4] == pytest.approx(log_p, abs=1e-5)  # what else is asked for doesn't change them
    assert model.score(example, [answer[:-1] for answer in KEPT]) == pytest.approx(log_p, abs=1e-5)


@torch.no_grad()
def test_all_media_count_and_padding_does_not():
    model = system()
    one, two, film = shown(1, 1), shown(2, 1, media=2), shown(3, 1, kind="video")
    alone = torch.cat([model.see(some) for some in (one, two, film)])
    assert torch.allclose(model.see([*one, *two, *film]), alone, atol=1e-5)
    for other in (two[0].media[:1], two[0].media[::-1]):
        assert not torch.allclose(model.see([Example([], other, two[0].turns)]), model.see(two), atol=1e-4)


def test_only_what_fits_is_kept_and_the_most_usual_first():
    model = system()
    model.keep([[5, 6, 7, learning.END], *([n, learning.END] for n in range(20, 30))])
    assert model.said == [[n, learning.END] for n in range(20, 26)]
    (example,) = shown(6, 1)
    before = model.score(example, KEPT)
    model.keep(KEPT)
    assert float(model.score(example, KEPT).exp().sum()) == pytest.approx(1, abs=1e-5) and before.exp().sum() < 1
    model.keep([[5, 6, 7, learning.END]])
    for ask in (lambda: model.generate(example, learning.END, 3), lambda: model.loss([example])):
        with pytest.raises(UsageError, match="keeps no answer"):
            ask()


def test_the_same_turn_is_drawn_again_and_others_teach_too():
    model = system()
    more = Turn([7, 8], [12, learning.END])
    examples = [Example([3], e.media, (*e.turns, more)) for e in shown(4, 4)]
    loss, turns = model.loss(examples)
    assert turns == 8 and torch.equal(model.loss(examples)[0], loss)
    loss.backward()
    gradients = {name: p.grad for name, p in model.trained().items() if p.grad is not None}
    assert {"scale", "towers.text.question.weight", "towers.media.pool.probe"} <= gradients.keys()
    assert all(g.isfinite().all() for g in gradients.values())


def test_what_it_cant_compare_it_says():
    model, (example,) = system(), shown(5, 1)
    for wrong in (Example([3], (), example.turns), Example([], example.media, example.turns, before=(example,))):
        with pytest.raises(UsageError, match="compares one question with the media before it"):
            model.generate(wrong, learning.END, 3)
    assert model.loss([Example([3], (), example.turns)])[0] == 0
    with pytest.raises(WeightsError, match="no language model inside"):
        ClipAnswers(model.config)

"""PaLI on a tiny random language model."""

import pytest
import torch

from trenza.errors import UsageError
from trenza.layers import lowrank
from trenza.layers.block import BlockConfig
from trenza.systems.examples import Example, Medium, Turn
from trenza.systems.llava import BridgeConfig
from trenza.systems.pali import Pali, PaliConfig
from trenza.towers.language import LanguageConfig, LanguageModel

END = 1
BLOCK = BlockConfig(32, 4, 48, kv_heads=2, head_width=8, bias="", norm="rms", activation="silu", gated=True)


@pytest.fixture
def pali() -> Pali:
    return make(torch.float32)


def make(dtype: torch.dtype, rank: int = 0) -> Pali:
    torch.manual_seed(0)
    language = LanguageModel(LanguageConfig(40, 2, BLOCK, 10_000.0, tied=True)).to(dtype)
    language.rope = language.config.make_rope()
    return Pali(PaliConfig({"image": BridgeConfig("linear", 8, 4)}, rank), language)


def picture(kind: int, seed: int = 0) -> Medium:
    """Features of four cells that differ from kind to kind."""
    rng = torch.Generator().manual_seed(seed)
    return Medium("image", torch.nn.functional.one_hot(torch.tensor([[kind] * 4]), 8).float() + 0.05 * torch.randn(
        1, 4, 8, generator=rng
    ))  # fmt: skip


def example(kind: int, *turns: Turn, seed: int = 0) -> Example:
    return Example([5, 6], (picture(kind, seed),), turns)


TURNS = (Turn([10, 11, 2], [20, END]), Turn([12, 2], [21, 22, END]))


def test_turns_share_their_media_and_do_not_see_each_other(pali):
    together, count = pali.loss([example(0, *TURNS), example(1, TURNS[0])])
    alone = [pali.loss([e])[0] for e in (example(0, TURNS[0]), example(0, TURNS[1]), example(1, TURNS[0]))]
    assert count == 2 + 3 + 2
    assert abs(together - sum(alone)) < 1e-3


def test_score_and_generation_agree_with_the_loss(pali):
    asked = example(0, TURNS[0])
    loss, _ = pali.loss([asked])
    scores = pali.score(asked, [TURNS[0].answer, [23, END]])
    assert abs(scores[0] + loss) < 1e-4
    said = pali.generate(asked, -1, 3)
    assert len(said) == 3
    assert pali.score(asked, [[token] for token in range(pali.places.base + 1)]).argmax() == said[0]
    assert pali.generate(asked, said[0], 3) == []


def test_earlier_shots_are_read_before(pali):
    shot = example(1, Turn([10, 2], [21, END]))
    asked = Example([5], (picture(0),), (TURNS[0],), before=(shot,))
    assert pali.encode([asked])[0].shape[1] == 2 + 4 + 2 + 2 + 1 + 4 + 3
    assert pali.loss([asked])[0] != pali.loss([Example([5], (picture(0),), (TURNS[0],))])[0]


@pytest.mark.parametrize(("dtype", "rank"), [(torch.float32, 0), (torch.bfloat16, 4)])
def test_it_learns_what_can_only_be_seen(dtype, rank):
    pali = make(dtype, rank)
    trained = pali.trained()
    assert {p.dtype for p in trained.values()} == {torch.float32}
    assert any("cross.q" in name for name in trained) and any("language.blocks" in n for n in trained) == bool(rank)
    optimizer = torch.optim.AdamW(trained.values(), 5e-3)
    data = [[example(k, Turn([10, 2], [20 + k, END]), seed=s) for k in range(4)] for s in range(40)]
    for batch in data * 2:
        loss, count = pali.loss(batch)
        optimizer.zero_grad()
        (loss / count).backward()
        optimizer.step()
    for kind in range(4):
        assert pali.generate(example(kind, Turn([10, 2], []), seed=99), END, 3) == [20 + kind]


def test_updates_are_merged_into_each_half_though_the_halves_share_what_is_frozen():
    pali = make(torch.float32, rank=4)
    torch.manual_seed(1)
    for name, parameter in pali.trained().items():
        if name.endswith(".up"):
            torch.nn.init.normal_(parameter, std=0.3)
    asked, said = example(0, TURNS[0]), [TURNS[0].answer, [23, END]]
    before = pali.score(asked, said)
    lowrank.merge(pali)
    assert not any(name.endswith(".up") for name in pali.state_dict())
    assert torch.allclose(before, pali.score(asked, said), atol=1e-4)


def test_a_medium_it_was_not_made_for_is_refused(pali):
    sound = Example([5], (Medium("audio", torch.zeros(1, 3, 8)),), (TURNS[0],))
    with pytest.raises(UsageError, match="can't take audio; it takes image"):
        pali.loss([sound])

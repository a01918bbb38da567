"""The native system on a tiny random language model: codes and raw patches, read and written."""

import pytest
import torch

from trenza.errors import UsageError
from trenza.layers.block import BlockConfig
from trenza.systems import places
from trenza.systems.examples import Example, Medium, Turn
from trenza.systems.native import MARKS, CodeConfig, Native, NativeConfig
from trenza.towers.language import LanguageConfig, LanguageModel

END, CODES = 1, 6
BLOCK = BlockConfig(32, 4, 48, kv_heads=2, head_width=8, bias="", norm="rms", activation="silu", gated=True)


def make(**config) -> Native:
    torch.manual_seed(0)
    language = LanguageModel(LanguageConfig(40, 2, BLOCK, 10_000.0, tied=True))
    return Native(NativeConfig(**config), language)


@pytest.fixture
def native() -> Native:
    return make(codes={"image": CodeConfig(CODES, 4), "audio": CodeConfig(3, 2)}, rank=8)


def codes(*numbers: int) -> Medium:
    return Medium("image", torch.tensor(numbers).float().view(1, -1, 1))


def learn(native: Native, batches: list[list[Example]], rate: float = 1e-2) -> None:
    optimiser = torch.optim.AdamW(native.trained().values(), rate)
    for batch in batches:
        loss, count = native.loss(batch)
        optimiser.zero_grad()
        (loss / count).backward()
        optimiser.step()


def test_codes_stand_behind_the_places_each_kind_in_its_own_range(native):
    first = 40 + places.COUNT
    assert native.tokens(codes(0, 5, 2, 1)) == [first, first + 2, first + 7, first + 4, first + 3, first + 1]
    sound = native.tokens(Medium("audio", torch.tensor([[[2.0], [0.0]], [[1.0], [1.0]]])))
    assert sound[0] == first + MARKS + CODES and len(sound) == 8
    film = native.tokens(Medium("video", torch.tensor([[0.0, 5, 2, 1]] * 3)[..., None]))
    assert film == native.tokens(codes(0, 5, 2, 1)) * 3
    assert native.media_tokens([codes(0, 5, 2, 1)] * 2) == 12
    assert len(native.language.added) == native.config.added == places.COUNT + (2 + 6) + (2 + 3) + 1


def test_it_names_what_it_reads_and_draws_what_it_is_asked_for(native):
    pictures = [codes(0, 1, 0, 1), codes(2, 3, 3, 2), codes(5, 5, 4, 4)]
    batch = []
    for number, picture in enumerate(pictures):
        batch.append(Example([5], (picture,), (Turn([10, 2], [20 + number, END]),)))
        batch.append(Example([5], (), (native.drawing([11, 20 + number, 2], picture, END),)))
    learn(native, [batch] * 60)
    for number, picture in enumerate(pictures):
        assert native.generate(Example([5], (picture,), (Turn([10, 2], []),)), END, 3) == [20 + number]
        drawn = native.produce(Example([5], (), (Turn([11, 20 + number, 2], []),)), "image")
        assert drawn == picture.features.flatten().tolist()
    said = native.generate(Example([5], (), (Turn([11, 20, 2], []),)), END, 6)
    assert all(token < native.first["image"] for token in said)  # an answer in words stays one


def test_only_codes_of_the_kind_are_produced_however_unlikely(native):
    asked = Example([5], (), (Turn([11, 2], []),))
    made = native.produce(asked, "image", lambda logits: int(logits.argmin()))
    assert len(made) == 4 and all(0 <= code < CODES for code in made)
    assert len(native.produce(asked, "audio")) == 2


def test_raw_patches_are_read_without_a_tower():
    native = make(patches={"image": 12}, rank=8)
    assert native.encode([Medium("image", torch.zeros(2, 9, 12))])[0].shape == (2 * 3 * (3 + 1), 32)
    rng = torch.Generator().manual_seed(0)
    shapes = torch.randn(4, 1, 4, 12, generator=rng)

    def example(kind: int) -> Example:
        seen = shapes[kind] + 0.1 * torch.randn(1, 4, 12, generator=rng)
        return Example([5], (Medium("image", seen),), (Turn([10, 2], [20 + kind, END]),))

    learn(native, [[example(k) for k in range(4)] for _ in range(100)])
    assert [native.generate(example(k), END, 3) for k in range(4)] == [[20], [21], [22], [23]]


def test_what_it_cannot_take_or_produce_is_said(native):
    with pytest.raises(UsageError, match="can't take video"):
        make(codes={"audio": CodeConfig(3, 2)}).encode([Medium("video", torch.zeros(1, 4, 1))])
    with pytest.raises(UsageError, match="can't produce video; it produces image, audio"):
        native.produce(Example([5], (), (Turn([2], []),)), "video")
    with pytest.raises(UsageError, match="5 codes up to 0, this model reads 4 of 6"):
        native.encode([codes(0, 0, 0, 0, 0)])
    with pytest.raises(UsageError, match="up to 6, this model reads 4 of 6"):
        native.encode([codes(0, 0, 0, 6)])

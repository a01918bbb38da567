"""The embedded space: tiny heads for its workings, the real one for what it must be able to do."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from trenza.checkpoints.folder import save_folder
from trenza.errors import WeightsError
from trenza.signals import Audio, Image, Video, decode
from trenza.systems import space
from trenza.systems.space import Heads, SpaceConfig

TINY = SpaceConfig(width=8, hidden=12, layers=(0, 1), pixels=(32,), language=6, picture=10, audio=12)
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def heads():
    torch.manual_seed(0)
    return Heads(TINY).eval()


def test_padding_after_a_sound_changes_nothing(heads):
    states = torch.randn(2, 7, 12)
    padded = torch.cat([states, torch.zeros(2, 3, 12)], 1)
    alone, with_padding = (heads.embed("audio", x) for x in (states, padded))
    assert (alone - with_padding).abs().max() < 1e-6
    assert (alone - heads.embed("audio", states[:, :5])).abs().max() > 1e-3  # what is heard counts
    assert torch.allclose(alone.norm(dim=-1), torch.ones(2))


def test_states_are_thinned_to_ten_a_second():
    states = torch.arange(12.0)[:, None].expand(-1, 3)
    assert torch.equal(space.thinned(states)[:, 0], torch.tensor([2.0, 7.0, 10.5]))


def test_a_folder_comes_back_and_what_is_wrong_with_it_is_named(heads, tmp_path):
    folder = tmp_path / "space"
    save_folder(folder, {"system": "space", **asdict(TINY)}, heads.state_dict())
    read = space.load(folder)
    states = torch.randn(3, 12)
    assert torch.equal(read.heads.embed("text", states), heads.embed("text", states))
    assert read.width == 8 and read.name == space.load(folder).name
    changed = {name: tensor + 1 for name, tensor in heads.state_dict().items()}
    save_folder(folder, {"system": "space", **asdict(TINY)}, changed)
    assert space.load(folder).name != read.name  # an index made with other weights is made anew
    save_folder(folder, {"system": "space", **asdict(TINY), "width": "8"}, heads.state_dict())
    with pytest.raises(WeightsError, match=r"config\.json: config\.width is '8'"):
        space.load(folder)
    save_folder(folder, {"system": "llava"}, heads.state_dict())
    with pytest.raises(WeightsError, match="isn't of a space"):
        space.load(folder)


def test_a_medium_near_to_every_text_stands_behind_one_that_fits_this_text(heads):
    texts = torch.nn.functional.normalize(torch.eye(8) + 1, dim=-1)
    heads.texts.copy_(texts.repeat(128, 1))
    hub, own = torch.nn.functional.normalize(torch.ones(8), dim=0), texts[3] - texts.mean(0)
    media = torch.stack([hub, torch.nn.functional.normalize(own, dim=0)])
    query = torch.from_numpy(space.Embedder.query(texts[3].numpy()))
    assert (media @ texts[3]).argmax() == 0  # by cosine alone
    assert (heads.indexed(media) @ query).argmax() == 1


def test_support_is_what_a_medium_raises_a_text_by_over_ordinary_media(heads):
    unit = torch.eye(8)
    heads.pictures.copy_(unit[:1].expand(1024, -1))
    heads.pictures[0] = unit[1]
    right, wrong, other = (heads.support("image", unit[1], unit[i]).item() for i in (1, 0, 2))
    factor = heads.temperature.item()
    assert right == pytest.approx(factor - np.log((np.exp(factor) + 1023) / 1024), abs=1e-3)
    assert wrong < -factor + 0.1 and other == pytest.approx(0, abs=1e-4)  # the third no reference speaks for either


@pytest.mark.real
def test_every_kind_of_signal_has_a_vector_of_its_own():
    embedder = space.load()
    picture, sound = decode(EXAMPLES / "banana.png"), decode(EXAMPLES / "spoken.wav")
    assert isinstance(picture, Image) and isinstance(sound, Audio)
    still = Video(np.stack([picture.pixels] * 2), np.array([0.0, 1.0]))
    vectors = embedder.signals([picture, sound, still])
    assert vectors.shape == (3, embedder.width) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert vectors[0] @ vectors[2] > 0.99  # a film of one picture is that picture
    assert vectors[0] @ vectors[1] < 0.9
    assert embedder.signals([]).shape == embedder.texts([]).shape == (0, embedder.width)


@pytest.mark.real
def test_names_and_pictures_fit_in_both_languages():
    """That they fit at all; how many are found is what benchmarks/search.py measures."""
    embedder = space.load()
    files = [EXAMPLES / f"{name}.png" for name in ("banana", "elephant", "umbrella")]
    pictures = embedder.signals([decode(file) for file in files])
    english = embedder.texts(["a banana", "an elephant", "an umbrella"]) @ pictures.T
    assert english.argmax(1).tolist() == [0, 1, 2]
    spanish = embedder.texts(["un plátano", "un elefante", "un paraguas"]) @ pictures.T
    assert spanish.diagonal().mean() > spanish[~np.eye(3, dtype=bool)].mean()  # the weaker language: not each is found

"""CLIP: three towers in one space that learn to find each other, the temperature, and what a space is used for."""

import math

import pytest
import torch
import torch.nn.functional as F

from trenza.align.contrastive import info_nce, sigmoid_loss
from trenza.errors import UsageError
from trenza.layers.block import BlockConfig
from trenza.systems import retrieval
from trenza.systems.clip import CLIP, ClipConfig
from trenza.towers.text import TextConfig
from trenza.towers.vit import ViTConfig
from trenza.towers.whisper import WhisperConfig

BLOCK = BlockConfig(16, 2, 32)
END = 9


def tiny(sigmoid: bool, audio: bool = True) -> CLIP:
    torch.manual_seed(0)
    clip = not sigmoid
    ears = WhisperConfig(width=16, heads=2, inner=32, encoder_layers=1, mels=8, audio_tokens=10) if audio else None
    vision, text = ViTConfig(clip, 16, 8, 1, BLOCK), TextConfig(clip, 10, 5, 1, END, BLOCK)
    return CLIP(ClipConfig(vision, text, 16, sigmoid, ears))


def things(count: int = 6) -> dict[str, torch.Tensor]:
    """A picture, a word and a pitch for each thing; after the word's end come tokens of no meaning."""
    rng = torch.Generator().manual_seed(1)
    pictures = torch.randn(count, 3, 16, 16, generator=rng)
    words = torch.full((count, 5), 8)
    words[:, 1], words[:, 2] = torch.arange(count), END
    pitch = F.one_hot(torch.arange(count), 8).float()[:, :, None].expand(-1, -1, 20).contiguous()
    return {"image": pictures, "text": words, "audio": pitch}


@pytest.mark.parametrize("sigmoid", [False, True], ids=["InfoNCE", "sigmoid"])
def test_three_kinds_learn_to_find_each_other_in_all_directions(sigmoid):
    model, media = tiny(sigmoid), things()
    if model.bias is not None:
        model.bias.data.fill_(-2)  # -10 is for batches of thousands, in which a pair is one in as many
    optimiser = torch.optim.Adam(model.parameters(), lr=4e-3)
    for _ in range(80):
        vectors = {kind: model.embed(kind, inputs) for kind, inputs in media.items()}
        loss = torch.zeros(())
        for kind in ("image", "audio"):
            pair = vectors[kind], vectors["text"], model.temperature
            loss = loss + (sigmoid_loss(*pair, model.bias) if sigmoid else info_nce(*pair))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        found = retrieval.recall_all_ways({kind: model.embed(kind, inputs) for kind, inputs in media.items()}, (1,))
    assert len(found) == 6
    assert all(found[way] == [1.0] for way in found if "text" in way), found
    assert found["audio to image"][0] > 0.5  # never trained against each other


def test_temperature_starts_as_published_and_is_clamped():
    clip, siglip = tiny(False, audio=False), tiny(True, audio=False)
    assert clip.temperature.item() == pytest.approx(1 / 0.07) and clip.bias is None
    assert siglip.temperature.item() == pytest.approx(10) and siglip.bias.item() == -10
    with torch.no_grad():
        clip.scale.fill_(math.log(1e6))
    assert clip.temperature.item() == pytest.approx(100)


def test_only_what_stands_before_the_end_counts_in_clip():
    model, words = tiny(False), things()["text"]
    changed = words.clone()
    changed[:, 3:] = 2
    assert torch.equal(model.embed("text", words), model.embed("text", changed))


def test_a_medium_without_a_tower_and_a_text_that_is_too_long_are_said():
    model = tiny(False, audio=False)
    with pytest.raises(UsageError, match="no tower for audio; it takes image, text"):
        model.embed("audio", things()["audio"])
    with pytest.raises(UsageError, match=r"6 tokens is too long .* reads 5"):
        model.embed("text", torch.zeros(1, 6, dtype=torch.long))


def test_prompt_ensembles_average_what_the_name_says_in_every_sentence():
    axes = {"cat": 0, "dog": 1}

    def embed(texts):
        rows = [F.one_hot(torch.tensor(next(i for n, i in axes.items() if n in t)), 4).float() for t in texts]
        noise = [F.one_hot(torch.tensor(2 + ("photo" in t)), 4) * 0.8 for t in texts]
        return F.normalize(torch.stack(rows) + torch.stack(noise), dim=-1)

    names = retrieval.classifier(embed, ["cat", "dog"], ["{}", "a photo of a {}.", "{} in the rain"])
    assert torch.allclose(names.norm(dim=-1), torch.ones(2))
    alone = embed(["cat"])[0]
    assert names[0, 0] > alone[0]  # what the sentences don't share is averaged away
    assert (torch.eye(4)[:2] @ names.T).argmax(1).tolist() == [0, 1]


def test_ranks_count_what_stands_before_the_first_right_item():
    items = torch.eye(3)
    queries = torch.tensor([[0.9, 0.3, 0.1], [0.9, 0.3, 0.1], [0.9, 0.3, 0.1], [0.5, 0.5, 0.0]])
    right = torch.tensor([[1, 0, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]]).bool()
    assert retrieval.ranks(queries, items, right).tolist() == [0, 2, 3, 1]  # the last is a tie


def test_a_linear_probe_separates_what_can_be_separated():
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    centres = torch.randn(3, 5, generator=rng) * 2
    features = centres[labels] + torch.randn(90, 5, generator=rng) * 0.3
    probe = retrieval.linear_probe(features[:60], labels[:60])
    assert (probe(features[60:]).argmax(1) == labels[60:]).float().mean() > 0.9

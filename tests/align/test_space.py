"""Training of the embedded space, on features of things that only their names tell apart."""

import json
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from trenza.align import space
from trenza.align.space import Features, Things
from trenza.systems.space import Heads, SpaceConfig

CONFIG = SpaceConfig(width=16, hidden=24, layers=(0,), pixels=(32,), language=20, picture=12, audio=12, references=16)
NAMES = {"cat": "gato", "dog": "perro", "sun": "sol", "bell": "campana", "drum": "tambor", "ship": "barco"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Every thing as a stamp, an emoji by two hands, clip art, and a sound; one stamp and one sound are test."""
    monkeypatch.setattr(space, "imagenet_names", lambda: [["cat", "mouser"], ["wolf"]])
    classifier = SimpleNamespace(weight=torch.eye(12)[:2])
    monkeypatch.setattr(space, "efficientnet_lite2", lambda: SimpleNamespace(classifier=classifier))
    rng = torch.Generator().manual_seed(0)
    centres = torch.randn(len(NAMES), 12, generator=rng)
    for corpus in (*space.PICTURES, *space.SOUNDS):
        rows = []
        for number, (english, spanish) in enumerate(NAMES.items()):
            split = "test" if corpus in ("stamps", "stamp-sounds") and english == "ship" else "train"
            key = "1f431" if corpus == "noto" and english == "cat" else f"things/{english}"
            rows += [(number, f"A {english}.", "en", split, f"{key}/en"), (number, spanish, "es", split, f"{key}/es")]
        features = centres + torch.randn(centres.shape, generator=rng) * 0.2
        made = {"features": features}
        if corpus in space.SOUNDS:
            made = {"features": features.repeat_interleave(3, 0), "counts": torch.full((len(NAMES),), 3)}
        save_file(made, tmp_path / f"{corpus}.safetensors")
        (tmp_path / f"{corpus}.json").write_text(json.dumps(rows))
    texts = [f"A {n}." for n in NAMES] + list(NAMES.values()) + ["cat", "mouser", "wolf", "kitten", "gatito"]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    save_file({"features": torch.randn(len(texts), 20, generator=rng)}, tmp_path / "texts.safetensors")
    emoji = [("1f431", "cat", "gato", ["kitten"], ["gatito"]), ("1f415", "wolf", "perro", [], [])]
    (tmp_path / "emoji.json").write_text(json.dumps(emoji))
    return tmp_path


def test_only_the_train_split_is_trained_on_and_keywords_count_less_than_names(folder):
    data = Features(folder, hold_out=False)
    noto = len(NAMES)  # behind the stamps
    texts = [list(data.text)[t] for t in data.pictures.texts[noto]]
    assert sorted(texts) == sorted(["A cat.", "gato"] * 2 + ["kitten", "gatito"])
    assert 5 not in data.pictures.texts and 5 not in data.sounds.texts  # the ship's test stamp and its test sound
    assert data.pictures.media["cat"][-1] == 4 * len(NAMES)  # ImageNet's first class, behind all corpora
    assert data.seen.shape == (4 * len(NAMES) + 2, 12) and data.heard.shape == (4 * len(NAMES), 3, 12)


def test_held_out_stamps_are_not_trained_on(folder, monkeypatch):
    monkeypatch.setattr(space, "is_test", lambda key, one_in: key == "held out things/dog")
    data = Features(folder, hold_out=True)
    assert {(p, lang) for p, _, lang in data.held} == {(1, "en"), (1, "es")} and data.held_names == {"dog"}
    assert 1 not in data.pictures.texts
    found = space.held_out(Heads(CONFIG), data)
    assert found.keys() == {"held-out stamps, en", "held-out stamps, es"}
    assert found["held-out stamps, en"][1] in (0.0, 1.0)  # of one stamp


def test_a_batch_has_no_two_things_of_one_name():
    things = Things()
    for medium in range(12):
        things.add("ab"[medium % 2], medium, [100 + medium])
    media, texts = things.draw(5, torch.Generator().manual_seed(0))
    assert sorted((media % 2).tolist()) == [0, 1] and torch.equal(texts, media + 100)


def test_training_brings_what_belongs_together_together(folder, monkeypatch):
    monkeypatch.setattr(space, "LEARNING_RATE", 1e-2)
    torch.manual_seed(0)
    data, heads, rows = Features(folder, hold_out=False), Heads(CONFIG), []
    space.train(heads, data, 60, 0, rows.append)
    assert rows[-1]["step"] == 60 and rows[-1]["pictures"] < 0.7 and rows[-1]["sounds"] < 0.7
    space.keep_references(heads, data, 0)
    with torch.no_grad():
        texts = heads.embed("text", data.text_states[: 2 * len(NAMES)])
        pictures = heads.embed("image", data.seen[: len(NAMES)])
    own = torch.arange(len(NAMES)).repeat(2)
    assert ((texts @ pictures.T).argmax(1) == own).float().mean() > 0.8  # the ship's stamp was never seen
    assert heads.support("image", pictures[0], texts[0]) > 0 > heads.support("image", pictures[0], texts[1])

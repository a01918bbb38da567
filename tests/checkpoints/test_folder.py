"""Our folder format: what is written comes back, and what is damaged is named."""

import pytest
import torch
from torch import nn

from trenza.checkpoints.folder import fill, load_folder, save_folder
from trenza.errors import WeightsError

WEIGHTS = {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2)}


def test_a_folder_comes_back_as_it_was_and_is_replaced_whole(tmp_path):
    folder = tmp_path / "model"
    save_folder(folder, {"a": 0}, {"old": torch.zeros(1)}, {"card.md": "old"})
    save_folder(folder, {"a": 1}, WEIGHTS)
    config, weights = load_folder(folder)
    assert config == {"a": 1}
    assert weights.keys() == WEIGHTS.keys()
    assert torch.equal(weights["weight"], WEIGHTS["weight"])
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    assert not (folder / "card.md").exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_or_damaged_file_is_named(tmp_path, name):
    folder = tmp_path / "model"
    save_folder(folder, {}, WEIGHTS)
    (folder / name).write_bytes((folder / name).read_bytes()[:-2] + b"\xff")
    with pytest.raises(WeightsError, match=name):
        load_folder(folder)
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=f"{name} is missing"):
        load_folder(folder)


def test_fill_names_the_tensor_that_does_not_fit(tmp_path):
    file = tmp_path / "model.safetensors"
    layer = nn.Linear(3, 2)
    fill(layer, WEIGHTS, file)
    assert torch.equal(layer.weight.data, WEIGHTS["weight"])
    with pytest.raises(WeightsError, match=r"weight has shape \[3, 2\], .*\[2, 3\]"):
        fill(layer, {"weight": torch.zeros(3, 2), "bias": torch.ones(2)}, file)
    with pytest.raises(WeightsError, match="lacks tensor bias"):
        fill(layer, {"weight": WEIGHTS["weight"]}, file)
    with pytest.raises(WeightsError, match="tensor gate that Linear has no place for"):
        fill(layer, {**WEIGHTS, "gate": torch.ones(1)}, file)
    fill(layer, {"weight": WEIGHTS["weight"]}, file, optional=("bias",))

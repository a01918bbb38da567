"""A shipped folder is half as large and says the same."""

import pytest
import torch

from trenza.align.shipping import ship
from trenza.checkpoints.folder import load_folder, save_folder
from trenza.errors import WeightsError


def test_numbers_are_halved_and_the_rest_stays(tmp_path):
    torch.manual_seed(0)
    weights = {"a": torch.randn(5, 3), "table": torch.arange(6, dtype=torch.int32)}
    save_folder(tmp_path / "model", {"system": "llava", "support_threshold": 1.5}, weights)
    save_folder(tmp_path / "out", {}, {"old": torch.zeros(1)}, {"README.md": "# Card"})
    ship(tmp_path / "model", tmp_path / "out")
    config, shipped = load_folder(tmp_path / "out")
    assert config == {"system": "llava", "support_threshold": 1.5} and shipped.keys() == weights.keys()
    assert shipped["a"].dtype == torch.float16 and torch.allclose(shipped["a"].float(), weights["a"], atol=2e-3)
    assert torch.equal(shipped["table"], weights["table"])
    assert (tmp_path / "out/README.md").read_text() == "# Card"


def test_midway_is_the_mean_of_two_folders(tmp_path):
    numbers = torch.arange(2, dtype=torch.int32)
    save_folder(tmp_path / "model", {"system": "llava"}, {"a": torch.tensor([1.0, 4.0]), "table": numbers})
    save_folder(tmp_path / "before", {"system": "llava"}, {"a": torch.tensor([3.0, 2.0]), "table": numbers})
    ship(tmp_path / "model", tmp_path / "out", midway=tmp_path / "before")
    _, shipped = load_folder(tmp_path / "out")
    assert shipped["a"].tolist() == [2.0, 3.0] and torch.equal(shipped["table"], numbers)


def test_folders_of_two_trainings_have_no_middle(tmp_path):
    save_folder(tmp_path / "model", {"system": "llava"}, {"a": torch.zeros(2)})
    save_folder(tmp_path / "other", {"system": "llava"}, {"a": torch.zeros(3)})
    with pytest.raises(WeightsError, match=r"differs from .*model in a"):
        ship(tmp_path / "model", tmp_path / "out", midway=tmp_path / "other")
    assert not (tmp_path / "out").exists()

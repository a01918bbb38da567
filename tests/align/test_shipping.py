"""A shipped folder is half as large and says the same."""

import torch

from trenza.align.shipping import ship
from trenza.checkpoints.folder import load_folder, save_folder


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

"""What can be sharded, and parameters that a batch doesn't need."""

import pytest
import torch
import torch.distributed as dist
from torch import nn

from trenza.align import sharding
from trenza.errors import UsageError


@pytest.fixture
def one_process(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


class Two(nn.Module):
    """A bridge for pictures, one for sounds, and a language model of one block."""

    def __init__(self):
        super().__init__()
        self.picture, self.sound = nn.Linear(2, 2), nn.Linear(2, 2)
        self.language = nn.Module()
        self.language.blocks = nn.ModuleList([nn.Linear(2, 1)])
        self.frozen = nn.Linear(2, 2).requires_grad_(False)

    def loss(self, number: int) -> torch.Tensor:
        bridge = self.picture if number % 3 else self.sound
        return self.language.blocks[0](bridge(torch.tensor([1.0, number]))).square().sum()


def learned(sharded: bool) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    system = Two()
    optimiser = torch.optim.AdamW(system.parameters(), lr=0.1)
    for number in range(7):
        loss = system.loss(number)
        if sharded:
            loss, needed = sharding.touched(loss, system)
            assert needed.tolist() == [number % 3 != 0] * 2 + [number % 3 == 0] * 2
        loss.backward()
        if sharded:
            assert all(p.grad is not None for p in system.parameters() if p.requires_grad)  # as sharing needs them
            sharding.forget(system, needed)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return system.state_dict()


def test_what_no_process_needs_is_left_alone_as_on_one(one_process):
    plain, sharded = learned(False), learned(True)
    assert all(torch.allclose(plain[name], sharded[name], atol=1e-6) for name in plain)


def test_what_cant_be_sharded_is_named():
    system = nn.ParameterDict({"scale": nn.Parameter(torch.tensor(1.0))})
    for asked, said in (
        ((Two(), 1, "no"), "there is one; unset it or run several"),
        ((Two(), 2, "bf16"), "MIXED_PRECISION=bf16 don't go together"),
        ((system, 2, "no"), "scale is a single number"),
    ):
        with pytest.raises(UsageError, match=said):
            sharding.check(*asked)
    sharding.check(Two(), 2, "no")

"""A training whose weights, gradients and moments are shared out among processes (FSDP2): torch's `fully_shard`.

Asked for as accelerate's launcher does, by ACCELERATE_USE_FSDP=true. accelerate itself shards on accelerators only, and
elsewhere copies without a word, so torch's own call is used for both, on gloo and on NCCL (Zhao et al. 2023, "PyTorch
FSDP", section 3.2). What is saved is whole again, so that a training may go on sharded or not.
"""

import copy
import os
from typing import Any

import torch
from accelerate.utils import parse_flag_from_env
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from trenza.errors import UsageError

FLAG = "ACCELERATE_USE_FSDP"


def asked() -> bool:
    """Whether the environment asks for it; accelerate, which reads the same flag, isn't to do it a second time."""
    wanted = parse_flag_from_env(FLAG)
    os.environ.pop(FLAG, None)
    return wanted


def shard(system: nn.Module, root: nn.Module, device: torch.device, processes: int) -> None:
    """Shard `root`, which is called and holds `system`, in place: each block of the language model, then the rest.

    Raises UsageError for one process, and for a system with numbers that have no dimension to share out.
    """
    if processes < 2:
        raise UsageError(f"{FLAG} asks to shard the model among processes, and there is one; unset it or run several")
    if single := [name for name, p in system.named_parameters() if p.dim() == 0]:
        raise UsageError(f"{FLAG}: {single[0]} is a single number, which can't be sharded; unset it for this system")
    mesh = init_device_mesh(device.type, (processes,))
    for block in blocks(system):
        fully_shard(block, mesh=mesh)
    fully_shard(root, mesh=mesh)


def blocks(system: nn.Module) -> list[nn.Module]:
    """Those of the language model, which every batch of every process passes through."""
    return list(getattr(getattr(system, "language", None), "blocks", ()))


def touched(system: nn.Module) -> Tensor:
    """Zero, of every trained number outside the blocks: gradients of all processes must be of the same parameters,
    whichever bridges their shares of a batch need."""
    inside = {id(p) for block in blocks(system) for p in block.parameters()}
    outside = [p for p in system.parameters() if p.requires_grad and id(p) not in inside]
    return torch.stack([0.0 * p.float().sum() for p in outside]).sum() if outside else torch.zeros(())


def whole(value: Any) -> Tensor:
    """A tensor of all shards. All processes must ask."""
    return value.full_tensor() if isinstance(value, DTensor) else torch.as_tensor(value)


def shared(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor as `like` is: on its device, and this process's share of it."""
    value = value.to(like.device)
    return distribute_tensor(value, like.device_mesh, like.placements) if isinstance(like, DTensor) else value


class Unsharded:
    """A copy of a system from before it was sharded, given what was learned since. All processes must ask; only the
    one that writes has the copy."""

    def __init__(self, system: nn.Module, writes: bool):
        self.system, self.copy = system, copy.deepcopy(system) if writes else None

    @torch.no_grad()
    def __call__(self) -> nn.Module | None:
        mine = dict(self.copy.named_parameters()) if self.copy is not None else {}
        for name, parameter in self.system.named_parameters():
            if parameter.requires_grad:
                learned = whole(parameter)
                if mine:
                    mine[name].copy_(learned)
        return self.copy

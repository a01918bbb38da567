"""A training whose weights, gradients and moments are shared out among processes (FSDP2): torch's `fully_shard`.

Asked for as accelerate's launcher does, by ACCELERATE_USE_FSDP=true; no other FSDP_ setting is read. accelerate itself
shards on accelerators only, and elsewhere copies without a word, so torch's own call is used for both, on gloo and on
NCCL (Zhao et al. 2023, "PyTorch FSDP", section 3.2). What is saved is whole again, so that a training may go on sharded
or not; the process that writes keeps a whole copy for it, in the CPU's memory.
"""

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from accelerate.utils import parse_flag_from_env
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from trenza.errors import UsageError

FLAG = "ACCELERATE_USE_FSDP"


def asked() -> bool:
    """Whether the environment asks for it."""
    return parse_flag_from_env(FLAG)


@contextmanager
def unasked() -> Iterator[None]:
    """accelerate reads the same flag, and isn't to do it a second time."""
    said = os.environ.pop(FLAG, None)
    try:
        yield
    finally:
        if said is not None:
            os.environ[FLAG] = said


def check(system: nn.Module, processes: int, precision: str) -> None:
    """Raises UsageError for what can't be sharded. precision: accelerate's."""
    if processes < 2:
        raise UsageError(f"{FLAG} asks to shard the model among processes, and there is one; unset it or run several")
    if precision != "no":
        raise UsageError(f"{FLAG} and ACCELERATE_MIXED_PRECISION={precision} don't go together; unset one of them")
    if single := [name for name, p in system.named_parameters() if p.dim() == 0]:
        raise UsageError(f"{FLAG}: {single[0]} is a single number, which can't be sharded; unset it for this system")


def shard(system: nn.Module, root: nn.Module, device: torch.device, processes: int) -> None:
    """Shard `root`, which is called and holds `system`, in place: each block of the language model, then the rest."""
    mesh = init_device_mesh(device.type, (processes,))
    for block in blocks(system):
        fully_shard(block, mesh=mesh)
    fully_shard(root, mesh=mesh)


def blocks(system: nn.Module) -> list[nn.Module]:
    """Those of the language model, which every batch of every process passes through."""
    return list(getattr(getattr(system, "language", None), "blocks", ()))


def outside(system: nn.Module) -> dict[str, nn.Parameter]:
    """What is trained outside the blocks, such as bridges, which not every batch needs."""
    inside = {id(p) for block in blocks(system) for p in block.parameters()}
    return {name: p for name, p in system.named_parameters() if p.requires_grad and id(p) not in inside}


def touched(loss: Tensor, system: nn.Module) -> tuple[Tensor, Tensor]:
    """The loss with a gradient for all that is trained, and of `outside` whether any process's loss needs it, bool [n].

    Processes can only share gradients of the same parameters, whichever bridges their shares of a batch need.
    """
    trained = list(outside(system).values())
    needed = _reached(loss)
    flags = torch.tensor([float(id(p) in needed) for p in trained], device=loss.device)
    dist.all_reduce(flags, dist.ReduceOp.MAX)
    for parameter in trained:
        loss = loss + 0.0 * parameter.float().sum()
    return loss, flags > 0


def forget(system: nn.Module, needed: Tensor) -> None:
    """No gradient, not one of zeros, for what no process needed: the optimiser leaves it alone, as on one process."""
    for parameter, kept in zip(outside(system).values(), needed.tolist(), strict=True):
        if not kept:
            parameter.grad = None


def _reached(loss: Tensor) -> set[int]:
    """The ids of all parameters that a loss has gradients for."""
    found, ahead, been = set(), [loss.grad_fn], set()
    while ahead:
        node = ahead.pop()
        if node is None or node in been:
            continue
        been.add(node)
        if hasattr(node, "variable"):  # where a gradient is added up
            found.add(id(node.variable))
        ahead.extend(after for after, _ in node.next_functions)
    return found


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

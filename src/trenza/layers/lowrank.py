"""Low-rank updates (Hu et al. 2021, LoRA, section 4.1): a frozen matrix W learns as W + B A, and is merged after."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LowRank(nn.Module):
    """Stands where a linear layer stood. `up` starts at zero, so that nothing changes at first.

    The update is kept in float32 and applied in the type of what comes in.
    """

    def __init__(self, linear: nn.Linear, rank: int, rng: torch.Generator):
        super().__init__()
        self.linear = linear
        inputs, outputs = linear.in_features, linear.out_features
        self.down = nn.Parameter(torch.randn(rank, inputs, generator=rng) / inputs**0.5)
        self.up = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + F.linear(F.linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))


def adapt(model: nn.Module, rank: int, seed: int = 0) -> None:
    """Put low-rank updates on every linear layer of `model`, frozen as they are, in place."""
    rng = torch.Generator().manual_seed(seed)
    for owner, name, linear in _children(model, nn.Linear):
        setattr(owner, name, LowRank(linear, rank, rng))


@torch.no_grad()
def merge(model: nn.Module) -> None:
    """Put plain linear layers back, each with its update added; a matrix that others share is left as it is."""
    for owner, name, updated in _children(model, LowRank):
        weight = updated.linear.weight
        whole = (weight.float() + updated.up @ updated.down).to(weight.dtype)
        updated.linear.weight = nn.Parameter(whole, requires_grad=False)
        setattr(owner, name, updated.linear)


def _children(model: nn.Module, kind: type) -> list:
    return [
        (owner, name, child) for owner in model.modules() if not isinstance(owner, LowRank)
        for name, child in owner.named_children() if isinstance(child, kind)
    ]  # fmt: skip

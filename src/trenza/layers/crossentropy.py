"""The language head and its cross-entropy in chunks: logits over a large vocabulary never stand in memory at once."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

CHUNK = 512  # states; 100 MB of float32 logits for 49,152 words


def chunked(logits: Callable[[Tensor], Tensor], states: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
    """Sum of -sum_j share_j log p(target_j) over the states, in nats, differentiable.

    states: [n, D]. targets: token numbers [n, J], several where neighbours share the truth. shares: [n, J]; a row's sum
    is the weight of its state, mostly 1. Logits of a chunk are made again in the backward pass (Chen et al. 2016,
    section 4).
    """

    def part(states: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
        scores = logits(states).float()
        return (scores.logsumexp(-1) * shares.sum(1) - (scores.gather(1, targets) * shares).sum(1)).sum()

    pieces = zip(states.split(CHUNK), targets.split(CHUNK), shares.split(CHUNK), strict=True)
    # Nothing is drawn, so that no state of random numbers has to be kept: an accelerator would have to stop for it.
    return torch.stack([checkpoint(part, *p, use_reentrant=False, preserve_rng_state=False) for p in pieces]).sum()

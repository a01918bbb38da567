"""Choosing the next token: greedy, or by temperature and nucleus (Holtzman et al. 2020)."""

import torch
from torch import Generator, Tensor


def sample(logits: Tensor, temperature: float, top_p: float, rng: Generator) -> int:
    """One token of logits [V]. Temperature 0 is greedy; top_p keeps the smallest set with that mass."""
    if temperature <= 0:
        return int(logits.argmax())
    probability = (logits.float() / temperature).softmax(-1)
    if top_p < 1:
        ordered, order = probability.sort(descending=True)
        # A token stays while the mass before it is below top_p, so the first one always does.
        ordered[ordered.cumsum(0) - ordered >= top_p] = 0
        return int(order[torch.multinomial(ordered, 1, generator=rng)])
    return int(torch.multinomial(probability, 1, generator=rng))

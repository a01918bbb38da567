"""Packed documents attend alike one by one, as a CPU does it, and side by side, as an accelerator does."""

import torch

from trenza.layers.masks import Packed


def test_documents_side_by_side_attend_as_one_by_one_and_give_the_same_gradients():
    packed = Packed([5, 30, 3, 7, 28, 0], [[2, 3], [4], [1, 1, 6], [2], [3, 3], [4, 4]])
    rng = torch.Generator().manual_seed(0)
    apart = [torch.randn(1, 2, sum(packed.lengths), 8, generator=rng) for _ in range(3)]
    beside = [x.clone().requires_grad_() for x in apart]
    apart = [x.requires_grad_() for x in apart]
    one, other = packed.attend(*apart), packed._side_by_side(*beside)
    assert torch.allclose(one, other, atol=1e-6)
    weight = torch.randn(one.shape, generator=rng)
    (one * weight).sum().backward()
    (other * weight).sum().backward()
    for a, b in zip(apart, beside, strict=True):
        assert torch.allclose(a.grad, b.grad, atol=1e-5)

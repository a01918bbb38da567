"""Chunked losses against the plain ones written out: loss and every gradient, also over two processes."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
import torch.nn.functional as F

from trenza.align import contrastive
from trenza.align.contrastive import info_nce, sigmoid_loss

ROWS, WIDTH = 37, 8


def plain_info_nce(a, b, scale):
    logits = scale * a @ b.T
    labels = torch.arange(len(a))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def plain_sigmoid(a, b, scale, bias):
    logits = scale * a @ b.T + bias
    signs = 2 * torch.eye(len(a), dtype=a.dtype) - 1
    return -F.logsigmoid(signs * logits).sum() / len(a)


def batch(dtype=torch.float64, scale=14.0, bias=-3.0):
    rng = torch.Generator().manual_seed(0)
    a = F.normalize(torch.randn(ROWS, WIDTH, generator=rng, dtype=torch.float64), dim=-1)
    b = F.normalize(a + torch.randn(ROWS, WIDTH, generator=rng, dtype=torch.float64), dim=-1)
    made = a, b, torch.tensor(scale, dtype=torch.float64), torch.tensor(bias, dtype=torch.float64)
    return [t.to(dtype).requires_grad_() for t in made]


def with_gradients(loss_of, inputs, weight=1.7):
    loss = loss_of(*inputs)
    return loss, torch.autograd.grad(loss * weight, inputs)


PAIRS = {"info_nce": (info_nce, plain_info_nce, 3), "sigmoid": (sigmoid_loss, plain_sigmoid, 4)}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("rows_at_once", [1, 5, 37, 100])
def test_loss_and_gradients_are_exact_for_any_chunk(name, rows_at_once, monkeypatch):
    monkeypatch.setattr(contrastive, "CHUNK_ELEMENTS", rows_at_once * ROWS)
    ours, plain, count = PAIRS[name]
    expected, gradients = with_gradients(plain, batch()[:count])
    loss, found = with_gradients(ours, batch()[:count])
    assert abs(loss - expected) < 1e-12
    for mine, theirs in zip(found, gradients, strict=True):
        assert theirs.abs().max() > 1e-4  # there is something to compare
        assert (mine - theirs).abs().max() < 1e-12


@pytest.mark.parametrize("scale", [0.01, 100.0, 400.0])
def test_no_scale_overflows_in_float32(scale, monkeypatch):
    monkeypatch.setattr(contrastive, "CHUNK_ELEMENTS", 3 * ROWS)
    expected, gradients = with_gradients(plain_info_nce, batch(scale=scale)[:3])
    loss, found = with_gradients(info_nce, batch(torch.float32, scale)[:3])
    assert torch.isfinite(loss) and abs(loss - expected) < 1e-4 * expected.abs().clamp(min=1)
    for mine, theirs in zip(found, gradients, strict=True):
        assert (mine - theirs).abs().max() < 1e-4 * theirs.abs().max().clamp(min=1)


def test_half_precision_sums_in_single():
    a, b, scale, _ = batch(torch.bfloat16)
    loss, found = with_gradients(info_nce, (a, b, scale.detach().float().requires_grad_()))
    expected = plain_info_nce(a.double(), b.double(), scale.double())
    assert found[0].dtype == torch.bfloat16 and abs(loss - expected) < 0.02 * expected


def test_the_whole_matrix_is_never_there(monkeypatch):
    monkeypatch.setattr(contrastive, "CHUNK_ELEMENTS", 2 * ROWS)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.untyped_storage().nbytes() // out.element_size())
            return out

    inputs = batch()
    with Watch():
        info_nce(*inputs[:3]).backward()
        sigmoid_loss(*inputs).backward()
    assert 0 < largest <= max(ROWS * WIDTH, 2 * ROWS) < ROWS * ROWS


def _process(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        results = {}
        for name, (ours, _, count) in PAIRS.items():
            inputs = batch(torch.float32)[:count]
            half = slice(rank * 18, rank * 18 + 18)
            mine = [t.detach()[half].clone().requires_grad_() for t in inputs[:2]] + inputs[2:]
            loss = ours(*mine, group=dist.group.WORLD)
            results[name] = [loss.detach(), *torch.autograd.grad(loss, mine)]
        torch.save(results, f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    multiprocessing.spawn(_process, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for name, (ours, _, count) in PAIRS.items():
        whole = [t.detach()[:36].clone().requires_grad_() if t.dim() else t for t in batch(torch.float32)[:count]]
        loss = ours(*whole)
        expected = torch.autograd.grad(loss, whole)
        assert abs(first[name][0] - loss) < 1e-5 and abs(second[name][0] - loss) < 1e-5
        for place, theirs in enumerate(expected, 1):
            pair = (first[name][place], second[name][place])
            mine = torch.cat(pair) if theirs.dim() else sum(pair)
            assert (mine - theirs).abs().max() < 1e-5

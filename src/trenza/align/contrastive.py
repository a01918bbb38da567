"""Contrastive losses in chunks: memory grows with the chunk, not with the batch squared; gradients are exact.

InfoNCE (Radford et al. 2021, figure 3) and the sigmoid loss (Zhai et al. 2023, algorithm 1). Both look at the matrix
of all similarities, S = scale a b' (+ bias), a few rows at a time, and keep only the gradients of a, b, scale and bias,
which are computed together with the loss. InfoNCE goes over the rows twice, since a gradient needs the
log-sum-exp of whole columns: S is computed again and not kept.

Over several processes each holds its own rows of a and b. The loss is that of the whole batch, the same everywhere;
gradients are those of the whole batch with respect to what this process gave in. They are to be summed over processes:
DistributedDataParallel takes the mean, so give it the loss times the number of processes.

Shapes: B rows here, N rows of all processes, D width.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

CHUNK_ELEMENTS = 2**20  # of S at once: 4 MB in float32, which stays in a core's cache
Gradients = tuple[Tensor, Tensor, Tensor, Tensor | None]  # of a, b, scale, bias


def info_nce(a: Tensor, b: Tensor, scale: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
    """Mean over rows and columns of the cross-entropy of each a with its b, in nats. a, b: unit vectors [B, D].

    scale: what cosines are multiplied with, a scalar. group: the processes that share the batch, all with the same B.
    """
    return _Loss.apply(_info_nce, group, a, b, scale, None)


def sigmoid_loss(a: Tensor, b: Tensor, scale: Tensor, bias: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
    """Sum over all pairs of -log p(they are, or aren't, a pair), over the number of rows, in nats."""
    return _Loss.apply(_sigmoid, group, a, b, scale, bias)


class _Loss(torch.autograd.Function):
    """A loss whose gradients are ready when it is."""

    @staticmethod
    def forward(
        ctx: Any, compute: Callable[..., tuple[Tensor, Gradients]], group: dist.ProcessGroup | None,
        a: Tensor, b: Tensor, scale: Tensor, bias: Tensor | None,
    ) -> Tensor:  # fmt: skip
        loss, gradients = compute(_Batch(a, b, group), scale, bias)
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> Any:
        return None, None, *(None if g is None else g * outer[0] for g in ctx.saved_tensors)


class _Batch:
    """Rows of this process, all columns, and sums over the processes."""

    def __init__(self, a: Tensor, b: Tensor, group: dist.ProcessGroup | None):
        self.a, self.b, self.group = a, b, group
        self.type = torch.promote_types(a.dtype, torch.float32)  # of sums, also where a and b are in half precision
        ranks = dist.get_world_size(group) if group is not None else 1
        self.first = dist.get_rank(group) * len(a) if group is not None else 0
        self.columns = b
        if group is not None:
            gathered = [torch.empty_like(b) for _ in range(ranks)]
            dist.all_gather(gathered, b.contiguous(), group=group)
            self.columns = torch.cat(gathered)  # [N, D]
        self.size = len(self.columns)

    def tiles(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Slices of rows, their cosines [rows, N], and which column is each row's own [rows]. The buffer is reused."""
        rows = max(1, CHUNK_ELEMENTS // self.size)
        buffer = self.a.new_empty(rows, self.size)
        own = torch.arange(self.first, self.first + len(self.a), device=self.a.device)
        for start in range(0, len(self.a), rows):
            some = slice(start, min(start + rows, len(self.a)))
            tile = buffer[: some.stop - some.start]
            torch.mm(self.a[some], self.columns.T, out=tile)
            yield some, tile.to(self.type), own[some]

    def sum(self, x: Tensor, op: Any = dist.ReduceOp.SUM) -> Tensor:
        """`x` added up over the processes, in place."""
        if self.group is not None:
            dist.all_reduce(x, op, group=self.group)
        return x

    def collector(self) -> "_Collector":
        return _Collector(self)


class _Collector:
    """Gradients of a and b from those of the cosines, tile by tile."""

    def __init__(self, batch: _Batch):
        self.batch = batch
        self.a = torch.empty(batch.a.shape, dtype=batch.a.dtype, device=batch.a.device)
        self.columns = torch.zeros(batch.columns.shape, dtype=batch.type, device=batch.a.device)

    def add(self, some: slice, tile: Tensor) -> None:
        """tile: gradient of the cosines of rows `some`, [rows, N]."""
        batch = self.batch
        tile = tile.to(batch.a.dtype)
        torch.mm(tile, batch.columns, out=self.a[some])
        if self.columns.dtype == tile.dtype:
            self.columns.addmm_(tile.T, batch.a[some])
        else:
            self.columns += tile.T @ batch.a[some]

    def done(self) -> tuple[Tensor, Tensor]:
        batch = self.batch
        columns = batch.sum(self.columns)[batch.first : batch.first + len(batch.b)]
        return self.a, columns.to(batch.b.dtype)


def _info_nce(batch: _Batch, scale: Tensor, _: None) -> tuple[Tensor, Gradients]:
    size, kind = batch.size, batch.type
    factor = scale.detach().to(kind)
    rows = torch.empty(len(batch.a), dtype=kind, device=batch.a.device)  # log-sum-exp of each row
    own = torch.zeros((), dtype=kind, device=batch.a.device)
    highest = torch.full((size,), -torch.inf, dtype=kind, device=batch.a.device)  # of each column
    spread = torch.zeros(size, dtype=kind, device=batch.a.device)  # sum of exp(S - highest)
    for some, tile, diagonal in batch.tiles():
        tile *= factor
        own += tile.gather(1, diagonal[:, None]).sum()
        higher = torch.maximum(highest, tile.amax(0))
        spread *= (highest - higher).exp()
        highest = higher
        rows[some] = tile.logsumexp(1)
        spread += tile.sub_(highest).exp_().sum(0)
    # What the processes saw of a column is put together.
    everywhere = batch.sum(highest.clone(), dist.ReduceOp.MAX)
    spread = batch.sum(spread * (highest - everywhere).exp())
    columns = everywhere + spread.log()  # [N]
    share = batch.sum(rows.sum() / 2 - own)
    loss = (share + columns.sum() / 2) / size

    collector = batch.collector()
    by_scale = torch.zeros((), dtype=kind, device=batch.a.device)
    for some, tile, diagonal in batch.tiles():
        # d loss / d S = (softmax over the row + softmax over the column) / 2 N, less 1 / N at the pair itself
        logits = tile * factor
        slope = (logits - rows[some, None]).exp_()
        slope += logits.sub_(columns).exp_()
        slope.div_(2 * size)
        slope.scatter_add_(1, diagonal[:, None], slope.new_full((len(slope), 1), -1 / size))
        by_scale += (slope * tile).sum()
        collector.add(some, slope.mul_(factor))
    by_a, by_b = collector.done()
    return loss.to(scale.dtype), (by_a, by_b, by_scale.to(scale.dtype), None)


def _sigmoid(batch: _Batch, scale: Tensor, bias: Tensor) -> tuple[Tensor, Gradients]:
    size, kind = batch.size, batch.type
    factor, shift = scale.detach().to(kind), bias.detach().to(kind)
    loss, by_scale, by_bias = (torch.zeros((), dtype=kind, device=batch.a.device) for _ in range(3))
    collector = batch.collector()
    for some, tile, diagonal in batch.tiles():
        logits = tile * factor + shift
        place = diagonal[:, None]
        # -log sigmoid(-s) for all, as if no pair belonged together; then the pairs that do are put right.
        pairs = logits.gather(1, place)
        loss += F.softplus(logits).sum() - pairs.sum()  # softplus(-s) = softplus(s) - s
        slope = logits.sigmoid_().div_(size)
        slope.scatter_add_(1, place, slope.new_full((len(slope), 1), -1 / size))
        by_scale += (slope * tile).sum()
        by_bias += slope.sum()
        collector.add(some, slope.mul_(factor))
    by_a, by_b = collector.done()
    loss = batch.sum(loss / size)
    return loss.to(scale.dtype), (by_a, by_b, by_scale.to(scale.dtype), by_bias.to(bias.dtype))

"""Batches made ahead of the training by other processes: an accelerator learns from one faster than one core makes it.

A batch depends on nothing but its place in the data (`feeding.py`), so the training is the same with any number of
workers; only where all of a batch is damaged, workers give the next one twice.
"""

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset

from trenza.align.feeding import Feed
from trenza.errors import TrainingError, TrenzaError
from trenza.systems.examples import Example

EACH = 4  # batches that a worker is ahead


class Steps(Dataset):
    """The batch of each step, as `lay` lays it out."""

    def __init__(self, feed: Feed, lay: Callable[[list[Example]], Any]):
        self.feed, self.lay = feed, lay

    def __getitem__(self, step: int) -> Any:
        self.feed.loader.position = step * self.feed.loader.batch
        try:
            return self.lay(next(iter(self.feed)))
        except TrenzaError as error:
            return error  # raised where the training is: what a worker raises comes with its traceback


def batches(feed: Feed, lay: Callable[[list[Example]], Any], workers: int, first: int, steps: int) -> Iterator[Any]:
    """The batches from step `first` to before `steps`, in order. `feed.loader` stands behind the last one given.

    Raises TrainingError when a worker was killed.
    """
    if not workers:
        yield from map(lay, feed)
        return
    # Workers are forked, so that they share what is loaded; they touch no accelerator.
    made = DataLoader(
        Steps(feed, lay), batch_size=None, sampler=range(first, steps), num_workers=workers, prefetch_factor=EACH,
        multiprocessing_context="fork",
    )  # fmt: skip
    try:
        for step, batch in enumerate(made, first):
            if isinstance(batch, TrenzaError):
                raise batch
            feed.loader.position = (step + 1) * feed.loader.batch
            yield batch
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            f"a process that makes batches ended ({str(error).splitlines()[0]}); mostly memory was short: lower workers"
        ) from error

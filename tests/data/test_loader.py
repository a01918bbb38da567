"""The mixing loader: every sample once an epoch, the same row for any number of workers, exact after a stop."""

import json
from collections import Counter

import pytest

from trenza.data.loader import Loader, Order, Source
from trenza.data.shards import write_members
from trenza.errors import DataError, UsageError


def shard(path, count, name):
    write_members(path, ((f"{name}{i:04d}", {"txt": str(i).encode()}) for i in range(count)))
    return path


@pytest.fixture
def sources(tmp_path):
    return [Source(shard(tmp_path / "a.tar", 37, "a")), Source(shard(tmp_path / "b.tar", 11, "b"))]


def key(record):
    record.read()
    return record.key


def keys(loader, batches=None):
    found = []
    for number, batch in enumerate(loader, 1):
        found.append(batch)
        if number == batches:
            break
    return found


def test_every_sample_comes_once_an_epoch(sources):
    seen = [k for batch in keys(Loader(sources, 5, epochs=3, decode=key)) for k in batch]
    assert len(seen) == 3 * 48
    for epoch in range(3):
        assert len(set(seen[48 * epoch : 48 * (epoch + 1)])) == 48
    assert seen[:48] != seen[48:96]


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_ranks_share_an_epoch_without_overlap(sources, ranks):
    """Each takes every n-th place; together they have what one alone would have had."""
    alone = [k for batch in keys(Loader(sources, 4, epochs=1, decode=key)) for k in batch]
    shared = [
        [k for batch in keys(Loader(sources, 4, rank=r, ranks=ranks, epochs=1, decode=key)) for k in batch]
        for r in range(ranks)
    ]
    assert [alone[r::ranks] for r in range(ranks)] == shared


def test_workers_change_nothing(sources):
    one = keys(Loader(sources, 5, seed=3, epochs=2, decode=key))
    assert keys(Loader(sources, 5, seed=3, epochs=2, workers=2, decode=key)) == one
    assert keys(Loader(sources, 5, seed=4, epochs=2, decode=key)) != one


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stopped_loader_goes_on_at_the_very_sample(sources, workers):
    whole = keys(Loader(sources, 5, epochs=4, decode=key))
    first = Loader(sources, 5, epochs=4, workers=workers, decode=key)
    before = keys(first, 13)  # in the second epoch
    state = json.loads(json.dumps(first.state()))
    second = Loader(sources, 5, epochs=4, workers=workers, decode=key)
    second.restore(state)
    assert before + keys(second) == whole


def test_more_ranks_go_on_where_one_was(sources):
    alone = [k for batch in keys(Loader(sources, 4, epochs=1, decode=key)) for k in batch]
    first = Loader(sources, 4, epochs=1, decode=key)
    begun = [k for batch in keys(first, 3) for k in batch]
    pair = [Loader(sources, 2, rank=r, ranks=2, epochs=1, decode=key) for r in (0, 1)]
    for loader in pair:
        loader.restore(first.state())
    rest = [[k for batch in keys(loader) for k in batch] for loader in pair]
    assert begun == alone[:12] and rest == [alone[12 + r :: 2][: len(rest[r])] for r in (0, 1)]
    assert sum(map(len, rest)) >= len(alone) - 13
    with pytest.raises(UsageError, match="12 samples were given, which 5 ranks can't share"):
        Loader(sources, 4, rank=0, ranks=5).restore(first.state())


def test_weights_set_the_shares_and_a_source_still_goes_through_all_its_samples(sources):
    mixed = [Source(sources[0].path, 1), Source(sources[1].path, 3)]
    seen = [k for batch in keys(Loader(mixed, 4, epochs=5, decode=key)) for k in batch]
    counts = Counter(k[0] for k in seen)
    assert counts["b"] == 3 * counts["a"]
    small = [k for k in seen if k[0] == "b"]
    assert all(len(set(small[i : i + 11])) == 11 for i in range(0, len(small) - 10, 11))


def test_broken_samples_are_named_counted_and_skipped(tmp_path):
    path = shard(tmp_path / "a.tar", 20, "a")
    path.write_bytes(path.read_bytes()[:9000])

    def strict(record):
        if record.key == "a0003":
            raise DataError("is odd")
        return key(record)

    loader = Loader([Source(path)], 4, epochs=1, decode=strict)
    seen = [k for batch in keys(loader) for k in batch]
    assert "a0003" not in seen and len(seen) == loader.position - 1
    assert any("a0003" in b.key and b.reason == "is odd" for b in loader.broken)
    assert any("cut short" in b.reason or "end of" in b.reason for b in loader.broken)


def test_clear_errors(sources, tmp_path):
    with pytest.raises(UsageError, match="above 0"):
        Order([3], [0.0], 0)
    with pytest.raises(UsageError, match="ranks count from 0"):
        Loader(sources, 4, rank=2, ranks=2)
    with pytest.raises(UsageError, match="seed was 0 and is 1"):
        Loader(sources, 4, seed=1).restore(Loader(sources, 4).state())
    with pytest.raises(DataError, match="no sample"):
        Loader([Source(shard(tmp_path / "none.tar", 0, "x"))], 4)

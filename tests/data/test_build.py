"""Builds: the same bytes every time, resumed where they stopped, broken samples counted and never silent."""

import json
from functools import partial

import numpy as np
import pytest

from trenza.data import build as building
from trenza.data.build import Plan, build
from trenza.data.corpora.entries import Corpus, Entry, png
from trenza.data.corpora.registry import CORPORA
from trenza.data.formats import read
from trenza.data.samples import Pair
from trenza.errors import DataError, UsageError

MADE = []


def toy(number):
    MADE.append(number)
    if number == 7:
        raise DataError(f"{building.cache_dir()}/toy/7.png is torn")
    pixels = np.full((4, 4, 3), number, np.uint8)
    return Pair(f"toy/{number}", png(pixels), f"grey {number}", "en", "toy", "CC0", "train")


@pytest.fixture
def plan(monkeypatch):
    def entries(languages):
        return (Entry(f"toy/{n}", partial(toy, n)) for n in range(25 if "en" in languages else 0))

    monkeypatch.setitem(CORPORA, "toy", Corpus("toy", "CC0", entries))
    monkeypatch.setattr(building, "PER_SHARD", 10)
    building._entries.cache_clear()
    MADE.clear()
    return Plan(("toy",))


def test_two_builds_are_the_same_byte_for_byte(plan, tmp_path):
    for name in ("one", "two"):
        build(plan, tmp_path / name, workers=1)
    files = sorted(p.name for p in (tmp_path / "one").glob("[!.]*"))
    assert files == ["manifest.json", "toy-00000.tar", "toy-00001.tar", "toy-00002.tar"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_manifest_counts_what_is_there_and_names_what_is_broken(plan, tmp_path):
    manifest = build(plan, tmp_path / "out", workers=1)
    kept = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert kept == json.loads(json.dumps(manifest))
    toy = manifest["corpora"]["toy"]
    assert toy["samples"] == manifest["samples"] == 24 and toy["licence"] == "CC0"
    assert toy["counts"]["split"] == {"train": 24} and toy["counts"]["medium"] == {"image": 24}
    assert toy["broken"] == [{"key": "toy: toy/7", "reason": "CACHE/toy/7.png is torn"}]
    assert [p.text for p in read(tmp_path / "out")] == [f"grey {n}" for n in range(25) if n != 7]


def test_a_stopped_build_goes_on_where_it_was(plan, tmp_path, monkeypatch):
    whole = build(plan, tmp_path / "whole", workers=1)
    MADE.clear()

    def stopped(task, notes, make=building._make):
        if task.start == 10:
            raise KeyboardInterrupt
        make(task, notes)

    with monkeypatch.context() as patch:
        patch.setattr(building, "_make", stopped)
        with pytest.raises(KeyboardInterrupt):
            build(plan, tmp_path / "out", workers=1)
    assert not (tmp_path / "out" / "manifest.json").exists()
    (tmp_path / "out" / ".toy-00001.tar.1.partial").write_bytes(b"half")
    MADE.clear()
    assert build(plan, tmp_path / "out", workers=1) == whole
    assert list(range(10, 25)) == MADE
    assert not list((tmp_path / "out").glob(".*.partial"))


def test_a_damaged_shard_is_made_again(plan, tmp_path):
    build(plan, tmp_path / "out", workers=1)
    shard = tmp_path / "out" / "toy-00001.tar"
    good = shard.read_bytes()
    shard.write_bytes(good[:-600])
    MADE.clear()
    build(plan, tmp_path / "out", workers=1)
    assert shard.read_bytes() == good and list(range(10, 20)) == MADE


def test_a_folder_is_of_one_build(plan, tmp_path):
    build(plan, tmp_path / "out", workers=1)
    with pytest.raises(UsageError, match="holds another build"):
        build(Plan(("toy",), ("en",)), tmp_path / "out", workers=1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("do not touch")
    with pytest.raises(UsageError, match="holds no build"):
        build(plan, tmp_path / "other", workers=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("nowhere",),), "'nowhere' is unknown; known: stamps"),
        ((("stamps", "stamps"),), "each corpus once"),
        (((),), "at least one"),
        ((("worlds",),), "--items"),
        ((("stamps",), ("en",), 8), "--items"),
        ((("worlds",), ("en",), 8, 0, "test"), "split 'test' is unknown; known: train"),
    ],
)
def test_bad_plans_get_one_clear_error(arguments, message):
    with pytest.raises(UsageError, match=message):
        Plan(*arguments)


def test_a_corpus_without_the_language_is_said_before_anything_is_written(plan, tmp_path):
    with pytest.raises(UsageError, match="nothing in es"):
        build(Plan(("toy",), ("es",)), tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_worlds_are_the_same_by_one_process_and_by_two(tmp_path):
    plan = Plan(("worlds",), items=6000, seed=5)
    one, two = (build(plan, tmp_path / str(n), workers=n) for n in (1, 2))
    assert one == two and one["samples"] == 6000

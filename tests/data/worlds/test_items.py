"""Items are the same bytes every time, whole, and twins of each other."""

import json
from dataclasses import replace

import pytest

from trenza.conversation import Box, Span
from trenza.data.samples import CAPABILITIES, Item
from trenza.data.worlds import build
from trenza.data.worlds import phrases as words
from trenza.data.worlds.asking import ITEMS_PER_WORLD
from trenza.data.worlds.phrases import languages, phrases
from trenza.data.worlds.stock import SPLITS, Stock
from trenza.errors import DataError, UsageError
from trenza.signals import decode

FAMILIES = build.families("train")
SECONDS = {"audio": 4.0, "video": 3.0}


@pytest.fixture(scope="module")
def some(stock):
    """Two worlds of each family."""
    return [
        item for number, family in enumerate(FAMILIES) for part in (0, 1)
        for item in build.world_items(2 * number + part, 7, stock=stock, family=family)
    ]  # fmt: skip


def test_the_same_call_gives_the_same_bytes(stock):
    one, two = (list(build.items_range(0, 160, 5, stock=stock)) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f"{f.__module__.split('.')[-1]}.{f.__name__}")
def test_every_family_is_the_same_twice(stock, family):
    assert build.world_items(1, 2, stock=stock, family=family) == build.world_items(1, 2, stock=stock, family=family)


def test_ranges_join_to_the_whole(stock):
    whole = list(build.items_range(0, 50, 5, stock=stock))
    pieces = [i for a, b in ((0, 8), (8, 27), (27, 28), (28, 50)) for i in build.items_range(a, b, 5, stock=stock)]
    assert [i.key for i in whole] == [i.key for i in pieces]
    assert whole == pieces
    assert len({i.key for i in whole}) == 50


def test_other_seeds_and_splits_give_other_worlds(stock):
    media = [
        {m.sha256 for i in build.items_range(0, 80, seed, split, stock=stock) for m in i.media}
        for seed, split in ((1, "train"), (2, "train"), (1, "test_seed"))
    ]
    assert not media[0] & media[1] and not media[0] & media[2]


def test_twins_point_to_each_other_and_differ_in_answer_and_media_only(some):
    by_key = {i.key: i for i in some}
    assert len(by_key) == len(some)
    for item in some:
        twin = by_key[item.twin]
        assert twin.twin == item.key != twin.key
        assert twin.answer != item.answer and twin.media != item.media
        assert (twin.question, twin.choices, twin.capability) == (item.question, item.choices, item.capability)
        assert (twin.language, twin.split) == (item.language, item.split)


def test_items_are_whole(some):
    assert {i.capability for i in some} == set(CAPABILITIES)
    assert {i.language for i in some} == {"en", "es"}
    for item in some:
        assert item.answer in item.choices and len(set(item.choices)) == len(item.choices) >= 2
        assert "{" not in item.question
        assert item.evidence
        assert len(item.truth["media"]) == len(item.media)
        for evidence in item.evidence:
            kind = item.media[evidence.part].kind
            if isinstance(evidence.where, Span):
                assert evidence.where.end <= SECONDS[kind] + 1e-6
            else:
                assert isinstance(evidence.where, Box) and kind in ("image", "video")


def test_items_survive_their_json(some):
    for item in some[::5]:
        assert Item.from_json(item.to_json(), item.media) == item


def test_media_decode_at_256_pixels(some):
    for item in some[::9]:
        for medium in item.media:
            signal = decode(medium.data)
            if medium.kind != "audio":
                shape = signal.pixels.shape if medium.kind == "image" else signal.frames.shape[1:]
                assert shape == (256, 256, 3)


def test_names_of_things_are_in_the_language_of_the_item(stock):
    for item in build.items_range(0, 240, 1, stock=stock):
        for truth in item.truth["media"]:
            for thing in truth.get("objects", []):
                assert thing["name"].endswith("s") == (item.language == "es")


def test_all_languages_have_the_same_keys():
    assert {"en", "es"} <= set(languages())
    english = phrases("en").document
    for language in languages():
        document = phrases(language).document
        for part in ("questions", "words", "lists", "colours"):
            assert document[part].keys() == english[part].keys()
        for part in ("lists", "colours"):
            assert all(len(document[part][k]) > 0 for k in english[part])
        assert len(document["buttons"]) == len(english["buttons"])


@pytest.mark.parametrize("split", [s for s in SPLITS if s not in ("train", "test_seed")])
def test_splits_about_things_ask_about_things_only(stock, split):
    assert all("fields" not in t and "elements" not in t
               for i in build.items_range(0, 80, 1, split, stock=stock) for t in i.truth["media"])  # fmt: skip


def test_bad_calls_get_one_clear_error(stock):
    with pytest.raises(UsageError, match="split 'dev' is unknown"):
        list(build.items_range(0, 1, 0, "dev", stock=stock))
    with pytest.raises(UsageError, match="no range"):
        list(build.items_range(5, 3, 0, stock=stock))
    with pytest.raises(DataError, match="no phrases for language 'xx'"):
        list(build.items_range(0, 1, 0, stock=stock, languages=("xx",)))
    with pytest.raises(DataError, match="too few"):
        poor = Stock(stock.things[:1], (), stock.say)
        list(build.items_range(0, 400, 0, "test_combination", stock=poor))


def test_worlds_are_of_one_size(stock):
    assert all(len(build.world_items(n, 0, stock=stock)) == ITEMS_PER_WORLD for n in range(30))


def test_a_file_of_phrases_is_all_a_new_language_needs(stock, tmp_path, monkeypatch):
    document = phrases("en").document
    pidgin = document | {"questions": {k: [f"zz {q}" for q in v] for k, v in document["questions"].items()}}
    (tmp_path / "zz.json").write_text(json.dumps(pidgin))
    monkeypatch.setattr(words, "FOLDER", tmp_path)
    named = tuple(replace(t, names=dict(t.names) | {"zz": t.names["en"] + "zz"}) for t in stock.things)
    made = list(build.items_range(0, 80, 0, stock=replace(stock, things=named), languages=("zz",)))
    assert all(i.language == "zz" and i.question.startswith("zz ") for i in made)
    assert any(o["name"].endswith("zz") for i in made for t in i.truth["media"] for o in t.get("objects", []))

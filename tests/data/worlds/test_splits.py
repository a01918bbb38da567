"""The splits: what training never shows, and no picture of one split in another, nor nearly."""

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image as Pillow

from trenza.data.corpora.pictures import UNSEEN_STYLE
from trenza.data.worlds import build, pictures
from trenza.data.worlds.sources import kind
from trenza.data.worlds.stock import SPLITS, Chooser, held_out

ENGLISH = ("en",)
EVERY_PICTURE = [f for f in build.families("test_style") if f.__module__ == pictures.__name__]


def shown(made):
    """(names, colours by name) of each picture or film."""
    for item in made:
        for truth in item.truth["media"]:
            if things := truth.get("objects"):
                yield [t["name"] for t in things], {(t["name"], t["colour"]) for t in things if t.get("colour")}


def scenes(stock, split: str, worlds: int = 60):
    for number in range(worlds):
        yield from build.world_items(
            number, 3, split, stock, ENGLISH, family=EVERY_PICTURE[number % len(EVERY_PICTURE)]
        )


@pytest.mark.parametrize("split", ["train", "test_seed"])
def test_training_never_shows_a_held_out_pair(stock, split):
    for names, colours in shown(scenes(stock, split)):
        assert not any(held_out(a, b) for a in names for b in names if a != b)
        assert not any(held_out(name, colour) for name, colour in colours)


def test_a_fifth_of_all_pairs_is_held_out_whatever_their_order(stock):
    names = [t.names["en"] for t in stock.things]
    share = np.mean([held_out(a, b) for a in names for b in names if a < b])
    assert 0.17 < share < 0.23
    assert all(held_out(a, b) == held_out(b, a) for a, b in pairwise(names))


def test_the_combination_split_asks_about_held_out_pairs(stock):
    for number in range(40):
        for item in build.world_items(number, 3, "test_combination", stock, ENGLISH, family=pictures.swapped):
            asked = [t["name"] for t in item.truth["media"][0]["objects"] if t["name"] in item.question]
            if len(asked) == 2:
                assert held_out(*asked)
        for item in build.world_items(number, 3, "test_combination", stock, ENGLISH, family=pictures.recoloured):
            things = item.truth["media"][0]["objects"]
            assert all(held_out(t["name"], t["colour"]) for t in things[:2])


def test_the_rule_is_one_over_all_languages(stock):
    chooser = Chooser(stock, "train", "es", np.random.default_rng(0))
    for _ in range(50):
        things = chooser.things_apart(3, anchored=2)
        assert not any(held_out(a.names["en"], b.names["en"]) for a in things for b in things if a is not b)


def fingerprint(data: bytes) -> np.ndarray:
    """Difference hash over 16 x 16 cells of the three colours, bool [768]."""
    small = np.asarray(Pillow.open(io.BytesIO(data)).convert("RGB").resize((17, 16)), float)
    return (np.diff(small, axis=1) > 0).ravel()


def nearest(one: list, other: list) -> float:
    """Smallest share of differing bits between a picture of `one` and one of `other`."""
    a, b = (np.stack(pictures_).astype(np.float32) for pictures_ in (one, other))
    return float(((a @ (1 - b).T + (1 - a) @ b.T) / a.shape[1]).min())


def overlap(stocks: dict, worlds: int) -> tuple[set, float]:
    """Media shared by any two splits, and the distance of their nearest pictures."""
    hashes, prints = {}, {}
    for split, stock in stocks.items():
        made = [i for n in range(worlds) for i in build.world_items(n, 3, split, stock, family=EVERY_PICTURE[n % 6])]
        hashes[split] = {m.sha256 for i in made for m in i.media}
        prints[split] = [fingerprint(d) for d in {i.media[0].data for i in made}]
    pairs = [(a, b) for a in stocks for b in stocks if a < b]
    return set().union(*(hashes[a] & hashes[b] for a, b in pairs)), min(nearest(prints[a], prints[b]) for a, b in pairs)


def test_no_split_shares_a_picture_with_another_nor_nearly(stock):
    shared, distance = overlap(dict.fromkeys(SPLITS, stock), 24)
    assert not shared
    assert distance > 0.02


def test_the_near_duplicate_search_finds_one(stock):
    picture = build.world_items(0, 3, stock=stock, family=pictures.swapped)[0].media[0]
    file = io.BytesIO()
    Pillow.open(io.BytesIO(picture.data)).resize((200, 200)).save(file, "JPEG", quality=60)
    assert nearest([fingerprint(picture.data)], [fingerprint(file.getvalue())]) < 0.02


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_splits_of_the_real_stock_hold_their_rules():
    stocks = {split: build.stock_of(split, build.LANGUAGES) for split in SPLITS}
    keys = {split: {t.key for t in stock.things} for split, stock in stocks.items()}
    names = {split: {t.names["en"] for t in stock.things} for split, stock in stocks.items()}
    assert all(t.style == UNSEEN_STYLE for t in stocks["test_style"].things)
    assert not any(t.style == UNSEEN_STYLE for t in stocks["train"].things)
    assert not keys["train"] & (keys["test_style"] | keys["test_object"])
    assert not {kind(n) for n in names["train"]} & {kind(n) for n in names["test_object"]}
    assert len(keys["test_object"]) > 30 and len(keys["train"]) > 1500
    for found, colours in shown(i for n in range(200) for i in build.world_items(n, 9, languages=ENGLISH)):
        assert not any(held_out(a, b) for a in found for b in found if a != b)
        assert not any(held_out(name, colour) for name, colour in colours)
    shared, distance = overlap(stocks, 60)
    assert not shared and distance > 0.02


@pytest.mark.slow
def test_a_real_world_is_the_same_twice_with_and_without_spoken_clips_in_the_cache():
    one, two = (list(build.items(400, 77)) for _ in range(2))
    assert one == two


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS)
def test_every_split_yields_items_without_end(split):
    assert sum(1 for _ in build.items(1200, 5, split)) == 1200

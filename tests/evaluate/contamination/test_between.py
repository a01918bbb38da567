"""Hits between a training set and a test: planted ones are found and shown side by side, siblings are not."""

import io
import json

import numpy as np
import pytest
from PIL import Image as Pillow

from trenza.data.files import Broken
from trenza.data.formats import webdataset
from trenza.data.quality import fingerprint
from trenza.data.samples import Item, Media, Pair
from trenza.evaluate.contamination import between, texts
from trenza.evaluate.contamination.looking import samples_of
from trenza.messages import _float_wav

RNG = np.random.default_rng(0)


def blobs(seed: int) -> Pillow.Image:
    """A picture of soft shapes, unlike any other seed's."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (5, 5, 3), np.uint8)
    return Pillow.fromarray(small).resize((120, 90), Pillow.Resampling.BICUBIC)


def coded(picture: Pillow.Image, form: str = "PNG", **settings) -> Media:
    buffer = io.BytesIO()
    picture.save(buffer, form, **settings)
    return Media("image", "png" if form == "PNG" else "jpg", buffer.getvalue())


def melody(seed: int, seconds: float = 4.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * 16_000)) / 16_000
    notes = np.repeat(rng.uniform(200, 3000, (round(seconds * 8), 3)), 2000, 0)[: len(t)]  # struck 8 times a second
    struck = np.exp(-12 * (t % 0.125))
    return (0.1 * struck * np.sin(2 * np.pi * notes.T * t).sum(0)).astype("f4")


def sound(samples: np.ndarray) -> Media:
    return Media("audio", "wav", _float_wav(np.asarray(samples, np.float32)))


def pair(key: str, media: Media, text: str = "") -> Pair:
    return Pair(key, media, text, "en", "test", "CC0-1.0", "train")


def item(key: str, question: str, answer: str, *media: Media) -> Item:
    return Item(key, media, question, answer, "describe", "en", "test")


LONG = "the old lighthouse keeper counted seven grey seals asleep on the rocks below his window before the fog came in"


@pytest.fixture(scope="module")
def hits():
    train = [
        *(pair(f"clean{n}", coded(blobs(100 + n)), "a small red boat") for n in range(6)),
        *(pair(f"tune{n}", sound(melody(50 + n)), "a tune") for n in range(4)),
        pair("copy", coded(blobs(1)), "a copy"),
        pair("copy2", coded(blobs(1), compress_level=1), "a copy"),
        pair("smaller", coded(blobs(2).resize((96, 72)), "JPEG", quality=70), "smaller"),
        pair("louder", sound(melody(7) * 2 + RNG.normal(0, 0.004, 64_000)), "louder"),
        pair("text", coded(blobs(200)), f"{LONG} yesterday"),
        pair(
            "run", coded(blobs(201)), f"In a long story about many other things {LONG} and it goes on for quite a while"
        ),
    ]
    question = "What is shown in this picture that somebody took on holiday last year?"
    test = [
        item("same", question, "boat", coded(blobs(1))),
        item("near", question, "car", coded(blobs(2))),
        item("heard", "What is it?", "a tune", sound(melody(7)[20_011:52_000])),
        item("read", f"{LONG} today", "yes"),
        item("clean", question, "boat", coded(blobs(3)), sound(melody(8))),
    ]
    return between(train, test, workers=1)


def test_each_planted_hit_is_found_and_nothing_else(hits):
    found = {(hit.kind, hit.test, hit.train) for hit in hits}
    assert found == {
        ("same medium", "same", "copy"), ("near medium", "near", "smaller"), ("same recording", "heard", "louder"),
        ("near text", "read", "text"), ("shared run", "read", "text"),
    }  # fmt: skip


def test_hits_are_ranked_counted_and_shown_side_by_side(hits):
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True) and scores[0] == 1
    by_kind = {hit.kind: hit for hit in hits}
    assert by_kind["same medium"].others == 1  # copy2
    assert by_kind["shared run"].others == 1 and "lighthouse keeper counted" in by_kind["shared run"].reason
    near = by_kind["near medium"]
    assert near.shown_test.text.startswith("What is shown") and near.shown_train.text == "smaller"
    for side in (near.shown_train, near.shown_test, by_kind["same recording"].shown_test):
        [picture] = side.media
        assert picture.startswith("data:image/jpeg;base64,")
    assert json.loads(json.dumps([hit.to_json() for hit in hits]))[0]["shown_train"]["media"]


def test_an_embedding_finds_what_pixels_do_not_show():
    """The embedding is told which drawing shows what: two of one thing are close, all else is far."""
    train = [pair(f"t{n}", coded(blobs(300 + n)), f"drawing {n}") for n in range(8)]
    test = [item(f"e{n}", "What?", "x", coded(blobs(400 + n))) for n in range(5)]
    axis = {m.sha256: n for n, m in enumerate([p.media for p in train] + [i.media[0] for i in test])}

    def embed(media: Media) -> np.ndarray:
        number = axis[media.sha256]
        vector = np.eye(16)[number]
        return np.eye(16)[3] + 0.1 * vector if number == 8 + 2 else vector  # e2 is drawn as t3

    hits = between(train, test, workers=1, embed=embed)
    assert [(h.kind, h.train, h.test) for h in hits] == [("like medium", "t3", "e2")]


def test_data_sets_on_disk_are_read_and_what_is_broken_is_told(tmp_path):
    same = coded(blobs(1))
    webdataset.write(tmp_path / "train", [pair("a", same, "a"), pair("b", coded(blobs(5)), "b")])
    files = [{"file": shard.name} for shard in (tmp_path / "train").glob("*.tar")]
    (tmp_path / "train" / "manifest.json").write_text(json.dumps({"shards": files}))
    test = [item("q", "What?", "boat", same, Media("image", "png", b"nonsense")), Broken("lost", "no file")]
    broken: list[Broken] = []
    hits = between(tmp_path / "train" / "manifest.json", test, workers=1, broken=broken)
    assert [(h.kind, h.train, h.test) for h in hits] == [("same medium", "a", "q")]
    assert [b.key for b in broken] == ["lost"]


def test_templates_of_the_test_and_short_texts_are_no_hits():
    question = "Is there a red ball to the left of the blue cube that stands beside the green cone or not?"
    test = [f"{question} yes"] * 3 + ["a small red boat"]
    assert list(texts.near([f"{question} no", "a small red boat"], test)) == []
    assert list(texts.runs([f"{question} no"], test)) == []
    assert list(texts.near([f"{question} no"], [f"{question} yes"]))  # asked once, it is one


def test_texts_without_spaces_between_words_are_compared_too():
    story = "昔々あるところにおじいさんとおばあさんが住んでいました"
    [(i, j, run)] = texts.runs([f"本文：{story}。終わり"], [story])
    assert (i, j, len(run.split())) == (0, 0, len(story))


def test_runs_are_as_long_as_they_are():
    numbers = " ".join(map(str, range(100, 140)))
    [(_, _, run)] = texts.runs([f"x {numbers} y"], [f"z {numbers} w"])
    assert run == numbers
    assert list(texts.runs([" ".join(map(str, range(12)))], [" ".join(map(str, range(12)))])) == []  # 12 words


def test_similarity_of_texts_is_the_exact_jaccard():
    one, other = "a b c d e f g h i j", "a b c d e f g h i k"
    assert list(texts.near([one], [other])) == [(0, 0, pytest.approx(5 / 7))]


def test_fingerprints_know_a_recording_again_and_no_other():
    tunes = [melody(seed) for seed in range(12)]
    marks = [fingerprint.landmarks(tune) for tune in tunes]
    changed = {
        "cut": lambda x: x[13_337:45_000],
        "quiet": lambda x: x * 0.05,
        "noisy": lambda x: x + RNG.normal(0, x.std() / 10, len(x)),
    }
    for name, change in changed.items():
        again = [fingerprint.landmarks(np.asarray(change(tune), np.float32)) for tune in tunes]
        found = {(i, j) for i, j, _ in fingerprint.same(again, marks)}
        assert found == {(i, i) for i in range(12)}, name
    for odd in (np.zeros(16_000, "f4"), np.ones(3, "f4"), np.full(5000, np.finfo("f4").max / 2, "f4")):
        assert not list(fingerprint.same([fingerprint.landmarks(odd)], marks))


def test_samples_of_one_key_are_two_samples():
    train = [pair("k", coded(blobs(9))), Broken("k", "gone"), pair("k", coded(blobs(1)))]
    assert [name for name, _ in samples_of(train)] == ["k", "k#2"]

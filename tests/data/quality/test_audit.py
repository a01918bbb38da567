"""The audit finds what was planted, each fault in its own list, and leaves good samples alone."""

import io
import json
import wave
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow

from trenza.data.formats import FORMATS, read
from trenza.data.formats.folder import write
from trenza.data.quality import page
from trenza.data.quality.audit import audit
from trenza.data.quality.report import CATEGORIES
from trenza.data.quality.texts import private, problems
from trenza.data.samples import Item, Media, Pair
from trenza.errors import DataError

NOUNS = [
    "apple",
    "boat",
    "castle",
    "dragon",
    "eagle",
    "forest",
    "guitar",
    "house",
    "island",
    "jacket",
    "kettle",
    "lamp",
    "mountain",
    "needle",
    "onion",
]


def drawing(seed: int) -> np.ndarray:
    """Shapes on a shaded ground: no two seeds are alike."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:1:160j, 0:1:160j]
    pixels = np.repeat((rng.random() * x + rng.random() * y)[..., None] * 90, 3, axis=2) + 60
    for _ in range(7):
        cx, cy, r = rng.random(), rng.random(), 0.08 + 0.25 * rng.random()
        pixels[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = rng.integers(0, 256, 3)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def coded(pixels: np.ndarray, form: str = "PNG", **options) -> Media:
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, form, **options)
    return Media("image", {"PNG": "png", "JPEG": "jpg"}[form], buffer.getvalue())


def tone(pitch: float, loudness: float = 0.5) -> Media:
    buffer = io.BytesIO()
    samples = np.sin(np.cumsum(np.linspace(pitch, 3 * pitch, 8000)) / 16_000 * 2 * np.pi) * loudness
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return Media("audio", "wav", buffer.getvalue())


def pair(key: str, media: Media, text: str) -> Pair:
    return Pair(key, media, text, "", "mine", "CC0", "")


def clean(count: int = 60) -> list[Pair]:
    said = [f"a {NOUNS[i % 15]} beside {NOUNS[(i * 4 + 3) % 15]} number {i}" for i in range(count)]
    return [pair(f"clean{i:03d}", coded(drawing(i)), text) for i, text in enumerate(said)]


@pytest.fixture(scope="module")
def planted() -> list[Pair]:
    good = clean()
    noise = np.random.default_rng(5).integers(0, 256, (160, 160, 3), np.uint8)
    return [
        *good,
        replace(good[0], key="copy"),
        pair("again", coded(drawing(1), "JPEG", quality=70), good[1].text),
        pair("small", coded(np.asarray(Pillow.fromarray(drawing(2)).resize((90, 90)))), good[2].text),
        pair("torn", Media("image", "png", coded(noise).data[:400]), "a torn page"),
        pair("white", coded(np.full((50, 50, 3), 255, np.uint8)), "a cat in the snow"),
        pair("silent", tone(200, 0.0), "a bell"),
        pair("loud", tone(200), "a siren that rises"),
        pair("loud2", tone(200, 0.35), "a rising siren"),
        pair("unsaid", coded(drawing(101)), ""),
        pair("named", coded(drawing(102)), "IMG_2043.jpg"),
        pair("sold", coded(drawing(103)), "royalty-free stock photo of a boat"),
        pair("mail", coded(drawing(104)), "a boat of jan.novak@example.org"),
        *(pair(f"bad{i}", coded(drawing(200 + i)), f"zxqvk {NOUNS[i]} golden violin") for i in range(5)),
    ]


@pytest.fixture(scope="module")
def report(planted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    write(folder, planted)
    (folder / "alone.png").write_bytes(planted[0].media.data)  # without a text
    return folder, audit(folder, workers=2)


def found(report, category: str) -> set[str]:
    return {key.split(".")[0] for f in report.findings[category] for key in f.files}


def test_each_fault_is_found_and_nothing_else(report):
    _, report = report
    assert found(report, "duplicates") == {"clean000", "copy"}
    assert found(report, "near_duplicates") == {"clean001", "again", "clean002", "small", "loud", "loud2"}
    assert found(report, "broken") == {"torn", "alone"}
    assert found(report, "blank") == {"white", "silent"}
    assert found(report, "text") == {"unsaid", "named", "sold"}
    assert found(report, "private") == {"mail"}
    assert found(report, "poison") == {f"bad{i}" for i in range(5)}
    assert "mismatch" in report.skipped and "overlap" in report.skipped


def test_the_json_has_every_list_with_files_score_and_reason(report):
    _, report = report
    document = json.loads(json.dumps(report.to_json()))
    for name in CATEGORIES:
        for finding in document[name]:
            assert finding["files"] and 0 <= finding["score"] <= 1 and finding["reason"]
    assert document["counts"]["duplicates"] == 1 and document["samples"] == 60 + 17 + 1
    assert document["summary"]["media"] == {"image": 74, "audio": 3}


def test_overlap_with_an_evaluation_set_is_found_in_any_coding(tmp_path):
    write(tmp_path / "train", clean(30))
    test = [pair("t0", coded(drawing(3)), "x"), pair("t1", coded(drawing(4), "JPEG", quality=80), "y")]
    write(tmp_path / "test", [*test, pair("t2", coded(drawing(900)), "z")])
    report = audit(tmp_path / "train", tmp_path / "test", workers=2)
    assert found(report, "overlap") == {"clean003", "clean004"}


def test_models_are_functions_handed_in(tmp_path):
    write(tmp_path / "in", clean(12))
    report = audit(
        tmp_path / "in", workers=2, score=lambda media, text: -3.0 if "number 7" in text else 1.0,
        read_text=lambda media: "card 4111 1111 1111 1111",
    )  # fmt: skip
    assert found(report, "mismatch") == {"clean007"} and len(found(report, "private")) == 12
    assert not report.skipped.keys() & {"mismatch", "text in pictures"}


def test_an_embedding_finds_what_only_a_model_sees(tmp_path):
    made = clean(12)
    upside_down = coded(drawing(3)[::-1].copy())
    pairs = [*made, replace(made[2], key="copy"), replace(made[3], key="flipped", media=upside_down)]
    write(tmp_path / "in", [*pairs, pair("heard", tone(200), "a siren that rises")])
    axes = {m.data: np.eye(12)[i] for i, m in enumerate(p.media for p in made)} | {upside_down.data: np.eye(12)[3]}
    report = audit(tmp_path / "in", workers=2, embed=lambda media: axes.get(media.data))
    assert found(report, "near_duplicates") == {"clean003", "flipped"}  # the copy is a duplicate, and no more
    assert found(report, "duplicates") == {"clean002", "copy"}
    assert "near duplicates by embedding" not in report.skipped


def test_a_torn_medium_is_reported_with_its_shard_and_key(tmp_path):
    FORMATS["webdataset"].write(tmp_path, [*clean(2), pair("torn", Media("image", "png", b"\x89PNG torn"), "torn")])
    (finding,) = audit(tmp_path, workers=1).findings["broken"]
    assert finding.files == ("torn",) and f"{tmp_path / '00000.tar'}: torn" in finding.reason


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_is_audited(name, tmp_path):
    pairs = clean(8)
    target = {"messages": "data.jsonl", "llava": "data.json"}.get(name, "data")
    FORMATS[name].write(tmp_path / target, [*pairs, replace(pairs[0], key="copy")])
    report = audit(tmp_path / target, workers=2)
    assert found(report, "duplicates") == {"clean000", "copy"} and report.samples == 9


def test_one_picture_asked_twice_or_named_in_two_languages_is_no_duplicate(tmp_path):
    picture = coded(drawing(1))
    one = Item("q1", (picture,), "What is it?", "a boat", "describe", "en", "train")
    pairs = [replace(pair("p1", picture, "a boat"), language="en"), replace(pair("p2", picture, "x"), language="es")]
    FORMATS["webdataset"].write(tmp_path / "d", [one, replace(one, key="q2", question="How many?"), *pairs])
    assert not audit(tmp_path / "d", workers=2).findings["duplicates"]


def test_keys_of_two_sources_may_be_the_same(tmp_path):
    first, second = clean(2)
    for number, sample in enumerate((first, replace(second, key=first.key, source="other"))):
        FORMATS["webdataset"].write(tmp_path / "d" / str(number), [sample])
        (tmp_path / "d" / str(number) / "00000.tar").rename(tmp_path / "d" / f"{number}.tar")
    report = audit(tmp_path / "d", workers=2)
    assert report.samples == 2 and page.write_filtered(report, tmp_path / "d", tmp_path / "kept") == 2


def test_the_filtered_copy_leaves_out_what_was_found_and_keeps_one_of_each(report, tmp_path):
    folder, report = report
    kept = page.write_filtered(report, folder, tmp_path / "kept")
    names = {s.key.split(".")[0] for s in read(tmp_path / "kept")}
    # Of a group the first in the order of names stays: "again" comes before "clean001".
    assert kept == len(names) and names == {f"clean{i:03d}" for i in range(60)} - {"clean001"} | {"again", "loud"}
    with pytest.raises(DataError, match="give a new name"):
        page.write_filtered(report, folder, tmp_path / "kept")


def test_the_page_is_whole_in_itself(report, tmp_path):
    folder, report = report
    page.write(report, folder, tmp_path / "audit.html")
    html = (tmp_path / "audit.html").read_text()
    assert "data:image/webp" in html and "zxqvk" in html and "http" not in html.replace("data:", "")
    for name in CATEGORIES:
        assert f'href="#{name}"' in html


def test_conditions_for_ci(report):
    _, report = report
    assert page.exceeded(report, ["duplicates>0", "broken>90%", "text>2"]) == [
        "duplicates>0 (1 of 78)", "text>2 (3 of 78)"
    ]  # fmt: skip
    with pytest.raises(DataError, match="names: duplicates"):
        page.exceeded(report, ["dup>0"])
    with pytest.raises(DataError, match="wasn't made"):
        page.exceeded(report, ["overlap>0"])


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to ana@uni.example", ["an e-mail address"]),
        ("call +34 600 123 456 now", ["a telephone number"]),
        ("card 4111 1111 1111 1111", ["a payment card's number"]),
        ("card 4111 1111 1111 1112", []),  # its check digit is wrong
        ("IBAN DE89 3704 0044 0532 0130 00", ["an IBAN"]),
        ("from 192.168.0.17", ["an IP address"]),
        ("key AKIAIOSFODNN7EXAMPLE", ["a secret key"]),
        ("123-45-6789", ["a US social security number"]),
        ("in 1984, 12 boats and 3.14 of 1,000,000 fish, ISBN 978-3-16-148410-0", []),
    ],
)
def test_private_data_is_known_by_its_form(text, kinds):
    assert private(text) == kinds


def test_texts_in_another_language_are_found():
    english = [f"a small {noun} stands beside the old wall of the garden" for noun in NOUNS]
    spanish = "una casa pequeña está al lado de la vieja muralla del jardín"
    reasons = [reason for reason, _ in problems([*english, spanish], [""] * 16)]
    assert not any(reasons[:-1]) and "'es' and should be 'en'" in reasons[-1]
    assert not any(reason for reason, _ in problems([*english, spanish], ["en"] * 15 + ["es"]))

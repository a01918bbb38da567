"""Every format: written and read back, recognised, and honest about what it can't read."""

import base64
import json
import os
import tarfile

import pytest

from trenza.conversation import Box, Evidence, Span
from trenza.data.formats import FORMATS, Broken, detect, folder, huggingface, llava, messages, read, webdataset
from trenza.data.samples import Item, Media, Pair
from trenza.data.shards import write_shard
from trenza.errors import DataError

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
WAV = b"RIFF\0\0\0\0WAVE" + b"samples"
JPEG = b"\xff\xd8\xff\xe0 pixels"
PAIRS = [
    Pair("a/hen", Media("image", "png", PNG), "una gallina", "es", "stamps", "GPL-2", "train"),
    Pair("dog v1.2", Media("audio", "wav", WAV), "a dog — barking", "en", "stamps", "GPL-2", "test"),
]
ITEMS = [
    Item(
        "world-1", (Media("audio", "wav", WAV), Media("image", "png", PNG)), "Is it seen?", "yes", "cross", "en",
        "train", ("yes", "no"),
        (Evidence(1, Box(0.1, 0.2, 0.3, 0.4)), Evidence(0, Span(0.5, 1.5))), "world-2", {"objects": [1]},
    ),
    Item("world-2", (Media("image", "png", PNG),), "Read it.", "STOP", "extract", "en", "test",
         evidence=(Evidence(0, "STOP"),)),
]  # fmt: skip
TARGET = {"webdataset": "shards", "messages": "d.jsonl", "llava": "d.json", "huggingface": "saved", "folder": "plain"}


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_recognised_and_read_back_the_same(name, tmp_path):
    samples = PAIRS if name == "folder" else PAIRS + ITEMS
    if name == "huggingface":
        pytest.importorskip("datasets")
    path = tmp_path / TARGET[name]
    FORMATS[name].write(path, samples)
    assert detect(path) == name
    found = list(read(path))
    if name == "folder":  # it knows no language, licence or split
        assert [(p.media, p.text) for p in found] == [(p.media, p.text) for p in PAIRS]
    else:
        assert found == samples
    assert not [p for p in tmp_path.rglob("*") if "partial" in p.name]


def test_a_folder_says_what_is_wrong_with_each_file(tmp_path):
    names = ("good", "empty", "latin", "long", "lonely")
    for name in names:
        (tmp_path / f"{name}.png").write_bytes(b"" if name == "empty" else PNG)
        (tmp_path / f"{name}.txt").write_text("a caption")
    (tmp_path / "latin.txt").write_bytes("año".encode("latin-1"))
    (tmp_path / "long.txt").write_text("x" * 10_000_000)
    (tmp_path / "lonely.txt").unlink()
    secret = tmp_path.parent / "secret.png"
    secret.write_bytes(PNG)
    os.symlink(secret, tmp_path / "link.png")
    (tmp_path / "link.txt").write_text("a way out")
    found = list(read(tmp_path))
    reasons = {b.key.rsplit("/", 1)[1]: b.reason for b in found if isinstance(b, Broken)}
    assert [p.text for p in found if isinstance(p, Pair)] == ["a caption"]
    assert set(reasons) == {"empty.png", "latin.png", "long.png", "lonely.png", "link.png"}
    assert "UTF-8" in reasons["latin.png"] and "limit is 1,000,000" in reasons["long.png"]
    assert "leads out" in reasons["link.png"] and "lonely.txt is missing" in reasons["lonely.png"]


def _asking(*parts):
    return json.dumps({"messages": [{"role": "user", "content": parts}]})


def _by_url(url):
    return _asking({"type": "image_url", "image_url": {"url": url}})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "no JSON"),
        ("[1]", "no list `messages`"),
        ('{"messages": []}', "no question"),
        (_by_url("../up.png"), "leaves"),
        (_by_url("/etc/p.png"), "leaves"),
        (_by_url("http://x/p.png"), "not fetched"),
        (_by_url("no.png"), "missing"),
        (_asking({"type": "image_url"}), "lacks image_url.url"),
        (_asking({"type": "input_audio", "input_audio": {"data": "%"}}), "base64"),
        (_asking({"type": "hologram"}), "hologram"),
    ],
)
def test_a_bad_line_of_messages_is_reported_and_the_next_is_read(content, reason, tmp_path):
    path = tmp_path / "d.jsonl"
    messages.write(path, ITEMS[:1])
    path.write_text(content + "\n" + path.read_text())
    broken, good = read(path)
    assert isinstance(broken, Broken) and reason in broken.reason and broken.key.endswith("line 1")
    assert good == ITEMS[0]


def test_messages_of_others_with_data_urls_and_several_turns(tmp_path):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()}}
    document = {
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [picture, {"type": "text", "text": "What?"}]},
            {"role": "assistant", "content": "A hen."},
            {"role": "user", "content": "How many?"},
            {"role": "assistant", "content": [{"type": "text", "text": "One."}]},
        ]
    }
    (tmp_path / "d.jsonl").write_text(json.dumps(document))
    first, second = read(tmp_path / "d.jsonl")
    assert (first.question, first.answer, first.key) == ("What?", "A hen.", "d-1#0")
    assert (second.question, second.answer, second.media) == ("How many?", "One.", (Media("image", "png", PNG),))


def test_llava_as_its_authors_write_it(tmp_path):
    (tmp_path / "coco").mkdir()
    (tmp_path / "coco/1.jpg").write_bytes(JPEG)
    entries = [
        {"id": "1", "image": "coco/1.jpg", "conversations": [
            {"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A cow."},
            {"from": "human", "value": "Where?"}, {"from": "gpt", "value": "On grass."}]},
        {"id": "2", "image": "coco/1.jpg", "conversations": [
            {"from": "human", "value": "Describe it.\n<image>"}, {"from": "gpt", "value": "A cow on grass."}]},
        {"id": "3", "image": "../1.jpg", "conversations": [
            {"from": "human", "value": "<image>"}, {"from": "gpt", "value": "x"}]},
        {"id": "4"},
    ]  # fmt: skip
    (tmp_path / "d.json").write_text(json.dumps(entries))
    what, where, describe, escaping, without = read(tmp_path / "d.json")
    assert (what.question, where.question, describe.question) == ("What is it?", "Where?", "Describe it.")
    assert describe.media == (Media("image", "jpg", JPEG),) and describe.capability == "describe"
    assert "leaves" in escaping.reason and "conversations" in without.reason


def test_llava_keeps_the_public_shape(tmp_path):
    llava.write(tmp_path / "d.json", ITEMS[1:])
    (entry,) = json.loads((tmp_path / "d.json").read_text())
    assert entry["image"] == "d/world-2.0.png"
    assert entry["conversations"][0] == {"from": "human", "value": "<image>\nRead it."}


def test_pairs_of_img2dataset(tmp_path):
    source = {"caption": "from json", "url": "https://x/y.jpg", "key": "000000001", "status": "success"}
    with tarfile.open(tmp_path / "00000.tar", "w") as tar:
        for name, data in (
            ("000000000.jpg", JPEG), ("000000000.txt", b"a cow"), ("000000000.json", b"{}"),
            ("000000001.jpg", JPEG), ("000000001.json", json.dumps(source).encode()), ("000000002.jpg", JPEG),
        ):  # fmt: skip
            path = tmp_path / "member"
            path.write_bytes(data)
            tar.add(path, name)
    first, second, third = read(tmp_path)
    assert (first.text, first.key, second.text, second.key) == ("a cow", "000000000", "from json", "000000001")
    assert "no caption" in third.reason and third.key.endswith("00000.tar: 000000002")


def test_a_saved_dataset_of_others(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"img": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    rows = {"img": [{"bytes": PNG, "path": None}, {"bytes": b"none", "path": None}], "label": [1, 0]}
    table = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"validation": table}).save_to_disk(tmp_path / "saved")
    good, broken = read(tmp_path / "saved")
    assert (good.text, good.split, good.media) == ("dog", "validation", Media("image", "png", PNG))
    assert "no medium" in broken.reason


@pytest.mark.parametrize("name", ["nowhere", "nothing", "object.json", "notes.md"])
def test_what_is_no_data_is_one_clear_error(name, tmp_path):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "object.json").write_text("{}")
    (tmp_path / "notes.md").write_text("# notes")
    with pytest.raises(DataError, match=name):
        list(read(tmp_path / name))


def test_a_folder_refuses_items_and_keys_that_collide_or_leave(tmp_path):
    twice = [Pair("a", Media("image", e, PNG), "", "", "", "", "") for e in ("png", "jpg")]
    for samples in (ITEMS, twice, [Pair("../a", Media("image", "png", PNG), "", "", "", "", "")]):
        with pytest.raises(DataError):
            folder.write(tmp_path / "out", samples)
    with pytest.raises(DataError, match="leads out"):
        messages.write(tmp_path / "d.jsonl", [Pair("../../a", Media("image", "png", PNG), "", "", "", "", "")])


def test_a_damaged_manifest_and_a_dataset_that_is_there(tmp_path):
    webdataset.write(tmp_path, PAIRS)
    (tmp_path / "manifest.json").write_text('{"shards": 3}')
    with pytest.raises(DataError, match=r"manifest\.json is damaged"):
        list(read(tmp_path))
    pytest.importorskip("datasets")
    with pytest.raises(DataError, match="already"):
        huggingface.write(tmp_path, PAIRS)


def test_a_caption_that_is_a_link_out_of_the_folder_is_not_read(tmp_path):
    folder.write(tmp_path / "in", PAIRS[:1])
    (text,) = (tmp_path / "in").rglob("*.txt")
    (tmp_path / "secret.txt").write_text("mine")
    text.unlink()
    text.symlink_to(tmp_path / "secret.txt")
    (found,) = read(tmp_path / "in")
    assert isinstance(found, Broken) and "leads out" in found.reason


def test_items_get_corpus_and_licence_from_the_manifest(tmp_path):
    write_shard(tmp_path / "my-world-00003.tar", ITEMS)
    assert webdataset.provenance(tmp_path) == {}
    manifest = {"shards": [{"file": "my-world-00003.tar"}], "corpora": {"my-world": {"licence": "CC0"}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert webdataset.provenance(tmp_path) == {str(tmp_path / "my-world-00003.tar"): ("my-world", "CC0")}

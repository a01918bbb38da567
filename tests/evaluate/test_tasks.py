"""Tasks as users write them, and every fault named: nothing is counted silently as wrong."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from trenza.conversation import Box, Evidence
from trenza.data.formats import llava, messages, webdataset
from trenza.data.samples import Item, Media
from trenza.errors import DataError, UsageError
from trenza.evaluate import builtin, tasks


def picture(folder: Path, name: str, value: int) -> str:
    Pillow.fromarray(np.full((8, 8, 3), value, np.uint8)).save(folder / name)
    return name


def line(key: str, image: str, answer, **more) -> dict:
    content = [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": "What is it?"}]
    return {"key": key, "messages": [{"role": "user", "content": content}], "answer": answer, **more}


def write(folder: Path, *lines: dict) -> Path:
    (folder / "items.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    return folder


def reasons(task: tasks.Task) -> dict[str, str]:
    return {p.key: p.reason for p in task.problems}


def test_a_folder_of_items_is_a_task(tmp_path):
    one, two = (picture(tmp_path, f"{n}.png", v) for n, v in (("one", 10), ("two", 200)))
    evidence = [{"part": 0, "box": [0.1, 0.1, 0.5, 0.5]}]
    write(
        tmp_path, line("a", one, "cat", choices=["cat", "dog"], twin="b", evidence=evidence, capability="verify"),
        line("b", two, "dog", choices=["cat", "dog"], twin="a"), line("c", one, 3, choices=[2, 3]),
        line("d", two, "sofa"),
    )  # fmt: skip
    task = tasks.load(tmp_path)
    assert [h.key for h in task.items.heads] == ["a", "b", "c", "d"] and not task.problems
    a = task.items[0]
    assert (a.question, a.answer, a.choices, a.capability) == ("What is it?", "cat", ("cat", "dog"), "verify")
    assert a.evidence == (Evidence(0, Box(0.1, 0.1, 0.5, 0.5)),)
    assert a.media[0].data == (tmp_path / "one.png").read_bytes()
    assert task.items[2].answer == "3" and task.items[3].choices == ()
    assert (task.twin(0), task.twin(1), task.twin(2)) == (1, 0, None)
    assert len(set(task.clusters)) == 1  # a and c share a picture, b and d the other, a and b are twins


def test_every_fault_is_named_and_its_item_taken_out(tmp_path):
    one = picture(tmp_path, "one.png", 10)
    good = line("good", one, "cat", choices=["cat", "dog"])
    far = [{"part": 3, "box": [0, 0, 0.5, 0.5]}]
    write(
        tmp_path, good, line("gone", "nowhere.png", "cat"), line("odd", one, "cat", choises=["cat"]),
        good, line("astray", one, "cow", choices=["cat", "dog"]), line("twice", one, "cat", choices=["cat", "cat"]),
        line("empty", one, " "), line("away", one, "cat", evidence=far), line("skill", one, "cat", capability="fly"),
        {"key": "mute", "messages": [{"role": "user", "content": "What?"}], "answer": "cat"},
        {**line("two", one, "cat"), "messages": [*good["messages"], {"role": "assistant", "content": "dog"}]},
        line("lone", one, "cat", choices=["cat", "dog"], twin="nobody"),
    )  # fmt: skip
    (tmp_path / "items.jsonl").write_text((tmp_path / "items.jsonl").read_text() + "no json\n")
    task = tasks.load(tmp_path)
    assert [h.key for h in task.items.heads] == ["good", "lone"]
    found = {re.sub(r"^items.jsonl: (line \d+: )?", "", key): reason for key, reason in reasons(task).items()}
    for key, words in {
        "gone": "nowhere.png is missing", "odd": "unknown field 'choises'", "good": "stands twice",
        "astray": "'cow' is not among its choices: cat, dog", "twice": "stands twice", "empty": "answer is empty",
        "away": "medium that isn't there", "skill": "'fly' is unknown", "mute": "no medium",
        "two": "`answer` is another", "line 13": "Expecting value",
    }.items():  # fmt: skip
        assert words in found[key], key
    assert any("1 items name a twin that isn't in the task" in note for note in task.notes)


def test_tables_and_llava_files_are_read(tmp_path):
    one, two = (picture(tmp_path, f"{n}.png", v) for n, v in (("one", 10), ("two", 200)))
    (tmp_path / "test.csv").write_text(
        "media,question,answer,choices,author\n"
        f'{one},What is it?,cat,cat|dog,me\n{one};{two},"Same, or not?",no,,me\nlost.png,What?,cat,,me\n{one},short\n'
    )
    task = tasks.load(tmp_path / "test.csv")
    assert [(i.question, i.answer, i.choices, len(i.media)) for i in task.items] == [
        ("What is it?", "cat", ("cat", "dog"), 1), ("Same, or not?", "no", (), 2),
    ]  # fmt: skip
    assert "lost.png is missing" in reasons(task)["test.csv: row 4"] and "cells" in reasons(task)["test.csv: row 5"]
    assert any("author" in note for note in task.notes)
    talk = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "cat"}]
    (tmp_path / "llava.json").write_text(json.dumps([{"id": "x", "image": one, "conversations": talk}]))
    assert [(i.key, i.question, i.answer) for i in tasks.load(tmp_path / "llava.json").items] == [
        ("x", "What is it?", "cat")
    ]


def test_items_survive_each_format(tmp_path, stock):
    made = list(builtin.worlds(24, 3, stock=stock).items)
    for module, name in ((messages, "m.jsonl"), (webdataset, "shards"), (llava, "l.json")):
        module.write(tmp_path / name, made)
        found = tasks.load(tmp_path / name)
        assert not found.problems
        assert [(i.key, i.answer, i.evidence, i.media, i.twin) for i in found.items] == [
            (i.key, i.answer, i.evidence, i.media, i.twin) for i in made
        ], name


def test_pairs_become_questions_with_four_captions(tmp_path):
    for number, name in enumerate(("cat", "dog", "cow", "hen", "pig", "fox", "ape", "bee", "elk", "ant", "owl", "ram")):
        picture(tmp_path, f"{name}.png", number)
        (tmp_path / f"{name}.txt").write_text(f"A {name}.")
    task = tasks.load(tmp_path)
    assert len(task.items) == 12
    assert all(i.answer in i.choices and len(set(i.choices)) == 4 for i in task.items)
    assert [i.choices for i in tasks.load(tmp_path).items] == [i.choices for i in task.items]


def test_a_sample_keeps_twins_together_and_meets_many_clusters(stock):
    task = builtin.worlds(80, 3, stock=stock)
    small = tasks.sample(task, 20, 0)
    assert len(small.items) == 20 and len(set(small.clusters)) == 10
    assert all(small.twin(i) is not None for i in range(20))
    assert [h.key for h in tasks.sample(task, 20, 0).items.heads] == [h.key for h in small.items.heads]
    assert [h.key for h in tasks.sample(task, 20, 1).items.heads] != [h.key for h in small.items.heads]


def test_worlds_are_the_same_for_a_seed_and_fresh_for_another(stock):
    one, same, other = (list(builtin.worlds(16, seed, stock=stock).items) for seed in (1, 1, 2))
    assert one == same and not {m.sha256 for i in one for m in i.media} & {m.sha256 for i in other for m in i.media}


def test_joined_tasks_keep_their_keys_apart(stock):
    first, second = (
        builtin.worlds(16, 1, stock=stock),
        tasks.gather("mine", list(builtin.worlds(8, 1, stock=stock).items)),
    )
    whole = tasks.joined([first, second])
    assert len(whole.items) == 24 and whole.name == "worlds + mine"
    assert whole.twin(0) == 1 and whole.items.heads[16].key.startswith("mine/")
    assert [bool(whole.redraw(i)) for i in whole.items][:16] == [bool(first.redraw(i)) for i in first.items]


def test_bad_calls_get_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="doesn't exist"):
        tasks.load(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no item that can be asked; the first of 1 problems: .*no medium"):
        tasks.load(write(tmp_path, {"messages": [{"role": "user", "content": "What?"}], "answer": "x"}))
    with pytest.raises(UsageError, match="built in: worlds, "):
        builtin.load("mmmu", 10, 0)
    (tmp_path / "bad.csv").write_text("picture,question,answer\n")
    with pytest.raises(DataError, match="lacks the column 'media'"):
        tasks.load(tmp_path / "bad.csv")


def test_ten_thousand_items_lie_on_disk():
    """Media and truth do; what stays is the words."""
    data = np.random.default_rng(0).bytes(20_000)
    item = Item(
        "k", (Media("image", "png", data),), "What?", "a", "verify", "en", "", ("a", "b"), truth={"x": "y" * 5000}
    )
    spool = tasks.Spool()
    for number in range(50):
        spool.add(Item(f"k{number}", item.media, item.question, "a", "verify", "en", "", ("a", "b"), truth=item.truth))
    assert all(head.media == () and head.truth is None for head in spool.heads)
    assert spool[7].media == item.media and spool[7].truth == item.truth and len(spool[3:5]) == 2
    assert len(spool._places) == 1  # one medium, kept once

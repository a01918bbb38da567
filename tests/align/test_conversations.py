"""The order of evidence: as the question names it, then from left to right or in time."""

from dataclasses import replace

import pytest

from trenza.align.conversations import asked, ordered
from trenza.conversation import Box, Evidence, Span
from trenza.data.samples import Item
from trenza.data.worlds import albums, papers, pictures, recordings
from trenza.data.worlds.build import world_items

LEFT, RIGHT = Box(0.1, 0.5, 0.3, 0.9), Box(0.6, 0.2, 0.8, 0.4)
THINGS = [{"name": "dog", "box": [0.6, 0.2, 0.8, 0.4]}, {"name": "hot dog", "box": [0.1, 0.5, 0.3, 0.9]}]


def item(question: str, *where: Box | Span, truth: dict) -> Item:
    evidence = tuple(Evidence(0, w) for w in where)
    return Item("k", (), question, "", "verify", "en", "train", evidence=evidence, truth={"media": [truth]})


@pytest.mark.parametrize(
    ("question", "expected"),
    [("Is the dog left of the tea?", [RIGHT, LEFT]), ("What is there?", [LEFT, RIGHT]), ("Dogs?", [LEFT, RIGHT])],
)
def test_what_the_question_names_comes_first_then_what_stands_left(question, expected):
    for where in ((LEFT, RIGHT), (RIGHT, LEFT)):
        assert [e.where for e in ordered(item(question, *where, truth={"objects": THINGS}))] == expected


def test_sounds_go_by_name_then_by_time():
    sounds = [{"name": "bell", "start": 2.0, "end": 3.0}, {"name": "drum", "start": 0.5, "end": 1.0}]
    bell, drum = Span(2.0, 3.0), Span(0.5, 1.0)
    named = item("Is the bell heard before the drum?", drum, bell, truth={"sounds": sounds})
    assert [e.where for e in ordered(named)] == [bell, drum]
    assert [e.where for e in ordered(replace(named, question="What is heard?"))] == [drum, bell]


@pytest.mark.parametrize("language", ["en", "es"])
def test_real_worlds_give_each_named_thing_its_place(language):
    """Of two things named by a question, the first place is the first one's, on either side of an edit."""
    checked = 0
    for family in (pictures.resized, recordings.reordered):
        for number in range(4):
            for one in world_items(number, 3, "train", languages=(language,), family=family):
                truth = one.truth["media"][0]
                known = {
                    t["name"]: t.get("box") or [t["start"], t["end"]] for t in truth.get("objects", truth.get("sounds"))
                }
                named = sorted((one.question.find(name), name) for name in known if name in one.question)
                if len(named) == len(one.evidence) == 2:
                    for (_, name), e in zip(named, ordered(one), strict=True):
                        assert list(vars(e.where).values()) == pytest.approx(known[name], abs=0.01)
                        checked += 1
    assert checked > 20


def test_a_form_keeps_the_order_of_its_answer():
    for one in world_items(0, 3, "train", languages=("en",), family=papers.forms):
        assert ordered(one) == one.evidence


@pytest.mark.parametrize("language", ["en", "es"])
def test_each_place_has_the_name_that_detectors_give_it(language):
    """Things by their names, sounds as they are asked for, lines of text by what is written; what isn't there, too."""
    absent = seen = 0
    for family in (*pictures.FAMILIES, *recordings.FAMILIES, *papers.FAMILIES, *albums.FAMILIES):
        for one in (i for n in range(3) for i in world_items(n, 3, "train", languages=(language,), family=family)):
            told = asked(one)
            assert len(told.named) == len(told.evidence) and all(told.named), told
            media = one.truth["media"]
            for name, e in zip(told.named, told.evidence, strict=True):
                truth = media[e.part]
                known = [t["name"] for t in (*truth.get("objects", ()), *truth.get("sounds", ()))]
                under = [f"{t['name']}:{t['label']}" for t in truth.get("objects", ()) if "label" in t]
                fields = [f"{label}: {value}" for label, value in truth.get("fields", {}).items()]
                if name.strip() in known + under + fields:
                    assert name.startswith(" ") == (
                        language == "en" and name.strip() not in fields and not said(truth, name)
                    )
                    seen += 1
                else:
                    assert one.answer == "no" and name.strip() in one.question
                    absent += 1
    assert absent > 2 and seen > 100


def said(truth: dict, name: str) -> bool:
    return any(s["said"] and s["name"] == name.strip() for s in truth.get("sounds", ()))

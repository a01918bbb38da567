"""A rationale is what the answer can be read off: checked against answers of worlds that never saw it."""

import re
from collections import Counter, defaultdict

import pytest

from trenza.align.conversations import asked, talks
from trenza.align.drills import with_drills
from trenza.align.rationales import KEYS, TOLD
from trenza.bridges.events import LOUD
from trenza.data.samples import Item
from trenza.data.worlds import albums, charts, crossing, films, papers, pictures, recordings, screens
from trenza.data.worlds.build import world_items
from trenza.data.worlds.phrases import phrases

ROOMS = (albums, charts, crossing, films, papers, pictures, recordings, screens)
FAMILIES = [family for room in ROOMS for family in room.FAMILIES]
# Of these, yes is said just when the rationale is what the question asks for.
ASKED_FOR = ("is_colour", "is_count", "is_label", "is_times", "is_way", "is_field")
NAMED = ("is_left", "is_above", "is_bigger", "is_before", "is_louder", "is_higher")


@pytest.fixture(scope="module", params=["en", "es"])
def items(request) -> list[Item]:
    worlds = [(n, family) for family in FAMILIES for n in range(6)]
    return [i for n, family in worlds for i in world_items(n, 9, "train", languages=(request.param,), family=family)]


def test_yes_is_said_just_when_the_rationale_is_what_is_asked(items):
    checked: dict[str, Counter] = defaultdict(Counter)
    for item in items:
        template, told = item.truth["template"], asked(item)
        if template in ASKED_FOR:
            there = told.rationale.strip() in item.question
        elif template in NAMED:
            found = {t: re.search(rf"\b{re.escape(t)}\b", item.question) for m in item.truth["media"] for t in names(m)}
            there = min((m.start(), t) for t, m in found.items() if m)[1] == told.rationale.split(", ")[-1].strip()
        else:
            continue
        assert there == (item.answer == phrases(item.language).word("yes")), (item.question, told)
        checked[template][item.answer] += 1
    assert set(checked) == {*ASKED_FOR, *NAMED} and all(len(c) == 2 for c in checked.values())


def names(truth: dict) -> list[str]:
    known = (*truth.get("objects", ()), *truth.get("sounds", ()))
    return [t["name"] for t in known] + list(truth.get("data", ())) + [e["label"] for e in truth.get("elements", ())]


def test_what_is_more_often_has_the_larger_number_and_what_is_the_same_the_same_names(items):
    seen = Counter()
    for item in items:
        template, rationale = item.truth["template"], asked(item).rationale
        if template in ("more", "more_often"):
            first, second = (int(n) for n in rationale.split(", "))
            two = sorted((n for n in set(names(item.truth["media"][0]))), key=item.question.find)
            assert two[first < second] == item.answer
        elif template == "same":
            shown = [set(names(m)) for m in item.truth["media"]]
            alike = item.answer == phrases(item.language).word("yes")
            assert set(rationale.strip().split(", ")) == (shown[0] if alike else shown[0] ^ shown[1])
        elif template == "is_seen":
            assert rationale.strip() == item.truth["media"][1]["sounds"][-1]["name"]
        elif template == "aloud":
            assert rationale.strip() == ("" if item.answer.startswith("[") else item.answer)
        elif template in ("make_on", "make_off"):
            assert (rationale == template.removeprefix("make_")) == ("done" in item.answer)
        elif template in ("which_on", "which_off"):
            told = dict(zip(rationale.strip().split(", "), asked(item).named, strict=True))
            assert told[template.removeprefix("which_")].split(":")[0] == item.answer
        elif template in ("is_on", "is_off"):
            assert (rationale == template.removeprefix("is_")) == (item.answer == phrases(item.language).word("yes"))
        elif template == "caption":
            first, second = rationale.strip().split(", ")
            there = item.question.find(first), item.question.find(second)
            assert (0 < there[0] < there[1]) == (item.answer == phrases(item.language).word("yes"))
        else:
            assert bool(rationale) == (template in TOLD)
            continue
        seen[template] += 1
    assert len(seen) == 12


def test_what_is_asked_by_its_colour_its_size_or_as_what_one_picture_shows_has_that_word_before_its_name(items):
    found = Counter()
    for item in items:
        template, told = item.truth["template"], asked(item)
        if template not in KEYS:
            assert not told.keys
            continue
        keys = set(told.keys)
        assert len(told.keys) == len(told.evidence) and len(keys) == 1
        if template in ("box_of_colour", "thing_of_colour", "mover"):
            assert keys.pop() in item.question
        elif template in ("smallest", "loudest"):
            assert keys == {f" {LOUD if template == 'loudest' else template}"}
        elif template == "same":
            assert keys == {"" if item.answer == phrases(item.language).word("yes") else " only"}
        found[template] += 1
    assert set(found) == {*KEYS}


def test_drills_have_the_same_rationales(items):
    """Of a world's question, in whatever form it stands, the drill's is the same."""
    alike = Counter()
    for talk, more in zip(talks(items), with_drills(talks(items)), strict=True):
        told = {a.question: a for a in talk.asked}
        for drill in more.asked[len(talk.asked) :]:
            same = next((a for q, a in told.items() if drill.question in q), None)
            assert same is None or (drill.rationale, drill.answer) == (same.rationale, same.answer)
            alike[same is not None] += bool(drill.rationale)
    assert alike[True] > 0 and alike[False] > 50

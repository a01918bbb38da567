"""Drills are true of their world: each answer is checked against the world's own truth, by other means."""

import re
from collections import Counter

import pytest

from trenza.align.conversations import Talk, talks
from trenza.align.drills import MOST, with_drills
from trenza.data.worlds import albums, charts, films, pictures, recordings
from trenza.data.worlds.build import world_items


def drilled(family, language="en", worlds=16) -> list[tuple[Talk, list]]:
    items = [i for n in range(worlds) for i in world_items(n, 5, "train", languages=(language,), family=family)]
    given = list(talks(items))
    made = list(with_drills(given))
    assert all(new.asked[: len(old.asked)] == old.asked for new, old in zip(made, given, strict=True))
    return [(new, list(new.asked[len(old.asked) :])) for new, old in zip(made, given, strict=True)]


@pytest.mark.parametrize("language", ["en", "es"])
def test_relations_sizes_colours_and_presence_hold(language):
    yes, checked = {"en": "yes", "es": "sí"}[language], Counter()
    keys = {
        "left": lambda t: -t["box"][0] - t["box"][2], "above": lambda t: -t["box"][1] - t["box"][3],
        "izquierda": lambda t: -t["box"][0] - t["box"][2], "encima": lambda t: -t["box"][1] - t["box"][3],
        "bigger": lambda t: t["size"], "más grande": lambda t: t["size"],
    }  # fmt: skip
    for family in pictures.FAMILIES:
        for talk, more in drilled(family, language):
            assert len(more) <= MOST
            things = {t["name"]: t for t in talk.truth[0]["objects"]}
            for said in more:
                named = sorted((m.start(), n) for n in things if (m := re.search(rf"\b{n}\b", said.question)))
                word = next((w for w in keys if w in said.question and len(named) == len(said.evidence) == 2), None)
                if word and said.answer in (yes, "no"):
                    one, two = (keys[word](things[n]) for _, n in named)
                    assert (one > two) == (said.answer == yes), said
                    assert [list(vars(e.where).values()) for e in said.evidence] == [things[n]["box"] for _, n in named]
                    checked[word, said.answer] += 1
    assert len(checked) == 6 and min(checked.values()) >= 5
    of_word = Counter(answer for _, answer in checked.elements())
    assert 0.35 < of_word["no"] / sum(of_word.values()) < 0.65


def test_counts_are_those_of_the_world():
    found = Counter()
    for talk, more in drilled(pictures.recounted):
        counts = Counter(t["name"] for t in talk.truth[0]["objects"])
        for said in more:
            if said.answer.isdigit():
                name = next(n for n in counts if n in said.question)
                assert said.answer == str(counts[name]) and len(said.evidence) == counts[name]
                found[said.answer] += 1
    assert len(found) == 4


def test_the_picture_that_shows_it_is_the_one_the_evidence_lies_in():
    answers = Counter()
    for _, more in drilled(albums.compared):
        for said in more:
            assert said.answer == ("the first", "the second")[said.evidence[0].part]
            answers[said.answer] += 1
    assert min(answers.values()) > 5


def test_sounds_stand_in_the_order_that_is_told():
    checked = 0
    for talk, more in drilled(recordings.reordered):
        known = {s["name"]: s for s in talk.truth[0]["sounds"]}
        for said in (s for s in more if s.answer in ("yes", "no") and "before" in s.question):
            (_, one), (_, two) = sorted((said.question.find(n), n) for n in known)
            assert (known[one]["start"] < known[two]["start"]) == (said.answer == "yes")
            checked += 1
    assert checked > 10


def test_films_and_charts_stay_as_they_are():
    assert not any(more for family in (films.moving, charts.charted) for _, more in drilled(family, worlds=2))

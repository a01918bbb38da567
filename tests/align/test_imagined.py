"""What is asked of imagined single things is true of them, and a training learns it whole."""

import json
import re
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch

from trenza.align import assemble, imagined, listings
from trenza.align import recipe as recipes
from trenza.align.feeding import Feed
from trenza.align.grounded import ranks_of
from trenza.align.trainer import Trainer
from trenza.align.truths import things
from trenza.bridges.perceived import BOX, OBJECT_COLUMNS, SCALES, TIMES
from trenza.data.worlds.phrases import phrases
from trenza.errors import UsageError
from trenza.systems.abstaining import abstained
from trenza.systems.examples import Medium


def test_the_answer_is_the_name_and_what_isnt_there_is_said_so(lexicon):
    answers, kinds = Counter(), Counter()
    for truth, asked in islice(imagined.made(lexicon, np.random.default_rng(2)), 1900):
        assert asked
        if "objects" not in truth[0] and "sounds" not in truth[0]:
            continue  # a page
        if any("sounds" in t for t in truth[1:]) or len(truth[0].get("objects", ())) > 1:
            continue  # of several
        names = [things(t)[0]["name"] for t in truth]
        several = len(things(truth[0])) > 1
        kinds[several, len(truth), "times" in truth[0] or tuple(truth[0])] += 1
        for one in [] if several else asked:
            named = next((n for n in names if n in one.question), "")
            if one.answer in ("yes", "sí", "no"):
                assert (one.answer != "no") == bool(named), one
                answers[one.answer] += 1
            elif abstained(one.answer):
                assert not named
                answers["absent"] += 1
            elif one.answer in names:
                assert names[one.evidence[0].part] == one.answer
                answers["name"] += 1
    assert len(kinds) == 5 and min(kinds.values()) > 12
    assert min(answers[k] for k in ("yes", "sí", "absent", "name")) > 40
    assert 0.35 < answers["no"] / (answers["yes"] + answers["sí"] + answers["no"]) < 0.65


def test_of_scenes_and_recordings_is_asked_what_has_to_be_judged_and_the_larger_comes_before_the_smaller(
    lexicon, simulated
):
    sim, rng, found = simulated(), np.random.default_rng(3), Counter()
    for media, asked in imagined.perceived(lexicon, sim, 800, rng):
        for one in asked:
            told = ranks_of(media, one) if one.along else None
            # The one that surpasses; a caption's rationale has both. Where detectors have it otherwise it has no ranks.
            if told and len(told) == 2 and one.rationale and one.along != "number" and "," not in one.rationale:
                found[one.along, (told[0] < told[1]) == (one.named[0].strip() == one.rationale.strip())] += 1
    for along in {*SCALES, *TIMES} - {"number"}:
        assert found[along, True] > 20 and not found[along, False], found
    assert sum(found.values()) > 200


def test_all_that_worlds_ask_is_asked_of_imagined_media_in_either_language(many):
    asked = {one.question for _, questions in many for one in questions}
    missing = []
    for language in ("en", "es"):
        for template, forms in phrases(language).document["questions"].items():
            patterns = [re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(form))) for form in forms]
            missing += [(language, template) for p in patterns if not any(p.fullmatch(q) for q in asked)]
    assert not missing


def test_what_differs_in_two_recordings_is_true(many):
    found = Counter()
    for truth, asked in many:
        if len(truth) != 2 or not all("sounds" in t and "times" not in t for t in truth):
            continue
        names = [[s["name"] for s in t["sounds"]] for t in truth]
        for one in asked:
            parts = [e.part for e in one.evidence]
            part = int(one.answer in ("the second", "la segunda"))
            if one.answer not in ("the first", "the second", "la primera", "la segunda"):
                (gone,), (come,) = ({*names[i]} - {*names[1 - i]} for i in (0, 1))
                assert one.answer.index(gone) < one.answer.index(come) and parts == [0, 1]
                found["changed"] += 1
            elif len(parts) == 1:
                (only,) = {*names[part]} - {*names[1 - part]}
                assert only in one.question and parts == [part]
                found["heard", part] += 1
            else:
                asked_ = one.named[0].strip()
                loud = [next(s["rms"] for s in t["sounds"] if s["name"] == asked_) for t in truth]
                assert loud[part] > loud[1 - part] and asked_ in one.question
                found["louder", part] += 1
    assert len(found) == 5 and min(found.values()) > 5, found


def test_listings_name_each_thing_once_from_left_to_right_and_each_sound_in_turn(lexicon):
    rng, found = np.random.default_rng(8), Counter()
    forms = {language: phrases(language).word("listing", things="{}") for language in ("en", "es")}
    described = [w for language in forms for w in phrases(language).document["questions"]["describe"]]
    worlds = [phrases(language).document["questions"][t] for language in forms for t in ("transcript", "sounds")]
    heard = [w for own in (*worlds, *listings.HEARD.values(), *listings.SAID.values()) for w in own]
    in_turn = ("in order", "en orden", "one after", "una tras", "una cosa tras", "What is said", "Qué se dice")
    in_order = [w for own in listings.IN_ORDER.values() for w in own]
    for truth, asked in islice(imagined.made(lexicon, rng), 1500):
        for one in asked:
            names = [name.strip() for name in one.named]
            if one.question in (*described, *in_order) and len(things(truth[0])) > 1:
                middles = [e.where.x0 + e.where.x1 for e in one.evidence]
                assert middles == sorted(middles) and len(middles) == len(things(truth[0])) and one.along == "row"
                told = ", ".join(dict.fromkeys(names))
                assert one.answer in (forms["en"].format(told), forms["es"].format(told))
                found["worlds" if one.question in described else "newcomers"] += 1
            elif one.question in heard:
                turns = any(words in one.question for words in in_turn)
                assert one.answer == ", ".join(names if turns else dict.fromkeys(names))
                assert names == [s["name"] for s in sorted(truth[0]["sounds"], key=lambda s: s["start"])]
                assert [e.where.start for e in one.evidence] == sorted(e.where.start for e in one.evidence)
                found["in turn" if turns else "heard", len(names) > len({*names})] += 1
    assert len(found) == 6 and min(found.values()) > 10, found


def test_tallies_are_those_of_the_truth(lexicon):
    rng, found = np.random.default_rng(9), Counter()
    for truth, asked in islice(imagined.made(lexicon, rng), 900):
        counts = Counter(t["name"] for t in things(truth[0])) if "data" not in truth[0] else {}
        for one in asked:
            if one.along != "number":
                continue
            if one.answer.startswith("{"):
                told = json.loads(one.answer)
                assert told == {name: counts[name] for name in told} and sum(told.values()) == len(one.evidence)
                found["json"] += 1
            elif one.answer in counts:
                two = Counter(one.named)
                assert max(two, key=two.get).strip() == one.answer and len({*two.values()}) == 2
                found["more"] += 1
            elif one.answer.isdigit():
                found["number"] += int(one.answer) == len(one.evidence) == counts[one.named[0].strip()]
    assert len(found) == 3 and min(found.values()) > 10, found


def test_what_is_written_under_things_is_asked_for_both_ways(lexicon):
    rng, found = np.random.default_rng(6), Counter()
    for truth, asked in islice(imagined.made(lexicon, rng), 1500):
        labels = {t["label"]: t for t in truth[0].get("objects", ()) if "label" in t}
        for one in asked:
            if not one.named or ":" not in one.named[0] or "objects" not in truth[0]:
                continue
            name, label = one.named[0].strip().split(":")
            thing = labels[label]
            assert thing["name"] == name and vars(one.evidence[0].where) == dict(
                zip(("x0", "y0", "x1", "y1"), thing["label_box"], strict=True)
            )
            if one.answer in ("yes", "sí", "no"):
                assert (one.answer != "no") == (label in one.question)
                found["yes or no"] += 1
            else:
                assert one.answer in (name, label) or one.answer.startswith("[")
                assert (name if one.answer == label else label) in one.question
                found["name" if one.answer == name else "label" if one.answer == label else "place"] += 1
    assert len(found) == 4 and min(found.values()) > 5, found


def seen(*given) -> tuple:
    """A look of simulated senses at these tests' squares: each is perceived where its questions say that it is."""

    def look(some):
        rows = torch.zeros(len(some), 1, OBJECT_COLUMNS)
        for row, talk in zip(rows, some, strict=True):
            where = talk.asked[0].evidence[0].where
            row[0, BOX] = torch.tensor([where.y0, where.x0, where.y1, where.x1])
        return [(Medium("image", row[None]),) for row in rows]

    return look, "squares"


def test_what_isnt_heard_was_listened_for_to_the_end_and_what_is_louder_is_so_by_more_than_detectors_err(many):
    found = Counter()
    for truth, asked in many:
        if len(truth) != 1 or "times" in truth[0] or len(truth[0].get("sounds", ())) < 2:
            continue
        end = max(s["end"] for s in truth[0]["sounds"])
        loud = {s["name"]: s["rms"] for s in truth[0]["sounds"]}
        for one in asked:
            if one.along == "loudness":
                low, high = sorted(loud[name.strip()] for name in one.named)
                assert high > 1.2 * low
                found["louder"] += 1
            elif len(one.evidence) == 1 and one.answer == "no" and one.named[0].strip() not in loud:
                where = one.evidence[0].where
                assert where.start == 0 and where.end >= max(end, 4.0)
                found["longer than a world's" if end > 4 else "short"] += 1
    assert len(found) == 3 and min(found.values()) > 5, found


def test_nothing_is_asked_of_media_for_which_no_name_is_missing(lexicon):
    """Where different English names have one Spanish name."""
    few = replace(lexicon, names=[(english, f"cosa{i % 7}") for i, (english, _) in enumerate(lexicon.names)])
    made = list(islice(imagined.made(few, np.random.default_rng(4)), 300))
    assert any("cosa" in one.question for _, asked in made for one in asked)


def test_a_training_learns_what_is_imagined_beside_its_data(recipe, tiny, monkeypatch, lexicon, simulated):
    parts = replace(tiny(), lexicon=lambda: lexicon)
    monkeypatch.setattr(assemble, "simulator", lambda *given: simulated())
    monkeypatch.setattr(assemble, "look_with", seen)
    given = recipes.load(recipe, ["perceive=simulated", "imagined=6", "batch=4"])
    training = Trainer(given, parts)
    batch = next(iter(training.feed))
    some, data = batch[:6], batch[6:]
    assert len(data) == 4 and all(e.media and e.turns for e in some)
    assert any(len(e.media[0].features[0]) for e in some)
    asked = [[t.question for t in e.turns] for e in some]
    again = next(iter(Trainer(given, parts).feed))[:6]
    assert [[t.question for t in e.turns] for e in again] == asked
    half = Feed(given, *seen(), training.words, training.places, rank=1, ranks=2)
    half.imagine = partial(imagined.perceived, lexicon, simulated())
    assert len(next(iter(half))) == 3 + 2


def test_of_what_was_not_perceived_nothing_is_asked_but_a_step_has_its_examples(recipe, tiny, monkeypatch, lexicon):
    parts = replace(tiny(), lexicon=lambda: lexicon)
    nothing = (Medium("image", torch.zeros(1, 0, OBJECT_COLUMNS)),)
    monkeypatch.setattr(assemble, "look_with", lambda *given: ((lambda some: [nothing] * len(some)), "nothing"))
    training = Trainer(recipes.load(recipe, ["perceive=simulated", "batch=4"]), parts)
    media, asked = training.feed.loader.records[(0, 0)]
    assert asked and training.feed.answerable(media, asked) == []
    assert training.feed.example(media, asked).turns == ()
    assert [len(e.turns) for e in next(iter(training.feed))] == [1] * 4
    training.recipe.out.mkdir(parents=True, exist_ok=True)
    training._show()  # shows none of them
    assert (training.recipe.out / "samples.jsonl").read_text() == ""


def test_what_is_imagined_is_for_systems_that_perceive_things(recipe, tiny):
    with pytest.raises(UsageError, match="perceive: things, or leave it out"):
        Trainer(recipes.load(recipe, ["imagined=4"]), tiny())

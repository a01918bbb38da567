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

from trenza.align import album_drills, assemble, imagined, listings
from trenza.align import recipe as recipes
from trenza.align.feeding import Feed
from trenza.align.grounded import ranks_of
from trenza.align.lexicon import Lexicon
from trenza.align.simulated import Simulated
from trenza.align.trainer import Trainer
from trenza.align.truths import things
from trenza.bridges.perceived import BOX, OBJECT_COLUMNS, SCALES, TIMES
from trenza.data.worlds.drawing import COLOURS
from trenza.data.worlds.phrases import phrases
from trenza.errors import UsageError
from trenza.systems.abstaining import abstained
from trenza.systems.examples import Medium

LEXICON = Lexicon(
    [(f"thing{i:02}", f"cosa{i:02}") for i in range(40)],
    [(f"noise{i:02}", f"ruido{i:02}") for i in range(9)],
    ["a"] * 9,
)


def simulated() -> Simulated:
    return Simulated(LEXICON.names, LEXICON.sounds, lambda text: [1, 2], lambda text: [3])


def test_the_answer_is_the_name_and_what_isnt_there_is_said_so():
    answers, kinds = Counter(), Counter()
    for truth, asked in islice(imagined.made(LEXICON, np.random.default_rng(2)), 1000):
        assert asked
        if "objects" not in truth[0] and "sounds" not in truth[0]:
            continue  # a page
        if any("sounds" in t for t in truth[1:]) or len(truth[0].get("objects", ())) > 1:
            continue  # of several
        names = [things(t)[0]["name"] for t in truth]
        several = len(things(truth[0])) > 1
        kinds[several, len(truth), *truth[0]] += 1
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


def test_of_scenes_and_recordings_is_asked_what_has_to_be_judged_and_the_larger_comes_before_the_smaller():
    sim, rng, found = simulated(), np.random.default_rng(3), Counter()
    for media, asked in imagined.perceived(LEXICON, sim, 800, rng):
        for one in asked:
            told = ranks_of(media, one) if one.along else None
            # The one that surpasses; a caption's rationale has both.
            if told and len(told) == 2 and one.rationale and one.along != "number" and "," not in one.rationale:
                found[one.along, (told[0] < told[1]) == (one.named[0].strip() == one.rationale.strip())] += 1
    for along in {*SCALES, *TIMES} - {"number"}:
        right, wrong = found[along, True], found[along, False]
        assert right > 20 and wrong < 0.15 * right, found  # detectors err by a little
    assert sum(found.values()) > 200


def test_two_pictures_differ_in_what_their_questions_say():
    rng, found = np.random.default_rng(5), Counter()
    for truth, asked in islice(imagined.made(LEXICON, rng), 900):
        if len(truth) != 2 or not all("objects" in t and len(t["objects"]) > 1 for t in truth):
            continue
        first, second = ({t["name"] for t in m["objects"]} for m in truth)
        if len(first) < len(truth[0]["objects"]) or len(second) < len(truth[1]["objects"]):
            continue  # tallied
        for one in asked:
            parts = [e.part for e in one.evidence]
            places = len(truth[0]["objects"])
            own, other = (first, second) if parts[0] == 0 else (second, first)
            if _colours(one):
                assert parts == [0, 1] and len({*one.named}) == 1
                assert (one.answer != "no") == (len({*_colours(one)}) == 1)
                colours = [t["colour"] for e, m in zip(one.evidence, truth, strict=True) for t in m["objects"]
                           if t["name"] == one.named[0].strip()]  # fmt: skip
                assert colours == _colours(one)
                found["colour", one.answer == "no"] += 1
            elif one.answer in ("yes", "sí", "no"):
                assert (one.answer != "no") == (first == second)
                assert parts == ([0, 1] if one.answer == "no" else [0] * places + [1] * places)
                found[one.answer == "no"] += 1
            elif len({*parts}) == 1 and one.answer.split(", ") == _each(one, truth):
                found["listed"] += 1
            elif one.answer in first | second and len(parts) == 1:
                assert one.answer in own - other and one.keys == (" only",)
                wordings = [w for language in ("en", "es") for w in album_drills.ALONE[language][parts[0]]]
                worlds = [w for language in ("en", "es") for w in _wordings(language, "only_in_first")]
                assert one.question in (wordings if parts[0] else wordings + worlds)
                found["only", parts[0]] += 1
            elif {*one.answer.split(", ")} <= first & second:
                assert {*one.answer.split(", ")} == first & second and sorted(parts) == parts
                found["both"] += 1
            elif parts == [0, 1]:
                (gone,), (come,) = first - second, second - first
                assert one.answer.index(gone) < one.answer.index(come)
                found["changed"] += 1
            else:
                name = next(iter(n for n in first ^ second if n in one.question))
                assert parts == [int(name in second)]
                found["which"] += 1
    assert len(found) == 10 and min(found.values()) > 5, found


def test_of_two_tallied_pictures_the_one_with_more_is_told():
    rng, found = np.random.default_rng(15), Counter()
    own = {language: [form.partition("{x}") for form in forms] for language, forms in album_drills.MORE.items()}
    for truth, asked in islice(imagined.made(LEXICON, rng), 900):
        for one in asked:
            for language, forms in own.items():
                if any(one.question.startswith(f[0]) and one.question.endswith(f[2]) for f in forms):
                    name = one.named[0].strip()
                    counts = [sum(t["name"] == name for t in m["objects"]) for m in truth]
                    assert one.rationale.strip() == f"{counts[0]}, {counts[1]}" and name in one.question
                    first, second = (phrases(language).word(w) for w in ("first", "second"))
                    assert one.answer == (first if counts[0] > counts[1] else second)
                    found[one.answer in ("the first", "la primera")] += 1
    assert len(found) == 2 and min(found.values()) > 3, found


@pytest.fixture(scope="module")
def many() -> list:
    """With sounds that things have too."""
    lexicon = replace(LEXICON, sounds=[*LEXICON.sounds, *LEXICON.names[:6]])
    return list(islice(imagined.made(lexicon, np.random.default_rng(16)), 3000))


def test_all_that_worlds_ask_is_asked_of_imagined_media_in_either_language(many):
    asked = {one.question for _, questions in many for one in questions}
    missing = []
    for language in ("en", "es"):
        for template, forms in phrases(language).document["questions"].items():
            patterns = [re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(form))) for form in forms]
            missing += [(language, template) for p in patterns if not any(p.fullmatch(q) for q in asked)]
    assert not missing


def test_what_a_sound_and_a_picture_answer_together_is_true(many):
    found = Counter()
    for truth, asked in many:
        if len(truth) != 2 or "objects" not in truth[0] or "sounds" not in truth[1]:
            continue
        name = truth[1]["sounds"][-1]["name"]
        shown = [t for t in truth[0]["objects"] if t["name"] == name]
        for one in asked:
            assert [e.part for e in one.evidence][: len(truth[1]["sounds"])] == [1] * len(truth[1]["sounds"])
            if one.answer in ("yes", "sí", "no"):
                assert (one.answer != "no") == bool(shown) and one.rationale.strip() == name
                found["yes" if shown else "no"] += 1
                continue
            (thing,), where = shown, one.evidence[-1].where
            assert [where.x0, where.y0, where.x1, where.y1] == thing["box"] and one.evidence[-1].part == 0
            if one.answer.startswith("["):
                middle = [(where.x0 + where.x1) / 2, (where.y0 + where.y1) / 2]
                assert json.loads(one.answer) == pytest.approx(middle, abs=1e-3)
                found["point", len(truth[1]["sounds"])] += 1
            elif one.answer == name:
                found["name"] += 1
            else:
                assert one.answer in (phrases(lang).colour(thing["colour"]) for lang in ("en", "es"))
                found["colour"] += 1
    assert len(found) == 6 and min(found.values()) > 10, found


def test_films_answers_are_what_happens_in_them(many):
    found = Counter()
    for truth, asked in many:
        if "times" not in truth[0] or len(truth[0]["objects"]) < 2:
            continue
        things_, sounds = {t["name"]: t["boxes"] for t in truth[0]["objects"]}, truth[0]["sounds"]
        for one in asked:
            name = next((n for n in things_ if one.answer == n), next((n for n in things_ if n in one.question), None))
            boxes = things_.get(name)
            if one.answer == name and sounds:  # it comes or goes with the sound
                seen_ = [b is not None for b in boxes]
                frame = round(sounds[0]["start"] * 4)
                assert seen_[frame] != seen_[frame - 1] and one.named[0].strip() == sounds[0]["name"]
                found["comes" if seen_[frame] else "goes"] += 1
            elif not sounds and not one.answer.startswith("["):
                x, y = boxes[-1][0] - boxes[0][0], boxes[-1][1] - boxes[0][1]
                way = ("right" if x > 0 else "left") if abs(x) > abs(y) else "down" if y > 0 else "up"
                words = {phrases(language).word(way) for language in ("en", "es")}
                if one.answer in ("yes", "sí", "no"):
                    assert (one.answer != "no") == any(
                        w in one.question for w in words
                    ) and one.rationale.strip() in words
                else:
                    assert one.answer in words if one.answer != name else one.keys[0].strip() in words
                found["way"] += 1
            elif not sounds:
                assert json.loads(one.answer) == pytest.approx(boxes[-1], abs=1e-3)
                found["end"] += 1
            else:
                start, end = json.loads(one.answer)
                at = [i for i, b in enumerate(boxes or ()) if b]
                own = [at[0] / 4, (at[-1] + 1) / 4] if boxes else [sounds[0]["start"], sounds[0]["end"]]
                assert [start, end] == pytest.approx(own, abs=0.01)
                found["seen" if boxes else "heard"] += 1
    assert len(found) == 6 and min(found.values()) > 5, found


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


def _colours(one) -> list[str]:
    """English names of the colours that a question's rationale has; none where it has anything else."""
    names = {phrases(language).colour(c): c for language in ("en", "es") for c in COLOURS}
    words = [word.strip() for word in one.rationale.split(",")]
    return [names[word] for word in words] if {*words} <= {*names} else []


def _each(one, truth) -> list[str]:
    """The names of the picture that a question's evidence lies in, from left to right."""
    some = sorted(truth[one.evidence[0].part]["objects"], key=lambda t: t["box"][0] + t["box"][2])
    return list(dict.fromkeys(t["name"] for t in some))


def test_listings_name_each_thing_once_from_left_to_right_and_each_sound_in_turn():
    rng, found = np.random.default_rng(8), Counter()
    forms = {language: phrases(language).word("listing", things="{}") for language in ("en", "es")}
    described = [w for language in forms for w in phrases(language).document["questions"]["describe"]]
    heard = [w for language in forms for t in ("transcript", "sounds") for w in _wordings(language, t)]
    in_order = [w for own in listings.IN_ORDER.values() for w in own]
    for truth, asked in islice(imagined.made(LEXICON, rng), 900):
        for one in asked:
            names = [name.strip() for name in one.named]
            if one.question in (*described, *in_order) and len(things(truth[0])) > 1:
                middles = [e.where.x0 + e.where.x1 for e in one.evidence]
                assert middles == sorted(middles) and len(middles) == len(things(truth[0])) and one.along == "row"
                told = ", ".join(dict.fromkeys(names))
                assert one.answer in (forms["en"].format(told), forms["es"].format(told))
                found["worlds" if one.question in described else "newcomers"] += 1
            elif one.question in heard:
                assert one.answer == ", ".join(dict.fromkeys(names)) and len(names) == len(truth[0]["sounds"])
                assert [e.where.start for e in one.evidence] == sorted(e.where.start for e in one.evidence)
                found["heard"] += 1
    assert len(found) == 3 and min(found.values()) > 10, found


def _wordings(language: str, template: str) -> list[str]:
    return phrases(language).document["questions"][template]


def test_tallies_are_those_of_the_truth():
    rng, found = np.random.default_rng(9), Counter()
    for truth, asked in islice(imagined.made(LEXICON, rng), 900):
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


def test_what_is_written_under_things_is_asked_for_both_ways():
    rng, found = np.random.default_rng(6), Counter()
    for truth, asked in islice(imagined.made(LEXICON, rng), 1500):
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


def test_a_training_learns_what_is_imagined_beside_its_data(recipe, tiny, monkeypatch):
    parts = replace(tiny(), lexicon=lambda: LEXICON)
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
    half.imagine = partial(imagined.perceived, LEXICON, simulated())
    assert len(next(iter(half))) == 3 + 2


def test_of_what_was_not_perceived_nothing_is_asked_but_a_step_has_its_examples(recipe, tiny, monkeypatch):
    parts = replace(tiny(), lexicon=lambda: LEXICON)
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

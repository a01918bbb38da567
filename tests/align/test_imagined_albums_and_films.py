"""What is asked of imagined albums, of films and of pictures that something is heard beside is true of them."""

import json
from collections import Counter
from itertools import islice

import numpy as np
import pytest

from trenza.align import album_drills, drills, imagined
from trenza.align.conversations import Talk
from trenza.align.drills import Known
from trenza.align.grounded import grounded
from trenza.align.imagined_media import truth_of
from trenza.align.sayings import carriers
from trenza.data.worlds.drawing import COLOURS
from trenza.data.worlds.phrases import phrases


def test_two_pictures_differ_in_what_their_questions_say(lexicon):
    rng, found = np.random.default_rng(5), Counter()
    for truth, asked in islice(imagined.made(lexicon, rng), 900):
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


def test_of_two_tallied_pictures_the_one_with_more_is_told(lexicon):
    rng, found = np.random.default_rng(15), Counter()
    own = {language: [form.partition("{x}") for form in forms] for language, forms in album_drills.MORE.items()}
    for truth, asked in islice(imagined.made(lexicon, rng), 900):
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


def test_what_a_sound_and_a_picture_answer_together_is_true(many):
    found = Counter()
    for truth, asked in many:
        if len(truth) != 2 or "objects" not in truth[0] or "sounds" not in truth[1]:
            continue
        said = " ".join(sound["name"] for sound in truth[1]["sounds"])
        before = [c for lang in ("en", "es") for c in carriers(lang) if said.startswith(f"{c} ")]
        name = said.removeprefix(f"{before[0]} ") if before else said
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
                found["point", bool(before), len(truth[1]["sounds"])] += 1
            elif one.answer == name:
                found["name"] += 1
            else:
                assert one.answer in (phrases(lang).colour(thing["colour"]) for lang in ("en", "es"))
                found["colour"] += 1
    assert len(found) == 7 and min(found.values()) > 5, found


def test_films_answers_are_what_happens_in_them(many):
    found = Counter()
    for truth, asked in many:
        if "times" not in truth[0] or len(truth[0]["objects"]) < 2:
            continue
        things_, sounds = {t["name"]: t["boxes"] for t in truth[0]["objects"]}, truth[0].get("sounds", [])
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


def test_a_film_without_a_sound_track_has_no_medium_of_sound(many, simulated):
    found, rng = Counter(), np.random.default_rng(2)
    both = simulated()
    for truth, _ in many:
        if "times" in truth[0] and not truth[0].get("sounds"):
            kinds = [medium.kind for medium in both.medium(truth[0], rng)]
            assert kinds == (["video", "audio"] if "sounds" in truth[0] else ["video"])
            found[len(kinds)] += 1
    assert min(found[1], found[2]) > 30, found


@pytest.mark.parametrize("kind", ["scene", "album"])
def test_two_things_are_of_one_colour_as_often_as_not_where_that_is_asked(kind, lexicon, simulated):
    """Else the answer is told by the wording, which is another for scenes than for albums."""
    answers, rng, senses = Counter(), np.random.default_rng(21), simulated()
    names = [english for english, _ in lexicon.names[:9]]
    for _ in range(2500):
        truth = truth_of(kind, "en", names[:5], [], [], rng)
        one = album_drills.same_colour(Known(Talk("", (), (), truth, "en"), rng, names[5:]))
        if one is not None:
            media = tuple(m for picture in truth for m in senses.medium(picture, rng))
            answers["drawn", one.answer] += 1
            answers["perceived", one.answer] += grounded(media, one) is not None
    for part in ("drawn", "perceived"):
        yes, no = answers[part, "yes"], answers[part, "no"]
        assert yes + no > 200 and 0.42 < yes / (yes + no) < 0.58, answers


def test_of_a_picture_without_things_none_are_counted():
    known = Known(Talk("", (), (), ({"objects": []},), "en"), np.random.default_rng(0), ["cow"])
    assert drills.numbers(known) is None


def _colours(one) -> list[str]:
    """English names of the colours that a question's rationale has; none where it has anything else."""
    names = {phrases(language).colour(c): c for language in ("en", "es") for c in COLOURS}
    words = [word.strip() for word in one.rationale.split(",")]
    return [names[word] for word in words] if {*words} <= {*names} else []


def _each(one, truth) -> list[str]:
    """The names of the picture that a question's evidence lies in, from left to right."""
    some = sorted(truth[one.evidence[0].part]["objects"], key=lambda t: t["box"][0] + t["box"][2])
    return list(dict.fromkeys(t["name"] for t in some))


def _wordings(language: str, template: str) -> list[str]:
    return phrases(language).document["questions"][template]

"""Judging alone is learned from places that are given; what is imagined is as true as its own places."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from trenza.align import judging
from trenza.align import recipe as recipes
from trenza.align.judging import imagined
from trenza.align.lexicon import Lexicon
from trenza.align.trainer import Trainer
from trenza.errors import UsageError

LEXICON = Lexicon([(f"thing{i}", f"cosa{i}") for i in range(40)], [], [])


def test_questions_are_of_every_kind_and_the_answers_as_often_yes_as_no():
    some = list(islice(imagined(LEXICON, np.random.default_rng(1)), 3000))
    assert {kind for kind, _ in some} == {"picture", "pictures", "sound"}
    answers = [asked.answer for _, asked in some]
    no, yes = answers.count("no"), answers.count("yes") + answers.count("sí")
    assert 0.4 < no / (no + yes) < 0.6 and no + yes > 1200
    assert {"1", "2", "3", "4", "5"} <= set(answers) and len(set(answers)) < 100
    left = [a for _, a in some if a.question.startswith("Is the") and " left " in a.question]
    for asked in left:
        one, two = ((e.where.x0 + e.where.x1) / 2 for e in asked.evidence)
        assert (one < two) == (asked.answer == "yes")
    assert len(left) > 50


def test_a_training_judges_beside_what_it_looks_at_and_only_what_is_read_off_the_places_is_learned(recipe, tiny):
    parts = replace(tiny(), lexicon=lambda: LEXICON)
    training = Trainer(recipes.load(recipe, ["judging=12"]), parts)
    places = training.places
    batch = next(iter(training.feed))
    judged = [e for e in batch if not e.media]
    assert batch[: len(judged)] == judged and [len(e.turns) for e in judged] == [judging.TURNS, 12 - judging.TURNS]
    for turn in (t for e in judged for t in e.turns):
        assert places.base <= turn.question[-1] < places.seen and turn.answer.count(places.seen) == 1
    again = Trainer(recipes.load(recipe, ["judging=12"]), parts).feed
    assert next(iter(again))[0] == judged[0]  # as its seed and its place say
    assert next(iter(training.feed))[0] != judged[0]


def test_a_system_that_needs_media_is_told_so(recipe, tiny):
    with pytest.raises(UsageError, match="needs media, leave it out"):
        Trainer(recipes.load(recipe, ["system=blip2_stage1", "judging=4"]), tiny())

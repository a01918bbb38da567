"""Judging alone is learned from places that are given; what is imagined is as true as its own places."""

from itertools import islice

import numpy as np
import pytest
import torch

from trenza.align import judging, recipe
from trenza.align.feeding import Words
from trenza.align.judging import given, imagined
from trenza.align.lexicon import Lexicon
from trenza.systems.llava import BridgeConfig, Llava, LlavaConfig

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


@pytest.fixture
def system(tiny):
    parts = tiny()
    bridges = {"image": BridgeConfig("objects", languages=2, names=40)}
    return parts, Llava(LlavaConfig(bridges, rank=4), parts.language)


def test_only_the_answer_is_learned_and_its_loss_falls(system, tmp_path):
    parts, system = system
    words = Words(parts.tokenizer)
    kind, asked = next(imagined(LEXICON, np.random.default_rng(0)))
    made = given(asked, words, system.places, kind == "sound")
    assert made.question[-1] == system.places.seen and system.places.seen not in made.answer
    assert len(made.answer) == len(parts.tokenizer.encode(asked.answer)) + 1
    told = {"system": "llava", "out": tmp_path, "data": [{"path": tmp_path}], "batch": 1, "warmup": 1}
    settings = recipe.Recipe(**told, steps=12, learning_rate=1e-2, places_rate=1e-2, rank=4)
    rows: list[dict] = []
    torch.manual_seed(0)
    judging.train(system, words, LEXICON, settings, rows.append)
    assert len(rows) == 12 and np.mean([r["loss"] for r in rows[-3:]]) < 0.85 * rows[0]["loss"]

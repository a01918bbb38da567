"""What is asked of imagined single things is true of them, and a training learns it whole."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from trenza.align import recipe as recipes
from trenza.align import singles
from trenza.align.lexicon import Lexicon
from trenza.align.simulated import Simulated
from trenza.align.trainer import Trainer
from trenza.align.truths import things
from trenza.errors import UsageError
from trenza.systems.abstaining import abstained

LEXICON = Lexicon(
    [(f"thing{i:02}", f"cosa{i:02}") for i in range(40)],
    [(f"noise{i:02}", f"ruido{i:02}") for i in range(9)],
    ["a"] * 9,
)


def simulated() -> Simulated:
    return Simulated(LEXICON.names, LEXICON.sounds, lambda text: [1, 2], lambda text: [3])


def test_the_answer_is_the_name_and_what_isnt_there_is_said_so():
    answers, kinds = Counter(), Counter()
    for truth, asked in islice(singles.imagined(LEXICON, np.random.default_rng(2)), 600):
        names = [things(t)[0]["name"] for t in truth]
        kinds[len(truth), *truth[0]] += 1
        assert 0 < len(asked) <= singles.MOST
        for one in asked:
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
    assert len(kinds) == 4 and min(kinds.values()) > 20
    assert min(answers[k] for k in ("yes", "sí", "absent", "name")) > 40
    assert 0.35 < answers["no"] / (answers["yes"] + answers["sí"] + answers["no"]) < 0.65


def test_a_part_of_what_fills_a_picture_is_reported_once_more_and_less_surely():
    made = list(singles.perceived(400, LEXICON, simulated(), np.random.default_rng(3)))
    seen = [media[0].features[0] for media, _ in made if [m.kind for m in media] == ["image", "lines"]]
    twice = [rows for rows in seen if len(rows) > 1 and (rows[1, 16:18] >= rows[0, 16:18]).all()]
    assert 0.1 < len(twice) / len(seen) < 0.5
    inside = [rows for rows in twice if set(rows[0, :2].tolist()) == set(rows[1, :2].tolist())]
    assert inside and all(rows[1, 20] < rows[0, 20] for rows in inside)


def test_a_training_learns_singles_beside_its_data(recipe, tiny, monkeypatch):
    parts = replace(tiny(), lexicon=lambda: LEXICON)
    monkeypatch.setattr("trenza.align.assemble.simulator", lambda *given: simulated())
    monkeypatch.setattr("trenza.align.assemble.look_with", lambda *given: (lambda some: [()] * len(some), "none"))
    with pytest.raises(UsageError, match="perceive: things, or leave it out"):
        Trainer(recipes.load(recipe, ["singles=4"]), parts)

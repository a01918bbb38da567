"""A spoken question is mostly one event for who hears it, and so for who learns from its truth."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from trenza.align import crossing_drills
from trenza.align.conversations import talks
from trenza.align.sayings import carriers
from trenza.align.together import AS_ONE, heard_together, together
from trenza.conversation import Box, Evidence, Span
from trenza.data.samples import Item

BOX = Evidence(0, Box(0.1, 0.1, 0.3, 0.3))


def sound(name: str, start: float, end: float, said: bool = True, rms: float = 0.1) -> dict:
    return {"name": name, "said": said, "start": start, "end": end, "rms": rms}


def item(*sounds: dict, language: str = "en") -> Item:
    truth = {"template": "aloud", "media": [{"objects": []}, {"sounds": list(sounds)}]}
    evidence = (BOX, *(Evidence(1, Span(s["start"], s["end"])) for s in sounds))
    return Item("k", (), "Listen.", "[0.2, 0.2]", "cross", language, "train", evidence=evidence, truth=truth)


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setitem(AS_ONE, "en", 1.0)


def test_a_spoken_question_is_one_event(always):
    spoken = [sound("Where is the", 0.2, 0.9), sound("cow", 0.98, 1.4, rms=0.2)]
    assert together(spoken, "en") == [sound("Where is the cow", 0.2, 1.4, rms=0.2)]


@pytest.mark.parametrize(
    "sounds",
    [
        [sound("cow", 0.2, 0.9), sound("dog", 1.0, 1.4)],  # as close as recordings have them
        [sound("Where is the", 0.2, 0.9)],
        [sound("Where is the", 0.2, 0.9), sound("bell", 0.98, 1.4, said=False)],
    ],
)
def test_other_sounds_stay_apart(always, sounds):
    assert together(sounds, "en") == sounds
    assert heard_together(item(*sounds)) == item(*sounds)


def test_chance_has_it_as_one_as_often_as_it_was_heard_so():
    rng = np.random.default_rng(0)
    for language, share in AS_ONE.items():
        heard = Counter(len(crossing_drills.asked_aloud("cow", language, rng)["sounds"]) for _ in range(400))
        assert heard[1] / 400 == pytest.approx(share, abs=0.08) and heard[1] + heard[2] == 400
        (first, *_) = crossing_drills.asked_aloud("cow", language, rng)["sounds"]
        assert first["name"].removesuffix(" cow") in carriers(language)


def test_evidence_lies_in_the_one_event(always):
    asked = item(sound("Where is the", 0.2, 0.9), sound("cow", 0.98, 1.4))
    joined = heard_together(asked)
    assert joined.evidence == (BOX, Evidence(1, Span(0.2, 1.4)))
    assert asked.truth["media"][1]["sounds"][0]["name"] == "Where is the"  # the item is left as it is
    (talk,) = talks([asked])
    assert [s["name"] for s in talk.truth[1]["sounds"]] == ["Where is the cow"]
    assert talk.asked[0].named == ("Where is the cow", "")
    assert heard_together(replace(asked, truth=None)).evidence == asked.evidence


def test_evidence_of_something_else_stays(always):
    asked = item(sound("Where is the", 0.2, 0.9), sound("cow", 0.98, 1.4))
    within = Evidence(1, Span(0.3, 0.6))
    assert within in heard_together(replace(asked, evidence=(*asked.evidence, within))).evidence

"""A spoken question is one event for who hears it, as for who learns from its truth."""

from dataclasses import replace

import numpy as np

from trenza.align import crossing_drills
from trenza.align.conversations import talks
from trenza.align.together import heard_together, together
from trenza.conversation import Box, Evidence, Span
from trenza.data.samples import Item
from trenza.data.worlds.phrases import phrases


def sound(name: str, start: float, end: float, said: bool = True, rms: float = 0.1) -> dict:
    return {"name": name, "said": said, "start": start, "end": end, "rms": rms}


def test_words_without_a_pause_are_one_event():
    spoken = [sound("Where is the", 0.2, 0.9), sound("cow", 0.98, 1.4, rms=0.2)]
    assert together(spoken) == [sound("Where is the cow", 0.2, 1.4, rms=0.2)]


def test_a_pause_and_a_sound_stay_apart():
    apart = [sound("cow", 0.2, 0.9), sound("dog", 1.2, 1.4), sound("bell", 1.45, 2.0, said=False)]
    assert together(apart) == apart


def test_evidence_lies_in_the_one_event():
    truth = {"template": "aloud", "media": [{"objects": []}, {"sounds": [sound("Where is the", 0.2, 0.9),
                                                                        sound("cow", 0.98, 1.4)]}]}  # fmt: skip
    box = Evidence(0, Box(0.1, 0.1, 0.3, 0.3))
    evidence = (box, Evidence(1, Span(0.2, 0.9)), Evidence(1, Span(0.98, 1.4)))
    item = Item("k", (), "Listen.", "[0.2, 0.2]", "cross", "en", "train", evidence=evidence, truth=truth)
    joined = heard_together(item)
    assert joined.evidence == (box, Evidence(1, Span(0.2, 1.4)))
    assert item.truth["media"][1]["sounds"][0]["name"] == "Where is the"  # the item is left as it is
    (talk,) = talks([item])
    assert [s["name"] for s in talk.truth[1]["sounds"]] == ["Where is the cow"]
    assert heard_together(replace(item, truth=None)).evidence == item.evidence


def test_questions_are_imagined_as_one_event():
    for language in ("en", "es"):
        carriers = {phrases(language).word(word) for word in ("aloud_where", "aloud_colour")}
        (heard,) = crossing_drills.asked_aloud("cow", language, np.random.default_rng(0))["sounds"]
        assert heard["name"].removesuffix(" cow") in carriers

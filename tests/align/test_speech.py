"""What the listener learns from: which language is written as it comes, which only where its token says so."""

import json

import numpy as np
import pytest

from trenza.align import sayings, speech
from trenza.data.corpora.speech import SAID, real_voices
from trenza.data.splits import is_test
from trenza.towers.hearing import PROMPT


@pytest.fixture
def utterances(tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "HELD_OUT", 3)
    np.save(tmp_path / "features.npy", np.arange(12, dtype=np.float16).reshape(6, 2))
    rows = [("cow", "en"), ("vaca", "es"), ("une vache", "fr"), ("horse", "en"), ("o vacă", "ro")]
    index = [(text, i, i + 1 + (i == 4), language) for i, (text, language) in enumerate(rows)]
    (tmp_path / "index.json").write_text(json.dumps(index))
    return speech.Utterances([tmp_path])


def test_helping_languages_begin_with_their_own_token(utterances):
    prompts = [utterances.prompt(n) for n in range(5)]
    assert prompts[0] == prompts[1] == prompts[3] == PROMPT
    assert len({*prompts}) == 3 and all(len(p) == len(PROMPT) and p[1:] == PROMPT[1:] for p in prompts)
    assert {*sayings.HELPING} == {*speech.BEGUN_WITH}


def test_what_is_watched_is_written_as_it_comes(utterances):
    assert utterances.held_out() == [3]  # of the last three: the others need to be told their language
    assert utterances.text(4) == "o vacă" and utterances.window(4).shape == (2, 2) and utterances.length(3) == 1


def test_articles_go_in_languages_that_are_answered_in():
    assert sayings.written("Una vaca.", "es") == "Una vaca" and sayings.written("una vaca", "es") == "vaca"
    assert sayings.written("une vache", "fr") == "une vache" and sayings.written("¡o vacă!", "ro") == "o vacă"


def test_sayings_are_of_the_train_split_and_english_voices_are_none_of_them():
    drawn = sayings.draw(400, np.random.default_rng(0))
    real = [s for s in drawn if s.file is not None]
    assert {s.language for s in real} == {"es", *sayings.HELPING}
    share = sum(s.language == "es" for s in real) / len(drawn)
    assert share == pytest.approx(sayings.REAL, abs=0.01)
    assert len(real) / len(drawn) == pytest.approx(sayings.REAL + sayings.HELP, abs=0.01)
    roots = {s.file.name.rsplit("_desc_", 1)[1] for s in real}
    assert roots == {f"{language}.ogg" for language in ("es", *sayings.HELPING)}
    for saying in real:
        place = saying.file.as_posix().split("/stamps/", 1)[1].rsplit("_desc_", 1)[0]
        assert not is_test(place, 5)


def test_what_english_recordings_say_is_told_by_their_files():
    said = {voice.file.name.removesuffix("_desc.ogg"): voice.name for voice in real_voices()}
    assert said["hen"] == "hen" and said["cow"] == "cow" and said["wildboar"] == "wild boar"
    assert {*SAID} <= {*said}

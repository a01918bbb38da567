"""Plain text is what the language model said before training, and is learned beside the media."""

from dataclasses import replace

import pytest
import torch

from trenza.align import plain
from trenza.align import recipe as recipes
from trenza.align.feeding import Words
from trenza.align.lexicon import Lexicon
from trenza.align.trainer import Trainer
from trenza.errors import UsageError

LEXICON = Lexicon([(f"thing{i:02}", f"cosa{i:02}") for i in range(40)], [], [])


@pytest.fixture(autouse=True)
def few(monkeypatch, tmp_path):
    monkeypatch.setattr(plain, "COUNT", 6)
    monkeypatch.setattr(plain, "LONGEST", 5)
    monkeypatch.setattr(plain, "PASSAGE", 7)
    monkeypatch.setenv("TRENZA_CACHE", str(tmp_path / "cache"))


def test_answers_are_the_pinned_models_own_and_are_made_once(tiny, monkeypatch):
    parts = tiny()
    words = Words(parts.tokenizer)
    made = plain.examples(parts.language, "it", words, ["cow", "bell"])
    answered, written = made[::2], made[1::2]
    assert len({tuple(e.turns[0].question) for e in answered}) == 6 and not any(e.media for e in made)
    for example in answered:
        (turn,) = example.turns
        tokens = [*example.opening, *turn.question]
        for expected in turn.answer:
            hidden = parts.language(parts.language.embed(torch.tensor(tokens))[None])
            assert int(parts.language.logits(hidden[0, -1]).argmax()) == expected
            tokens.append(expected)
        assert len(turn.answer) == 5 or turn.answer[-1] == words.end
    drawn = [e.turns[0].answer for e in written]
    assert [len(tokens) for tokens in drawn] == [7] * 6 and len(set(map(tuple, drawn))) == 6
    assert {tuple(e.turns[0].question) for e in written} == {(words.between,)} and not any(e.opening for e in written)
    monkeypatch.setattr(plain.batch, "greedy", None)  # would raise
    assert plain.examples(parts.language, "it", words, ["cow", "bell"]) == made


@torch.no_grad()
def test_passages_are_drawn_as_likely_as_the_model_finds_them(tiny, monkeypatch):
    monkeypatch.setattr(plain, "PASSAGE", 1)
    language = tiny().language
    drawn = torch.tensor(plain.passages(language, 3, 0, 4000))[:, 0]
    share = torch.bincount(drawn, minlength=language.size) / len(drawn)
    expected = language.logits(language(language.embed(torch.tensor([[3]])))[0, -1]).float().softmax(-1)
    assert (share - expected).abs().max() < 0.04


def test_a_training_takes_some_of_it_each_step(recipe, tiny):
    training = Trainer(recipes.load(recipe, ["plain=4"]), replace(tiny(), lexicon=lambda: LEXICON))
    batches = iter(training.feed)
    first, second = (next(batches)[-4:] for _ in range(2))
    asked = [tuple(e.turns[0].question) for e in (*first, *second)]
    assert not any(e.media for e in (*first, *second)) and len(set(asked)) == 4 + 1  # and what begins a passage
    with pytest.raises(UsageError, match="plain: questions without media are for llava"):
        Trainer(recipes.load(recipe, ["system=blip2_stage1", "plain=4"]), replace(tiny(), lexicon=lambda: LEXICON))

"""Conversations without media are answered by the language model as it was."""

import learning
import numpy as np
import pytest
import tiny_checkpoints
import torch

from trenza.bridges.inputs import InputsConfig
from trenza.bridges.qformer import QFormerConfig
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.conversation import Conversation, Message, text
from trenza.systems.answering import Sampling
from trenza.systems.blip2 import Blip2, Blip2Config
from trenza.systems.examples import Medium
from trenza.systems.references import pictures
from trenza.systems.system_responder import SystemResponder
from trenza.systems.words import Untouched, Words

PLAIN = Conversation((Message("user", (text("Say a word."),)),))
SHOWN = Conversation.ask("What?", pictures()[2])


def sense(signals):
    return [(Medium("image", torch.tensor(np.resize(s.pixels, (1, 9, 20))) / 64.0),) for s in signals]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A responder with another beneath it, and how often that was made."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tiny_checkpoints.tokenizer(template=tiny_checkpoints.TEXT_CHAT).save_pretrained(folder)
    tokenizer = Tokenizer(folder)
    end, made = tokenizer.token("<|im_end|>"), []
    torch.manual_seed(2)
    beneath = learning.language(vocabulary=300)
    alone = SystemResponder(Words(beneath).eval(), tokenizer, sense, end, context=400)

    def words() -> SystemResponder:
        made.append(1)
        return alone

    torch.manual_seed(3)
    config = Blip2Config(QFormerConfig(InputsConfig({"image": 20}, 16), 24, 4, 48, 2, 4))
    system = Blip2(config, learning.language(vocabulary=300)).eval()
    looking = SystemResponder(system, tokenizer, sense, end, context=400)
    return Untouched(system, tokenizer, sense, end, context=400, words=words), looking, alone, made


def test_who_shows_something_is_answered_by_the_system_and_who_doesnt_by_the_language_model(both):
    made, looking, alone, count = both
    few = Sampling(max_tokens=6)
    assert made.respond(SHOWN, few).text == looking.respond(SHOWN, few).text and not count
    answer = made.respond(PLAIN, few)
    assert made.timings == alone.timings  # the very same, not what it took before
    assert answer.text == alone.respond(PLAIN, few).text and answer.support is None and len(count) == 1
    assert answer.text != looking.respond(PLAIN, few).text


def test_many_at_once_come_back_in_order(both):
    made, looking, alone, count = both
    asked = [PLAIN, SHOWN, PLAIN, SHOWN]
    whose = [alone, looking, alone, looking]
    expected = [who.respond_many([c], 20)[0].text for who, c in zip(whose, asked, strict=True)]
    assert [answer.text for answer in made.respond_many(asked, 20)] == expected
    scores = [who.score(c, ["yes", "no"]) for who, c in zip(whose, asked, strict=True)]
    assert np.allclose(made.score_many([(c, ["yes", "no"]) for c in asked]), scores, rtol=1e-3)
    later = Conversation((*SHOWN.messages, Message("assistant", (text("A house."),)), *PLAIN.messages))
    assert made.respond_many([later], 20)[0].text == looking.respond_many([later], 20)[0].text  # shown before
    assert made.respond_many([]) == [] and len(count) <= 1

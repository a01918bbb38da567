"""The responder over the bench's systems, on tiny ones with random weights and a tokenizer of bytes."""

from types import SimpleNamespace

import learning
import numpy as np
import pytest
import tiny_checkpoints
import torch

from trenza.bridges.inputs import InputsConfig
from trenza.bridges.objects import ObjectTokens
from trenza.bridges.perceived import EVENT_COLUMNS, OBJECT_COLUMNS, RIVALS
from trenza.bridges.qformer import QFormerConfig
from trenza.bridges.resampler import ResamplerConfig
from trenza.checkpoints.tokenizer import Tokenizer
from trenza.conversation import Box, Conversation, Evidence, Message, medium, text
from trenza.errors import UsageError
from trenza.signals import Audio, Image, Video
from trenza.systems.answering import Sampling
from trenza.systems.blip2 import Blip2, Blip2Config
from trenza.systems.examples import Example, Medium
from trenza.systems.flamingo import Flamingo, FlamingoConfig
from trenza.systems.places import LOOKS
from trenza.systems.references import pictures, references
from trenza.systems.remembering import Remembering
from trenza.systems.system_responder import SystemResponder

HOUSE, CAR = pictures()[2], pictures()[4]
PICTURES = InputsConfig({"image": 20, "video": 20}, 16)


def sense(signals):
    """Features of the colours of nine strips of a picture."""
    return [_media(signal) for signal in signals]


def _media(signal) -> tuple[Medium, ...]:
    if isinstance(signal, Audio):
        return (Medium("audio", torch.tensor(np.resize(signal.samples, (1, 9, 12)))),)
    frames = signal.pixels[None] if isinstance(signal, Image) else signal.frames
    strips = [[strip.mean((0, 1)) / 64 - 2 for strip in np.array_split(f.astype(float), 9)] for f in frames]
    seen = torch.tensor(np.array(strips), dtype=torch.float32).repeat(1, 1, 7)[..., :20]
    if isinstance(signal, Image):
        return (Medium("image", seen),)
    return (Medium("video", seen), *(_media(signal.audio) if signal.audio is not None else ()))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    tiny_checkpoints.tokenizer(template=tiny_checkpoints.TEXT_CHAT).save_pretrained(folder)
    return Tokenizer(folder)


def make(system, tokenizer) -> SystemResponder:
    return SystemResponder(system.eval(), tokenizer, sense, tokenizer.token("<|im_end|>"), context=400)


@pytest.fixture(scope="module")
def blip2(tokenizer) -> SystemResponder:
    torch.manual_seed(2)
    config = Blip2Config(QFormerConfig(PICTURES, 24, 4, 48, 2, 4))
    return make(Blip2(config, learning.language(vocabulary=300)), tokenizer)


@pytest.fixture(scope="module")
def flamingo(tokenizer) -> SystemResponder:
    torch.manual_seed(2)
    tags = {"image": tokenizer.encode("<image>"), "video": tokenizer.encode("<video>")}
    config = FlamingoConfig(ResamplerConfig(PICTURES, 2, 8, 32, 2, latents=5), 2, tags)
    system = Flamingo(config, learning.language(vocabulary=300))
    for block in system.gated:
        torch.nn.init.constant_(block.attention_gate, 0.7)
    return make(system, tokenizer)


@pytest.fixture(params=["blip2", "flamingo"])
def responder(request) -> SystemResponder:
    return request.getfixturevalue(request.param)


ASKED = Conversation.ask("What?", HOUSE)


def test_what_is_trained_on_is_what_is_asked(responder, tokenizer):
    example = responder.prompt(ASKED).example
    before, _, after = tokenizer.prompt([("user", [0])])
    assert example.opening == before and example.before == ()
    assert example.turns[0].question == [*tokenizer.encode("What?"), *after]
    assert torch.equal(example.media[0].features, sense([HOUSE])[0][0].features)


def test_words_between_media_stand_before(responder, tokenizer):
    parts = (text("First "), medium(HOUSE), text(" then "), medium(CAR), medium(HOUSE), text("?"))
    example = responder.prompt(Conversation((Message("user", parts),))).example
    before, _, after = tokenizer.prompt([("user", [0])])
    house, car = (sense([s])[0][0].features for s in (HOUSE, CAR))
    got = [p if isinstance(p, list) else p.features.sum() for p in example.prefix if p != []]
    page = [*before, *tokenizer.encode("First ")]
    assert got == [page, house.sum(), tokenizer.encode(" then "), car.sum(), house.sum()]
    assert example.turns[0].question == [*tokenizer.encode("?"), *after]


def test_a_question_without_media_is_answered_without_support(responder):
    answer = responder.respond(Conversation((Message("user", (text("Well?"),)),)), Sampling(max_tokens=4))
    assert answer.support is None and answer.usage.media_tokens == 0 and answer.usage.completion_tokens <= 4


def test_the_stream_is_the_answer_and_greedy_is_generate(responder, tokenizer):
    parts = []
    stream = responder.stream(ASKED, Sampling(max_tokens=12), support=False)
    while True:
        try:
            parts.append(next(stream))
        except StopIteration as done:
            answer = done.value
            break
    tokens = responder.system.generate(responder.prompt(ASKED).example, responder.end, 12)
    assert "".join(parts).strip() == answer.text == responder._read(tokens, ASKED)[0]
    assert answer.usage.completion_tokens == len(tokens)
    assert responder.timings.first_token >= responder.timings.encode > 0


def test_sampling_follows_its_seed(responder):
    drawn = [responder.respond(ASKED, Sampling(8, 1.5, seed=seed), support=False).text for seed in (1, 1, 2, 3)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1


def test_support_is_the_scores_difference_to_the_references(responder):
    got = responder.support_for(ASKED, "house")
    tokens = responder.tokenizer.encode("house")
    log_p = [log_p_of(responder, Conversation.ask("What?", picture), tokens) for picture in (HOUSE, *references(HOUSE))]
    expected = log_p[0] - float(torch.tensor(log_p[1:]).exp().mean().log())
    assert got.total == pytest.approx(expected, abs=1e-3) and abs(expected) > 1e-3
    assert got.per_token == pytest.approx(got.total / len(tokens))
    assert responder.respond(ASKED, Sampling(max_tokens=3)).support is not None


def log_p_of(responder, asked: Conversation, answer: list[int]) -> float:
    """By one sequence: the evidence that the system gives here, then the answer."""
    example, places = responder.prompt(asked).example, responder.places
    look = places.looked(responder.system.generate(example, places.seen, LOOKS))
    whole, before = responder.system.score(example, [[*look, *answer], look]).tolist()
    return whole - before


def test_scores_are_log_probabilities_of_whole_answers_behind_the_evidence(responder):
    encode, end, place = responder.tokenizer.encode, responder.end, responder.places.position(0.5)
    expected = [log_p_of(responder, ASKED, [*a, end]) for a in (encode("yes"), encode("no"), [place, place])]
    assert responder.score(ASKED, ["yes", "no", "[0.5, 0.5]"]) == pytest.approx(expected, abs=1e-4)


def test_evidence_points_to_the_part_and_places_are_told_whole(responder):
    parts = (text("Here: "), medium(HOUSE), text("Where?"))
    asked = Conversation((Message("user", parts),))
    places, encode = responder.places, responder.tokenizer.encode
    where = Evidence(0, Box(0.25, 0.5, 0.75, 1.0))
    tokens = [*places.evidence((where,)), *places.write("At [0.5, 0.25] it is", encode, False)]

    class Says:
        def generate(self, example: Example, end: int, most: int) -> list[int]:
            return tokens

    told = SystemResponder(Says(), responder.tokenizer, sense, responder.end)
    told.places = places
    stream, parts = told.stream(asked, support=False), []
    while True:
        try:
            parts.append(next(stream))
        except StopIteration as done:
            answer = done.value
            break
    assert answer.text == "At [0.504, 0.252] it is" and "".join(parts) == answer.text
    (found,) = answer.evidence
    assert found.part == 1 and found.where.x0 == pytest.approx(0.25, abs=0.01)


def test_a_system_that_only_generates_refuses_to_sample(responder):
    class Says:
        def generate(self, example: Example, end: int, most: int) -> list[int]:
            return responder.tokenizer.encode("yes")

    told = SystemResponder(Says(), responder.tokenizer, sense, responder.end)
    assert told.respond(ASKED, support=False).text == "yes"
    with pytest.raises(UsageError, match="leave the temperature at 0"):
        told.respond(ASKED, Sampling(temperature=1.0))


def test_a_medium_it_cannot_take_and_too_long_a_conversation_are_said(responder):
    sound = Audio(np.zeros(16_000, np.float32))
    with pytest.raises(UsageError, match="can't take audio; it takes image, video"):
        responder.respond(Conversation.ask("What?", sound))
    film = Video(np.zeros((3, 20, 20, 3), np.uint8), np.array([0.0, 1.0, 2.0]), sound)
    with pytest.raises(UsageError, match="can't take audio"):
        responder.score(Conversation.ask("What?", film), ["yes"])
    silent = Video(film.frames, film.times, None)
    assert np.isfinite(responder.support_for(Conversation.ask("What?", silent), "a").total)
    with pytest.raises(UsageError, match="the limit is 399"):
        responder.respond(Conversation.ask("What? " * 100, HOUSE))


def test_many_at_once_are_what_each_is_alone(responder):
    asked = [ASKED, Conversation.ask("And this one?", CAR), Conversation.ask("Both?", HOUSE, CAR)]
    alone = [responder.respond(c, support=False) for c in asked]
    together = responder.respond_many(asked)
    assert [(a.text, a.usage, a.evidence) for a in together] == [(a.text, a.usage, a.evidence) for a in alone]
    assert [a.usage.completion_tokens for a in responder.respond_many(asked, 2)] == [2, 2, 2]
    requests = [(c, ["yes", "no", "[0.5, 0.5]"]) for c in asked]
    for got, request in zip(responder.score_many(requests), requests, strict=True):
        assert got == pytest.approx(responder.score(*request), abs=1e-3)


def test_a_picture_is_sensed_once(blip2, tokenizer):
    seen = []

    def count(signals):
        seen.extend(signals)
        return sense(signals)

    told = SystemResponder(blip2.system, tokenizer, count, blip2.end)
    told.score_many([(ASKED, ["a"]), (Conversation.ask("Again?", HOUSE, CAR), ["b"])])
    told.score(ASKED, ["c"])
    assert len(seen) == 2


def test_what_is_asked_for_is_looked_for_and_counted_as_it_is_called_then(tokenizer):
    bridge = ObjectTokens(8, 1, 2)
    for number, name in enumerate((" ox", " cow")):
        spelled = tokenizer.encode(name)
        bridge.names.spelling[0, number, : len(spelled)] = torch.tensor(spelled, dtype=torch.int32)
    row = torch.zeros(1, 1, OBJECT_COLUMNS)
    row[0, 0, :2], row[0, 0, RIVALS : RIVALS + 2] = torch.tensor([0.0, 1.0]), torch.tensor([0.6, 0.3])
    names = SimpleNamespace(
        bridges={"image": bridge},
        media_tokens=lambda media: sum(len(bridge.named(r.tolist())[0]) for m in media for r in m.features[0]),
    )
    responder = SystemResponder(names, tokenizer, lambda signals: [(Medium("image", row),) for _ in signals], 0)
    plain, asked = (responder.prompt(Conversation.ask(q, HOUSE)) for q in ("What is it?", "Is there a cow?"))
    assert torch.equal(plain.example.media[0].features, row) and plain.asked == {"image": []}
    assert asked.example.media[0].features[0, 0, 0] == 1 and asked.asked == {"image": [(1,)]}
    assert asked.media_tokens - plain.media_tokens == len(tokenizer.encode(" cow")) - len(tokenizer.encode(" ox")) > 0
    assert torch.equal(responder.prompt(Conversation.ask("What is it?", HOUSE)).example.media[0].features, row)


def test_what_is_said_beside_a_picture_is_heard_again(tokenizer, tmp_path):
    bridge, row, shown = ObjectTokens(8, 1, 1), torch.zeros(1, 1, OBJECT_COLUMNS), []
    spelled = tokenizer.encode(" ox")
    bridge.names.spelling[0, 0, : len(spelled)] = torch.tensor(spelled, dtype=torch.int32)
    row[0, 0, RIVALS] = 1.0

    class Ears:
        def __call__(self, signals):
            heard = Medium("audio", torch.ones(1, 1, EVENT_COLUMNS))
            return [(Medium("image", row.clone()) if isinstance(s, Image) else heard,) for s in signals]

        def beside(self, sound, names):
            shown.append(names)
            return Medium("audio", torch.full((1, 1, EVENT_COLUMNS), 2.0))

    names = SimpleNamespace(bridges={"image": bridge}, media_tokens=len)
    sound, ears = Audio(np.zeros(800, np.float32)), Remembering(Ears(), tmp_path / "kept")
    responder = SystemResponder(names, tokenizer, ears, 0)
    heard = [responder.prompt(Conversation.ask("?", *media)).example for media in ((HOUSE, sound), (sound,))]
    assert [float(e.media[-1].features[0, 0, 0]) for e in heard] == [2.0, 1.0] and shown == [("ox",)]

"""What a question names, and how a thing that may be it is taken for it."""

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from trenza.align.lexicon import of_the_default
from trenza.bridges.events import EventTokens
from trenza.bridges.lines import LineTokens
from trenza.bridges.objects import ObjectTokens
from trenza.bridges.perceived import EVENT_COLUMNS, LINE_COLUMNS, NONE, OBJECT_COLUMNS, OWNER, RIVALS, SLOTS
from trenza.conversation import Conversation, Message, text
from trenza.data.worlds.phrases import phrases
from trenza.systems.asked import LIKELIER, Questions, _found, _table, likelier, looked_for
from trenza.systems.examples import Example, Medium, Turn

NAMES = {
    "cow": "vaca", "horse": "caballo", "red car": "coche rojo", "car": "coche", "bell": "campana", "on": "encendido",
    "wolf": "lobo", "abc de fghi": "uno", "lion": "león", "doe": "cierva", "leo": "leo", "again": "vaca",
    "giraffe": "jirafa", "knife": "navaja", "woman": "mujer", "human": "humano",
}  # fmt: skip
ENGLISH, SPANISH = (*NAMES,), (*NAMES.values(),)
COW, HORSE, RED_CAR, CAR, BELL, ON, WOLF, LONG, LION, DOE, LEO, AGAIN, GIRAFFE, KNIFE, WOMAN, HUMAN = range(len(NAMES))
LETTERS = "\0 abcdefghijklmnopqrstuvwxyzó"


def encode(name: str) -> list[int]:
    return [LETTERS.index(letter) for letter in name]


def decode(tokens: list[int]) -> str:
    return "".join(LETTERS[t] for t in tokens)


@pytest.fixture
def questions() -> Questions:
    bridges: dict[str, nn.Module] = {
        "image": ObjectTokens(8, 2, 16), "audio": EventTokens(8, 2, 16, 2), "lines": LineTokens(8, 2, 16),
    }  # fmt: skip
    for bridge in bridges.values():
        rows = [[(encode(name) + [NONE] * SLOTS)[:SLOTS] for name in own] for own in (ENGLISH, SPANISH)]
        bridge.names.spelling.copy_(torch.tensor(rows, dtype=torch.int32))
    bridges["audio"].words[1, 1, :4] = torch.tensor(encode(" cow"), dtype=torch.int32)
    return Questions(bridges, decode)


def asked(questions: Questions, said: str, *media: Medium, kind: str = "image") -> list[int]:
    """The first number of each name."""
    return [numbers[0] for numbers in questions(Conversation.ask(said), media)[kind]]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Is there a cow in the picture?", [COW]),
        ("Are there more Cows than horses?", [COW, HORSE]),
        ("¿Hay vacas o un «caballo»?", [COW, HORSE]),
        ("Where are the wolves?", [WOLF]),
        ("Is the red car left of the car?", [RED_CAR, CAR]),  # the longest name is meant
        ("¿Cuántos coches rojos hay?", [RED_CAR]),
        ("¿Hay leones, o un león?", [LION]),
        ("¿Hay un leo\u0301n, o un leon?", [LION]),  # an accent written apart, or not at all
        ("What does this show? Is it on the left?", []),  # names, but not what is meant
        ("Is there a doe? An «on»?", [DOE, ON]),
        ("Is there a scar, a cowboy or a bells-and-whistles?", [BELL]),
        ("Is there an abc de?", [LONG]),  # its end was cut off in the midst of a word
        ("cow, bell, cow", [BELL, COW]),  # the last words' names last
        ("Are there giraffes, knives, women, humans?", [GIRAFFE, KNIFE, WOMAN, HUMAN]),
        ("", []),
    ],
)
def test_names_are_found_in_the_words_that_ask(questions, said, meant):
    assert asked(questions, said) == meant


def test_names_that_may_be_cut_off_are_not_told_whole(questions):
    english, spanish = questions.whole("image")
    assert english[COW] == "cow" and english[LONG] == "" and spanish[LION] == "león" and spanish[RED_CAR] == ""
    assert questions.whole("video") == []


def test_a_name_that_two_numbers_have_is_one_name(questions):
    assert questions(Conversation.ask("¿Hay una vaca?"), ())["image"] == [(COW, AGAIN)]


def test_only_who_asks_is_listened_to(questions):
    turns = [("system", "You count cows."), ("user", "Is there a bell?"), ("assistant", "no horse"), ("user", "A cow?")]
    conversation = Conversation(tuple(Message(role, (text(words),)) for role, words in turns))
    assert [numbers[0] for numbers in questions(conversation, ())["image"]] == [BELL, COW]


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_worlds_own_wordings_ask_for_nothing(language):
    known = of_the_default().names
    table = _table(tuple(zip(*known, strict=True)), [[False] * len(known)] * 2)
    told = [said for some in phrases(language).document["questions"].values() for said in some]
    found = {known[numbers[0]][0] for said in told for numbers in _found(re.sub("{.*?}", "xyz", said), table)}
    assert len(told) > 100 and found <= {"button", "label", "screen", "switch", "greater than"}


def event(name: int, said: tuple[int, ...] = ()) -> Medium:
    row = torch.full((EVENT_COLUMNS,), float(NONE))
    row[0], row[1:4], row[24], row[32:] = float(bool(said)), 0.5, name, torch.tensor([1.0] + [0.0] * 7)
    row[4 : 4 + len(said)] = torch.tensor(said, dtype=torch.float32)
    return Medium("audio", row[None, None])


def test_what_is_heard_asks_too_and_the_words_come_last(questions):
    assert asked(questions, "Where is the bell?", event(HORSE)) == [HORSE, BELL]
    assert asked(questions, "Answer what is said.", event(BELL, said=(1,))) == [COW]


def test_a_sound_is_not_likelier_for_being_likeliest(questions):
    assert asked(questions, "What is heard?", event(HORSE), kind="audio") == []
    assert asked(questions, "Is a bell heard?", event(HORSE), event(BELL, said=(1,)), kind="audio") == [COW, BELL]


def picture(*rivals: dict[int, float]) -> Medium:
    rows = torch.zeros(1, len(rivals), OBJECT_COLUMNS)
    for row, own in zip(rows[0], rivals, strict=True):
        row[:RIVALS] = NONE
        row[: len(own)] = torch.tensor(list(own), dtype=torch.float32)
        row[RIVALS : RIVALS + len(own)] = torch.tensor(list(own.values()))
    return Medium("image", rows)


def named(medium: Medium) -> Tensor:
    return medium.features[0, :, 0].int()


def test_a_thing_that_may_be_what_is_asked_for_is_taken_for_it():
    seen = picture({HORSE: 0.5, COW: 0.2, CAR: 0.1}, {CAR: 0.9, COW: 0.01}, {BELL: 1.0})
    before = seen.features.clone()
    found = likelier(seen, {"image": [(COW,)]})
    assert named(found).tolist() == [COW, CAR, BELL]  # 0.01 is too little even so
    first, second, third = found.features[0, :, RIVALS : 2 * RIVALS]
    assert first[:3].tolist() == pytest.approx([c * 0.8 / 3.0 for c in (0.2 * LIKELIER, 0.5, 0.1)])
    assert second.sum() == pytest.approx(0.91) and third.tolist() == [1.0] + [0.0] * 7
    assert torch.equal(found.features[..., 2 * RIVALS :], before[..., 2 * RIVALS :])
    assert torch.equal(seen.features, before)


def test_what_names_nothing_that_may_be_there_stays_as_it_is():
    seen = picture({HORSE: 0.5, CAR: 0.1})
    assert likelier(seen, {"image": [(COW,)]}) is seen
    assert likelier(seen, {"image": []}) is seen
    moved = replace(seen, kind="video")
    assert likelier(moved, {"image": [(HORSE,)]}) is moved
    empty = picture()
    assert likelier(empty, {"image": [(COW,)]}) is empty


def test_sounds_and_the_things_over_lines_are_looked_for_too():
    heard = event(HORSE)
    heard.features[0, 0, 25], heard.features[0, 0, 32:34] = COW, torch.tensor([0.8, 0.2])
    assert likelier(heard, {"audio": [(COW,)]}).features[0, 0, 24] == COW
    line = torch.zeros(1, 1, LINE_COLUMNS)
    line[0, 0, OWNER] = torch.tensor([HORSE, COW, *[NONE] * 6, 0.8, 0.2, *[0.0] * 6])
    example = Example([], (Medium("lines", line), event(BELL)), (Turn([1], []),))
    seen, left = looked_for(example, {"lines": [(COW,)], "audio": [(COW,)]}).media
    assert seen.features[0, 0, OWNER][0] == COW and left is example.media[1]

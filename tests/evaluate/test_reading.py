"""Answers as models write them, and what they say."""

import pytest

from trenza.conversation import Box, Evidence, Span
from trenza.evaluate.measures.evidence import time_iou
from trenza.evaluate.reading import exact, near, normalised, overlap, refused, right

CLICK = '{{"name": "click", "arguments": {{"x": {}, "y": {}}}}}'
DONE = '{"name": "done", "arguments": {}}'
ANIMALS = ("cat", "dog", "black cat", "elephant")


@pytest.mark.parametrize(
    "text",
    [
        "dog", "Dog.", "**Dog**", "The answer is dog.", "The correct answer is: **dog**", "It's a dog.",
        "I think it is a dog", "This looks like a dog!", "- dog", "> dog", "```\ndog\n```", "# Answer\n\ndog",
        "Sure! The answer is dog.", "Answer: dog", "The picture shows a dog.", "“dog”", "Option: dog",
        "In this picture, the animal that you can see is a dog.", "There is a dog.", "\\boxed{dog}",
        "Looking at the picture closely, I can see a dog sitting there.",
    ],
)  # fmt: skip
def test_an_answer_is_found_in_english_sentences_and_markdown(text):
    assert normalised(text, ANIMALS) == "dog"
    assert right(text, "dog", ANIMALS)


@pytest.mark.parametrize(
    "text",
    ["perro", "Un perro.", "La respuesta es perro.", "La respuesta correcta es: **perro**", "Creo que es un perro.",
     "Es un perro", "Se trata de un perro.", "Veo un perro.", "La imagen muestra un perro.", "Respuesta: perro",
     "Claro, la respuesta es «perro»."],
)  # fmt: skip
def test_an_answer_is_found_in_spanish_sentences(text):
    assert normalised(text, ("gato", "perro", "elefante")) == "perro"


@pytest.mark.parametrize(
    ("text", "choices", "expected"),
    [
        ("black cat", ANIMALS, "black cat"),
        ("I see a black cat.", ANIMALS, "black cat"),
        ("Yes, there is a dog.", ("yes", "no"), "yes"),
        ("No, I don't see one.", ("yes", "no"), "no"),
        ("Sí, hay un perro.", ("sí", "no"), "sí"),
        ("No hay ninguno.", ("sí", "no"), "no"),
        ("There are three of them.", ("1", "2", "3", "4"), "3"),
        ("Hay tres.", ("1", "2", "3", "4"), "3"),
        ("3", ("1", "2", "3", "4"), "3"),
        ("[0.1, 0.1, 0.5, 0.52]", ("[0.1, 0.1, 0.5, 0.5]", "[0.6, 0.6, 0.9, 0.9]"), "[0.1, 0.1, 0.5, 0.5]"),
        ("It is at [0.61, 0.6].", ("[0.1, 0.1]", "[0.6, 0.6]"), "[0.6, 0.6]"),
        ("[0.5, 3.0]", ("[1.75, 3.0]", "[0.5, 3.0]"), "[0.5, 3.0]"),  # near both
        ("[0.6, 3.0]", ("[1.75, 3.0]", "[0.5, 3.0]"), "[0.5, 3.0]"),
        ("[0.9, 0.95]", ("[0.1, 0.1]", "[0.6, 0.6]"), None),
        (
            CLICK.format(0.835, 0.36),
            (DONE, CLICK.format(0.836, 0.367), CLICK.format(0.836, 0.45)),
            CLICK.format(0.836, 0.367),
        ),
        (CLICK.format(0.2, 0.6), (DONE, CLICK.format(0.32, 0.6)), None),
        (DONE, (DONE, CLICK.format(0.3, 0.6)), DONE),
        ('{"name": "hover", "arguments": {"x": 0.3, "y": 0.6}}', (DONE, CLICK.format(0.3, 0.6)), None),
        ('{"a": [1, 4]}', ('{"a": [1, 5]}', '{"a": [2, 4]}'), None),
        ('{"x": 0.3, "y": 0.35}', ('{"x": 0.36, "y": 0.3}', "{}"), None),  # no call, so it may be a chart's data
        ('{"tea": 81}', ('{"tea": 80}', '{"tea": 60}'), None),  # what is no place is the same or isn't
        ('```json\n{"y": 2, "x": 1}\n```', ('{"x": 1, "y": 2}', '{"x": 2, "y": 1}'), '{"x": 1, "y": 2}'),
    ],
)
def test_kinds_of_answers(text, choices, expected):
    assert normalised(text, choices) == expected


@pytest.mark.parametrize(
    "text",
    ["", "cat or dog", "It is a cat, not a dog.", "zebra", "I can't see that.", "catalogue", "neither cat nor dog"],
)
def test_what_gives_no_choice_is_read_as_none(text):
    assert normalised(text, ANIMALS) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("B", "dog"), ("B.", "dog"), ("(B)", "dog"), ("**B**", "dog"), ("b)", "dog"), ("B. dog", "dog"), ("dog", "dog"),
     ("The answer is B.", "dog"), ("La respuesta es la B", "dog"), ("A dog", "dog"), ("Because I say so", None)],
)  # fmt: skip
def test_letters_are_read_where_letters_were_asked_for(text, expected):
    assert normalised(text, ANIMALS, lettered=True) == expected


def test_open_answers_may_stand_in_one_short_sentence_and_no_list():
    assert right("It's an elephant.", "elephant", ())
    assert right("An elephant, walking.", "elephant", ())
    assert not right("cat or elephant", "elephant", ())
    assert not right("elephants " * 30, "elephant", ())
    assert not right("dog", "elephant", ())


def test_exact_is_to_the_letter():
    assert exact("dog", "dog") and not exact("Dog", "dog")


def test_refusals_are_known():
    for text in (
        "",
        "I can't see any picture.",
        "I am unable to tell.",
        "No puedo ver la imagen.",
        "No lo sé, no veo nada",
    ):
        assert refused(text)
    assert not refused("dog")


def test_overlap_of_boxes_and_times():
    assert overlap(Box(0, 0, 0.5, 0.5), Box(0, 0, 0.5, 1)) == pytest.approx(0.5)
    assert overlap(Span(0, 2), Span(1, 3)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 0.5, 0.5), Span(0, 1)) == 0
    assert near([0.0, 1.0], [0.1, 1.1]) and not near([0.0, 1.0], [2.0, 3.0])


def test_an_open_call_is_right_near_its_place():
    assert right(CLICK.format(0.51, 0.2), CLICK.format(0.5, 0.21), ())
    assert not right(CLICK.format(0.51, 0.4), CLICK.format(0.5, 0.21), ())
    assert not right("[3, 4]", "[3, 5]", ()) and not right("banana", "null", ())


def test_the_words_of_a_spoken_question_are_one_stretch_of_time():
    asked = (Evidence(1, Span(0.2, 1.0)), Evidence(1, Span(1.08, 1.6)))
    assert time_iou((Evidence(1, Span(0.2, 1.6)),), asked) == pytest.approx(1)
    assert time_iou(asked, asked) == pytest.approx(1) and time_iou(asked[:1], asked) == pytest.approx(0.8 / 1.4)
    apart = (Evidence(1, Span(0.2, 1.0)), Evidence(1, Span(1.1, 1.6)))  # two sounds of a recording
    assert time_iou(apart[:1], apart) == pytest.approx(0.5)
    assert time_iou((Evidence(0, Span(0.2, 1.6)),), asked) == 0

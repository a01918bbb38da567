import random
import re

from trenza.align.questions import HINTS, OPTIONS, PICTURE, request, spoken, with_options
from trenza.data.samples import Item
from trenza.evaluate import cases


def test_the_text_of_a_pair_asks_for_its_medium():
    assert request("What is this?", "a red apple") == "Draw a red apple."
    assert request("¿Qué muestra la imagen?", "una manzana") == "Dibuja una manzana."
    assert request("Write down what is said.", "hello") == "Say hello."
    assert request("What makes this sound?", "a dog") == "Make the sound of a dog."


def test_nothing_is_asked_for_by_the_answer_to_another_question():
    assert request("How many apples are there?", "two") is None
    assert request("What do you hear?", "a dog") is None  # of a voice, or of a thing
    assert all(request(PICTURE[0] + hint, "dog") is None for hint in HINTS if hint)


def test_a_share_of_questions_tells_its_choices_and_no_form_is_the_report_card_s():
    asked = [with_options("Is it so?", ("yes", "no"), "en", random.Random(n)) for n in range(400)]
    told = [q for q in asked if q != "Is it so?"]
    assert 0.14 < len(told) / 400 < 0.26 and all("yes" in q and "no" in q and "Is it so?" in q for q in told)
    assert len(set(told)) == len(OPTIONS["en"])
    assert all(with_options("Why?", (), "en", random.Random(n)) == "Why?" for n in range(40))
    item = Item("k", (), "Is it so?", "yes", "verify", "en", "test_seed", ("yes", "no"))
    assert not {cases.asked(cases.pose(item), form) for form in cases.FORMS} & set(told)


def test_y_is_e_before_the_sound_of_i():
    for said in ("«vaca» e «iglesia»", "Neto e IVA", "aguja e hilo", "«pan» y «hielo»", "«ley» y «ola»", "hoy ir"):
        assert spoken(re.sub(r"\be (?=«?h?i)", "y ", said, flags=re.I), "es") == said
    assert spoken("x y i", "en") == "x y i"

from trenza.align.questions import HINTS, PICTURE, request


def test_the_text_of_a_pair_asks_for_its_medium():
    assert request("What is this?", "a red apple") == "Draw a red apple."
    assert request("¿Qué muestra la imagen?", "una manzana") == "Dibuja una manzana."
    assert request("Write down what is said.", "hello") == "Say hello."
    assert request("What makes this sound?", "a dog") == "Make the sound of a dog."


def test_nothing_is_asked_for_by_the_answer_to_another_question():
    assert request("How many apples are there?", "two") is None
    assert request("What do you hear?", "a dog") is None  # of a voice, or of a thing
    assert all(request(PICTURE[0] + hint, "dog") is None for hint in HINTS if hint)

import torch

from trenza.systems.examples import Example, Medium, Turn


def medium(value: float) -> Medium:
    return Medium("image", torch.full((1, 4, 3), value))


def test_shots_stand_before_the_question_in_reading_order():
    first, second, third = medium(1), medium(2), medium(3)
    page = Example([1], (first,), (Turn([2, 3], []),))
    shot = Example([4], (second,), (Turn([5], [6, 7]),), before=(page,))
    asked = Example([8], (third,), (Turn([9], [10]), Turn([11], [12])), before=(shot,))
    assert asked.prefix == [[1], first, [2, 3], [4], second, [5, 6, 7], [8], third]

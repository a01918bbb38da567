"""What the tokens of one answer say of choices, worked out by hand."""

import math

import pytest

from trenza.systems.endpoint_scores import events, log_p_of, sampled


def token(text: str, **others: float) -> dict:
    """A token that was taken, with the probabilities of what was listed, itself among them."""
    listed = [{"token": t, "logprob": math.log(p), "bytes": list(t.encode())} for t, p in others.items()]
    return {**next(x for x in listed if x["token"] == text), "top_logprobs": listed}


def choice(*tokens: dict, finish: str = "stop") -> dict:
    return {"finish_reason": finish, "logprobs": {"content": list(tokens)}}


def probabilities(answer: dict, *candidates: str) -> list[float]:
    return [round(math.exp(p), 6) for p in log_p_of(events(answer)[0], candidates)]


def test_one_token_choices_have_the_listed_probabilities():
    answer = choice(token("red", red=0.6, blue=0.3, Green=0.05))
    assert probabilities(answer, "red", "blue", "green", "pink") == [0.6, 0.3, 0.05, 0.0]


def test_probabilities_multiply_along_the_answer():
    answer = choice(token("two", two=0.5, three=0.4), token(" red", **{" red": 0.7, " blue": 0.2}), token("s", s=0.9))
    assert probabilities(answer, "two red", "two blue", "three", "two reds") == pytest.approx(
        [0.5 * 0.7 * 0.0, 0.1, 0.4, 0.5 * 0.7 * 0.9]
    )


def test_what_is_written_two_ways_is_added_and_what_stands_around_is_left_out():
    answer = choice(token("Red", **{"Red": 0.4, " red": 0.3, "**": 0.1, "red": 0.1}))
    assert probabilities(answer, "red") == [0.8]


def test_a_longer_word_or_number_is_another_answer():
    answer = choice(token("1", **{"1": 0.8, "2": 0.1}), token("2", **{"2": 0.6, ".5": 0.2, ".": 0.1, "": 0.1}))
    assert probabilities(answer, "1", "12", "2") == pytest.approx([0.8 * 0.2, 0.8 * 0.6, 0.1])
    assert probabilities(answer, "1.5")[0] == pytest.approx(0.8 * 0.3)  # "1." may become it


def test_what_a_list_does_not_tell_apart_counts_for_both():
    answer = choice(token("no", no=0.7, th=0.2))
    assert probabilities(answer, "three", "thirty", "no") == [0.2, 0.2, 0.7]


def test_an_answer_that_was_cut_may_still_become_a_choice():
    cut = choice(token("a", a=0.9), token(" re", **{" re": 0.5}), finish="length")
    assert probabilities(cut, "a red car") == [0.45]
    assert probabilities({**cut, "finish_reason": "stop"}, "a red car") == [0.0]


def test_letters_of_several_tokens_are_put_together():
    first = {"token": "\\xc3", "bytes": [0xC3], "logprob": math.log(0.5), "top_logprobs": []}
    second = {"token": "\\xbc", "bytes": [0xBC], "logprob": math.log(0.5), "top_logprobs": []}
    assert probabilities(choice(first, second), "ü") == [0.25]


def test_servers_that_write_minus_infinity_break_nothing():
    answer = choice(token("red", red=1.0))
    for word, value in (("blue", "-inf"), ("green", "nan"), ("pink", "-9999")):
        answer["logprobs"]["content"][0]["top_logprobs"].append({"token": word, "logprob": float(value)})
    assert log_p_of(events(answer)[0], ["blue", "green", "pink"]) == [pytest.approx(-100)] * 3
    answer["logprobs"]["content"][0]["logprob"] = 4000.0
    assert log_p_of(events(answer)[0], ["red"]) == [0.0]


def test_sampled_answers_are_counted_by_how_they_begin():
    found = sampled(["Red.", "red car", "blue", "RED"])
    assert log_p_of(found, ["red", "blue", "green"]) == [pytest.approx(math.log(0.75)), math.log(0.25), -math.inf]
    assert log_p_of(found, ["red", "red car"]) == [math.log(0.5), math.log(0.25)]
    assert log_p_of(sampled(["猫です"]), ["猫", "猫です"]) == [-math.inf, 0.0]

"""The instrument itself: planted cheaters are caught, honest models pass, on worlds drawn anew for each session."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import cheaters
import numpy as np
import pytest

from trenza.data.corpora.entries import png
from trenza.data.worlds import pictures
from trenza.evaluate import builtin, tasks
from trenza.evaluate.asking import Outcome
from trenza.evaluate.cases import pose
from trenza.evaluate.measures import calibration
from trenza.evaluate.measures.base import correct, mean
from trenza.evaluate.objects import PRESENT, Poll
from trenza.evaluate.plan import plan
from trenza.evaluate.run import Results
from trenza.signals import decode

SEED = secrets.randbelow(10**6)


def tasks_polled(stock) -> Iterator[tasks.Task]:
    """Without end: tasks of six worlds of whose pictures POPE can ask; some draws have hardly a picture of things."""
    for n in count():
        task = builtin.worlds(48, SEED + n * 10**6, stock=stock)
        poll = Poll(task)
        if any(poll.questions(i, pose(item), True) for i, item in enumerate(task.items)):
            yield task


@pytest.fixture(scope="module")
def task(stock):
    return next(tasks_polled(stock))


@pytest.fixture(scope="module")
def in_other_words(stock):
    """A task in which nothing is asked in POPE's words: a prompt that is both has two answers for a yes-sayer."""
    openings = tuple(question.partition("{x}")[0] for question in PRESENT.values())
    some = tasks_polled(stock)
    return next(t for t in some if not any(text.startswith(openings) for text in cheaters.Oracle(t).known))


def flags(card) -> set[str]:
    return {name for name, _ in card.flags}


def value(card, name: str) -> float:
    return card.measures[name].value


def test_an_oracle_has_a_perfect_card(task):
    card, results = cheaters.judged(task, cheaters.Oracle(task))
    assert card.flags == (), f"seed {SEED}"
    perfect = ("accuracy", "accuracy/probed", "twin_consistency", "group_accuracy", "option_order", "paraphrase",
               "circular_accuracy", "grounding_iou", "pope_accuracy/adversarial", "described_recall")  # fmt: skip
    assert {name: value(card, name) for name in perfect} == dict.fromkeys(perfect, 1.0), f"seed {SEED}"
    assert value(card, "hallucination") == value(card, "described_hallucination") == 0
    assert value(card, "spread_reading") == value(card, "spread_form") == 0
    assert value(card, "blind") == pytest.approx(results_chance(task, results), abs=0.02)
    assert value(card, "faithfulness") > 0.3 and value(card, "prior_gap") > 0.3


def results_chance(task, results) -> float:
    return float(np.mean([1 / len(task.items.heads[i].choices) for i in results.of("full")]))


def test_a_text_only_model_scores_high_on_a_biased_set_and_is_flagged(stock):
    """Nine of ten yes-or-no questions are true: yes is right, whatever there is to see."""
    rng = np.random.default_rng(SEED)
    drawn = builtin.worlds(1600, SEED, stock=stock, family=pictures.recoloured).items
    closed = [i for i in drawn if set(i.choices) in ({"yes", "no"}, {"sí", "no"})]
    kept = [replace(i, twin="") for i in closed if i.answer != "no" or rng.random() < 0.1]
    biased = tasks.gather("biased", kept)
    card, _ = cheaters.judged(biased, cheaters.TextOnly(biased))
    assert value(card, "accuracy") > 0.8, f"seed {SEED}"
    assert abs(value(card, "prior_gap")) < 0.02
    assert value(card, "multimodal_leakage") > 0.25
    assert {"prior_gap", "evidence_gain", "neutral_gap", "multimodal_leakage"} <= flags(card)


def with_cues(items: list) -> list:
    """A patch in the corner tells the answer; twins keep the patch of the first of them, as the edit spares it."""
    told: dict[str, int] = {}
    made = []
    for item in items:
        number = told.setdefault(item.twin, item.choices.index(item.answer))
        told[item.key] = number
        pixels = np.array(decode(item.media[0].data).pixels)
        pixels[:4, :4] = (number, 255, 0)
        made.append(replace(item, media=(png(pixels), *item.media[1:])))
    return made


def test_a_model_that_is_right_for_the_wrong_reason_fails_faithfulness_and_twins(stock):
    world = builtin.worlds(80, SEED, stock=stock, family=pictures.swapped)
    cued = tasks.gather("cued", with_cues(list(world.items)))
    card, _ = cheaters.judged(cued, cheaters.Cued(cued))
    assert value(card, "twin_consistency") == 0
    assert {"faithfulness", "faithfulness_stated", "twin_consistency"} <= flags(card), f"seed {SEED}"
    assert value(card, "faithfulness") < 0.05
    # What it can't be caught by: it does use the picture.
    assert value(card, "shuffled_gap") > -0.3 and value(card, "blind") < 0.6


def test_a_chatty_model_is_read_and_the_spread_shows_it(task):
    card, _ = cheaters.judged(task, cheaters.Chatty(task))
    assert value(card, "accuracy") == 1, f"seed {SEED}"
    assert value(card, "unread") == 0
    assert value(card, "spread_reading") == 1
    assert flags(card) == {"spread_reading"}


def test_a_yes_sayer_hallucinates(in_other_words):
    card, _ = cheaters.judged(in_other_words, cheaters.YesSayer(in_other_words))
    assert value(card, "yes_rate") == value(card, "hallucination") == 1
    assert {"hallucination", "yes_rate", "pope_accuracy/random"} <= flags(card), f"seed {SEED}"
    assert value(card, "accuracy") == 1


def confident(stock, share: float, sure: float) -> set[str]:
    """What fails of a model that is right on `share` of the items and says p `sure` of each of its answers."""
    items = builtin.worlds(320, SEED, stock=stock, family=pictures.recounted)
    rng, log_p = np.random.default_rng(SEED), {}
    for index, head in enumerate(items.items.heads):
        p = np.full(len(head.choices), (1 - sure) / (len(head.choices) - 1))
        answer = head.choices.index(head.answer)
        p[answer if rng.random() < share else (answer + 1) % len(p)] = sure
        log_p[index] = Outcome(log_p=tuple(np.log(p)))
    results = Results(items, plan(items), True, {"full": log_p})
    return {m.name for m in calibration.measures(results) if m.failure()}


def test_an_over_confident_model_is_flagged_and_a_calibrated_one_is_not(stock):
    assert confident(stock, 0.6, 0.99) == {"calibration_error", "overconfidence"}, f"seed {SEED}"
    assert confident(stock, 0.8, 0.8) == set(), f"seed {SEED}"


def test_the_interval_of_a_noisy_oracle_covers_its_true_accuracy(stock):
    """One fixed seed: of 200 runs with a true coverage of 95%, one in twenty would leave 92 to 98% by chance."""
    noisy = builtin.worlds(400, 0, stock=stock, family=pictures.swapped)
    asked, covered = plan(noisy), []
    for run in range(200):
        rng = np.random.default_rng([0, run])
        said = {}
        for index, head in enumerate(noisy.items.heads):
            wrong = [c for c in head.choices if c != head.answer]
            said[index] = Outcome(head.answer if rng.random() < 0.8 else wrong[rng.integers(len(wrong))])
        results = Results(noisy, asked, False, {"plain": said})
        estimate = mean(results, correct(results, "plain"))
        covered.append(estimate.low <= 0.8 <= estimate.high)
    assert 0.92 <= np.mean(covered) <= 0.98

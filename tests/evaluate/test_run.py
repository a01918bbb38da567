"""Runs: nothing is asked twice, killed runs go on, failures are told, budgets kept; reports say it all."""

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "systems"))
import openai_server
from looker import Looker

from trenza.data.corpora.entries import png
from trenza.data.samples import Item
from trenza.errors import EndpointError, UsageError
from trenza.evaluate import builtin, page, report, tasks
from trenza.evaluate.asking import Asker, Request
from trenza.evaluate.card import card, compare, under
from trenza.evaluate.cases import conversation, pose
from trenza.evaluate.plan import plan
from trenza.evaluate.run import run
from trenza.evaluate.store import Store
from trenza.systems import load
from trenza.systems.endpoint import Endpoint

CHOICES = ("dark", "bright")


def shades(count: int = 40, noise: int = 0) -> tasks.Task:
    """Pictures in pairs of twins, one dark and one bright; of every fifth pair the truth is told wrong if noise is."""
    items = []
    for number in range(count):
        bright = number % 2
        pixels = np.full((16, 16, 3), (200 if bright else 20) + number // 2 % 50, np.uint8)
        answer = CHOICES[bright if not noise or number // 2 % 5 else 1 - bright]
        media = (png(pixels),)
        items.append(
            Item(f"i{number}", media, "Which shade is it?", answer, "verify", "en", "", CHOICES, twin=f"i{number ^ 1}")
        )
    return tasks.gather("shades", items)


def asker(responder, store=None) -> Asker:
    return Asker(responder, "looker", store or Store(":memory:"))


class Counting(Looker):
    """Counts what it is asked, and by whom twice."""

    def __init__(self):
        self.seen: dict[str, int] = {}

    def belief(self, conversation):
        key = repr([p.signal if isinstance(p.signal, str) else p.signal.content_hash for p in conversation.parts])
        self.seen[key] = self.seen.get(key, 0) + 1
        return super().belief(conversation)


def test_an_equal_question_is_asked_once_and_a_second_run_asks_nothing(tmp_path):
    task, store = shades(16), Store(tmp_path / "answers.sqlite")
    first, second = Counting(), Counting()
    one = run(task, plan(task), asker(first, store))
    two = run(task, plan(task), asker(second, store))
    assert one.asked > 60 and two.asked == 0 and two.kept == one.asked + one.kept
    assert sum(second.seen.values()) <= 1  # whether it scores at all
    assert {n: m.estimate for n, m in card("x", one).measures.items()} == pytest.approx(
        {n: m.estimate for n, m in card("x", two).measures.items()}, nan_ok=True
    )


def test_another_model_is_asked_again(tmp_path):
    task, store = shades(8), Store(tmp_path / "answers.sqlite")
    run(task, plan(task), Asker(Looker(), "one", store))
    assert run(task, plan(task), Asker(Looker(), "two", store)).asked > 0


@pytest.mark.timeout(300)
def test_a_killed_run_goes_on_and_asks_nothing_twice(tmp_path):
    """Killed for real: a process of its own, which writes down what it is asked."""
    script = tmp_path / "runs.py"
    script.write_text(
        f"import sys, time\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\nfrom test_run import *\n"
        "class Slow(Looker):\n"
        "    def belief(self, conversation):\n"
        "        time.sleep(0.02)\n        found = super().belief(conversation)\n"
        "        names = [getattr(p.signal, 'content_hash', p.signal) for p in conversation.parts]\n"
        f"        open({str(tmp_path / 'log')!r}, 'a').write(repr(names) + '\\n')\n        return found\n"
        f"store = Store(Path({str(tmp_path / 'a.sqlite')!r}))\n"
        "task = shades(8)\nfound = run(task, plan(task), asker(Slow(), store))\n"
        "print(found.kept, found.asked)\n"
    )
    log = tmp_path / "log"
    with subprocess.Popen([sys.executable, script]) as process:
        while not log.exists() or len(log.read_text().splitlines()) < 30:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    before = len(log.read_text().splitlines())
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    kept, asked = map(int, done.stdout.split())
    every = log.read_text().splitlines()
    assert kept >= before - 2 and asked == len(every) - before - 1  # one asks whether it scores, in either run
    # One question may have been in the air when the process died; nothing else is asked again.
    scores = len([line for line in every[before:] if line in every[:before]])
    fresh = run(shades(8), plan(shades(8)), asker(Looker()))
    assert len(every) <= fresh.asked + 2 + 1 and scores < before


class Failing(Looker):
    def respond(self, conversation, sampling=None, support=False):
        if self.belief(conversation).get("bright") == self.p:
            raise EndpointError("the server is too busy (429); try again later")
        return super().respond(conversation)


def test_failures_are_told_and_counted_in_no_measure():
    task = shades()
    results = run(task, plan(task), asker(Failing()))
    made = card("failing", results)
    assert made.measures["accuracy"].estimate.n == 20 and made.measures["accuracy"].value == 1
    document = report.to_json(report.Report(made, results, 0))
    assert document["items"]["unanswered"] == 20
    assert any("too busy (429)" in note and "got no answer" in note for note in document["notes"])


def test_failed_questions_are_asked_again_by_the_next_run(tmp_path):
    task, store = shades(), Store(tmp_path / "answers.sqlite")
    run(task, plan(task), asker(Failing(), store))
    results = run(task, plan(task), asker(Looker(), store))
    assert not results.failures and len(results.of("plain")) == 40


def test_nonsense_is_a_failure_and_not_an_answer():
    class Nonsense(Looker):
        def score(self, conversation, candidates):
            return [math.nan] * len(candidates) if len(candidates) == 2 else [0.0]

        def respond(self, conversation):
            return "dark"

    found = asker(Nonsense()).ask([Request(conversation(pose(shades(2).items[0])), c) for c in ((), CHOICES)])
    assert "gave a str in place of an answer" in found[0].failed and "scores of 2 candidates" in found[1].failed


def test_a_model_out_of_reach_is_given_up():
    class Gone(Looker):
        def respond(self, conversation):
            raise EndpointError("connection refused")

        score = respond

    Gone.score = lambda self, conversation, candidates: self.respond(conversation)
    with pytest.raises(EndpointError, match="25 questions in a row got no answer; the last: connection refused"):
        run(shades(), plan(shades()), asker(Gone()))


def test_media_that_cannot_be_decoded_are_told():
    task = shades(10)
    items = [*task.items[:9], Item("torn", (png(np.zeros((4, 4, 3), np.uint8)).__class__("image", "png", b"\x89PNG1"),),
                                   "Which?", "dark", "verify", "en", "", CHOICES)]  # fmt: skip
    results = run(torn := tasks.gather("torn", items), plan(torn), asker(Looker()))
    assert [p.key for p in results.problems] == ["torn"] and len(results.of("plain")) == 9


@pytest.mark.parametrize("budget", [72, 150, 400])
def test_a_budget_is_kept(budget):
    task = shades(200)
    results = run(task, plan(task, budget), asker(counting := Counting()))
    assert sum(counting.seen.values()) - 1 <= budget and results.plan.probed


def test_a_budget_is_kept_where_every_probe_is_asked(stock):
    task = builtin.worlds(48, 2, stock=stock)
    results = run(task, plan(task, 400), asker(Unlettered()))
    assert results.asked <= 400 and len(results.plan.probed) == 5
    assert {"hidden/half", "permuted/1", "medium/1"} <= set(results.outcomes) and results.polls


class Unlettered(Looker):
    """Scores any candidates."""

    def score(self, conversation, candidates):
        return [-1.0 - i for i in range(len(candidates))]


def test_a_budget_too_small_is_said_to_be():
    task = shades(200)
    with pytest.raises(UsageError, match="too small"):
        plan(task, 60)


def test_a_model_without_likelihoods_is_judged_by_what_it_says():
    class Mute(Looker):
        scores = False

    results = run(shades(), plan(shades()), asker(Mute()))
    made = card("mute", results)
    assert not results.scores and made.measures["prior_gap"].value == pytest.approx(0.5, abs=0.05)
    assert math.isnan(made.measures["calibration_error"].value)
    assert "no log-likelihoods" in report.notes(report.Report(made, results, 0))[0]


def test_two_models_are_compared_on_the_same_items_with_the_spread_in_mind():
    class Dark(Looker):
        def belief(self, conversation):
            return {"dark": 0.9, "bright": 0.1}

    task = shades(40)
    results = [run(task, plan(task), Asker(r, name, Store(":memory:"))) for r, name in ((Looker(), "a"), (Dark(), "b"))]
    cards = tuple(card(n, r) for n, r in zip("ab", results, strict=True))
    first = {d.name: d for d in compare(*results, cards)}
    assert first["accuracy"].estimate.value == 0.5 and first["accuracy"].p_holm < 0.01
    assert first["accuracy"].verdict == "first is better"
    same = compare(results[0], results[0], (cards[0], cards[0]))
    assert all(d.verdict.startswith("undecided") and d.p_holm == 1 for d in same)
    made = report.Report(cards[0], results[0], 0, cards[1], tuple(first.values()))
    assert report.to_json(made)["against"]["differences"][0]["verdict"] == "first is better"


def test_reports_hold_what_the_page_promises(tmp_path):
    task = shades(40, noise=1)
    task.problems.append(tasks.Broken("gone", "nowhere.png is missing"))
    results = run(task, plan(task), asker(Looker()))
    made = report.Report(card("looker", results), results, 3)
    report.write_json(made, tmp_path / "card.json")
    document = json.loads((tmp_path / "card.json").read_text())
    for name, measure in document["measures"].items():
        assert {"value", "low", "high", "n"} <= set(measure), name
    assert all(set(flag) == {"name", "why"} for flag in document["flags"])
    assert document["measures"]["accuracy"]["value"] == 0.8 and document["problems"][0]["key"] == "gone"
    page.write(made, tmp_path / "card.html")
    html = (tmp_path / "card.html").read_text()
    assert "80% of 40 answers are right" in html and "nowhere.png is missing" in html and "<svg" in html
    assert "sure and wrong" in html and "data:image/webp" in html
    assert "http" not in html and "<script" not in html  # one file, nothing fetched


def test_conditions_of_fail_under(tmp_path):
    results = run(shades(), plan(shades()), asker(Looker()))
    made = card("looker", results)
    assert under(made, ["accuracy=0.9", "prior_gap=0.2"]) == []
    assert "accuracy=1.5" in under(made, ["accuracy=1.5"])[0]
    assert under(made, ["grounding_iou=0.1"])  # not measured is not passed
    for wrong in ("beauty=1", "accuracy", "accuracy=much"):
        with pytest.raises(UsageError, match="NAME=NUMBER"):
            under(made, [wrong])


@pytest.mark.timeout(300)
def test_a_card_from_behind_a_server_equals_the_card_in_process():
    task = shades(20, noise=1)
    here = card("here", run(task, plan(task), asker(Looker())))
    script = f"{Path(__file__).parent / 'looker.py'}:looker"
    for mode in ((), ("logprobs",)):
        with openai_server.running(script, *mode) as url:
            results = run(task, plan(task), Asker(load.responder(url), url, Store(":memory:")))
            assert httpx.get(url.removesuffix("/v1") + "/asked").json()["asked"] >= results.asked
        assert results.scores == bool(mode) and not results.failures
        there = card("there", results)
        for name in ("accuracy", "accuracy/probed", "twin_consistency", "shuffled_gap", "option_order"):
            ours, theirs = here.measures[name].estimate, there.measures[name].estimate
            assert ours.low - 1e-9 <= theirs.value <= ours.high + 1e-9, name
        if mode:
            assert there.measures["evidence_gain"].value == pytest.approx(
                here.measures["evidence_gain"].value, abs=0.01
            )


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("mode", "says"), [("wrong_model", "answered as 'other-model'"), ("empty", "without choices")])
def test_a_server_that_answers_as_another_or_not_at_all_is_said_in_one_line(mode, says):
    with openai_server.running(f"{Path(__file__).parent / 'looker.py'}:looker", mode) as url:
        endpoint = Endpoint(f"{url}#{openai_server.NAME}")
        with pytest.raises(EndpointError, match=says):
            run(task := shades(8), plan(task), asker(endpoint))


@pytest.mark.timeout(300)
def test_a_server_that_is_busy_gets_the_same_card_and_a_note():
    with openai_server.running(f"{Path(__file__).parent / 'looker.py'}:looker", "busy") as url:
        endpoint = Endpoint(url)
        results = run(task := shades(8), plan(task), asker(endpoint))
        assert not results.failures and card("busy", results).measures["accuracy"].value == 1
        assert any("429" in what for what in endpoint.warnings)


def test_a_model_that_answers_about_pictures_only_can_score_all_the_same():
    class OnlyPictures:
        scores = True

        def score(self, conversation, candidates):
            if not any(part.is_media for part in conversation.parts):
                raise UsageError("give a picture")
            return [0.0] * len(candidates)

    assert Asker(OnlyPictures(), "m", Store(":memory:")).scores()

"""What is asked of a page drawn for a training is true of it, and stands where its evidence says."""

import json
from collections import Counter

import numpy as np
import pytest
import torch

from trenza.align import form_questions, form_words, forms
from trenza.align.conversations import Talk
from trenza.align.drills import Known
from trenza.align.page_drills import more, page
from trenza.align.truths import place, things, worded
from trenza.bridges.perceived import OBJECT_COLUMNS
from trenza.conversation import WHOLE
from trenza.data.worlds.phrases import phrases
from trenza.systems.abstaining import abstained
from trenza.towers import pages
from trenza.towers.written import Line, in_reading_order


@pytest.fixture(scope="module")
def drawn() -> list:
    rng = np.random.default_rng(11)
    return [(language, *page(language, rng)) for language in ("en", "es") for _ in range(60)]


def test_every_kind_of_page_is_drawn_and_asked_more_than_its_worlds_questions(drawn):
    kinds = Counter(frozenset(truth) - {"title"} for _, truth, _ in drawn)
    assert len(kinds) == 4 and min(kinds.values()) > 10
    assert all(len(asked) > 4 for _, _, asked in drawn)
    assert all(len({one.question for one in asked}) == len(asked) for _, _, asked in drawn)


def test_evidence_names_a_label_with_its_value_at_its_place(drawn):
    titles = 0
    for language, truth, asked in drawn:
        told = {worded(thing, language): vars(place(thing)) for thing in things(truth)}
        for one in asked:
            assert one.evidence and len(one.named) == len(one.evidence), one
            for name, e in zip(one.named, one.evidence, strict=True):
                if name == truth.get("title"):
                    assert one.answer == name and all(e.where.y1 < where["y1"] for where in told.values())
                    titles += 1
                    continue
                if e.where == WHOLE:  # what isn't there
                    assert name.strip() in one.question and not any(n.split(": ")[0] == name.strip() for n in told)
                    continue
                assert vars(e.where) == pytest.approx(told[name], abs=1e-3), one
    assert titles > 20


def test_single_labels_answers_are_true(drawn):
    found, rng = Counter(), np.random.default_rng(12)
    for language, truth, _ in drawn:
        words = phrases(language)
        yes = words.word("yes")
        by_name = {thing["name"]: thing for thing in things(truth)}
        for one in more(Talk("", (), (), (truth,), language), rng):
            if one.evidence[0].where == WHOLE or (one.answer.startswith("{") and "fields" in truth):
                continue  # what isn't there, or several
            thing = next(t for t in by_name.values() if worded(t, language) == one.named[0])
            value = str(thing["value"])
            if one.answer in (yes, words.word("no")):
                holds = one.answer == yes
                if len(one.named) == 2:
                    other = next(t for t in by_name.values() if worded(t, language) == one.named[1])
                    assert holds == (thing["value"] > other["value"])
                elif value in ("on", "off"):
                    asked = [w for w in ("on", "off") if one.question in _of(words, f"is_{w}", thing)]
                    assert holds == (asked == [value])
                else:
                    assert holds == (one.question in _of(words, "is_field", thing, v=value))
                found["yes" if holds else "no"] += 1
            elif one.answer == value:
                found["value"] += 1
            else:
                read = json.loads(one.answer)
                if isinstance(read, dict) and read["name"] == "done":
                    assert one.question in _of(words, f"make_{value}", thing)
                    found["done"] += 1
                    continue
                at = list(read["arguments"].values()) if isinstance(read, dict) else read
                x0, y0, x1, y1 = thing["box"]
                middle = [(x0 + x1) / 2, (y0 + y1) / 2]
                assert at == pytest.approx(middle if len(at) == 2 else [x0, y0, x1, y1], abs=2e-3)
                found["place"] += 1
    assert min(found[k] for k in ("yes", "no", "value", "place", "done")) > 5, found


def test_json_holds_what_is_asked_in_that_order_and_null_for_what_isnt_there(drawn):
    sizes, gone = Counter(), Counter()
    for _, truth, asked in drawn:
        if "fields" not in truth:
            continue
        whole = list(truth["fields"])
        for one in (one for one in asked if one.answer.startswith("{")):
            told = json.loads(one.answer)
            assert {name: truth["fields"].get(name) for name in told} == told and len(one.evidence) == len(told)
            named = [name.split(": ")[0].strip() for name in one.named]
            assert named == list(told)
            if named != whole:  # all of them may be asked without their names
                at = [one.question.find(name) for name in named]
                assert -1 not in at, one
            sizes[len(told)] += 1
            gone[None in told.values()] += 1
        for one in asked:
            if one.evidence[0].where == WHOLE and not one.answer.startswith("{"):
                assert abstained(one.answer)
                gone["one"] += 1
    assert len(sizes) >= 6 and len(gone) == 3 and min(gone.values()) > 5, (sizes, gone)


PAGES = (  # what is on a page, and what may be the same and isn't asked for as missing
    ("en", ("From", "Total", "Net"), ("Origin", "Amount due", "Subtotal", "Balance")),
    ("en", ("Order no.", "Issued", "Passenger"), ("PO number", "Date", "Name", "Patient")),
    ("es", ("Desde", "Total", "Vence"), ("Origen", "Importe", "Vencimiento", "Caducidad", "Saldo")),
    ("es", ("Origen", "Hasta", "Cliente"), ("Desde", "Destino", "Nombre", "Salida")),
)


@pytest.mark.parametrize(("language", "there", "same"), PAGES)
def test_what_may_be_meant_by_another_label_is_not_said_to_be_missing(language, there, same):
    labels = [{"name": n, "value": "1", "told": "1", "box": [0.1, 0.1, 0.2, 0.2]} for n in there]
    known, gone = Known(Talk("", (), (), ({},), language), np.random.default_rng(3), []), Counter()
    for _ in range(300):
        for one in form_questions.of_fields(known, labels):
            gone.update(name.strip() for name, e in zip(one.named, one.evidence, strict=True) if e.where == WHOLE)
    assert len(gone) > 30 and not {*gone} & {*same, *there}


def test_questions_after_labels_are_worded_as_people_speak():
    found, rng = Counter(), np.random.default_rng(4)
    for _ in range(150):
        truth = forms.form("en", rng)
        for one in more(Talk("", (), (), (truth,), "en"), rng):
            before, _, label = one.question.partition(" the ")
            if before in ("What is", "Tell me") and "“" not in label:
                label = label.rstrip("?.")
                assert label in form_words.WITH_ARTICLE
                found[label] += 1
    assert len(found) > 15 and not {*found} & {"From", "To", "Passenger", "Items", "Tea", "Best before"}
    labels = [{"name": n, "value": "1", "told": "1", "box": [0.1, 0.1, 0.2, 0.2]} for n in ("Total", "IVA", "Neto")]
    known = Known(Talk("", (), (), ({},), "es"), rng, [])
    asked = " ".join(one.question for _ in range(100) for one in form_questions.of_fields(known, labels))
    assert " e IVA" in asked and " y IVA" not in asked and " y Total" in asked


def test_labels_of_every_layout_are_perceived_with_their_values(monkeypatch):
    """By the rules that real pages are read by."""
    laid, found, rng = forms._laid, Counter(), np.random.default_rng(13)
    layouts_drawn = []
    monkeypatch.setattr(forms, "_laid", lambda sheet, layout, *rest: (
        layouts_drawn.append(layout), laid(sheet, layout, *rest)
    )[1])  # fmt: skip
    for number in range(480):
        truth = forms.form(("en", "es")[number % 2], rng)
        lines = [Line(text, (y0, x0, y1, x1)) for text, (x0, y0, x1, y1) in truth["written"]]
        joined, _ = pages.joined(in_reading_order(lines), torch.zeros(0, OBJECT_COLUMNS))
        told = {line.text: line.box for line in joined}
        for thing in things(truth):
            x0, y0, x1, y1 = thing["box"]
            found[layouts_drawn[-1], told.get(worded(thing, "en")) == (y0, x0, y1, x1)] += 1
        # What is neither a label nor a value stays alone: titles, notes, letterheads, headings and empty fields.
        own = {text for n, v in truth["fields"].items() for text in (n, f"{n}:", v, f"{n}: {v}")}
        alone = [text for text, _ in truth["written"] if text not in own]
        kind = next((kind for kind in ("empty", "headings") if truth[kind]), "other")
        found[kind, {*alone} <= {*told} and len(joined) == len(truth["fields"]) + len(alone)] += 1
    wrong = {key: found[key, False] / found[key, True] for key in (*forms.LAYOUTS, "empty", "headings", "other")}
    assert max(wrong.values()) < 0.01, wrong
    assert min(found[kind, True] for kind in ("empty", "headings")) > 10, found


def test_of_empty_fields_and_headings_nothing_is_asked():
    found, rng = Counter(), np.random.default_rng(14)
    for number in range(300):
        language = ("en", "es")[number % 2]
        truth = forms.form(language, rng)
        for kind in ("empty", "headings"):
            for label in truth[kind]:
                assert label not in truth["fields"] and f"{label}:" in [text for text, _ in truth["written"]]
                asked = more(Talk("", (), (), (truth,), language), rng)
                assert not any(label == name.split(":")[0].strip() for one in asked for name in one.named)
                found[kind] += 1
    assert min(found["empty"], found["headings"]) > 5, found


def _of(words, template: str, thing, **more: str) -> list[str]:
    return [form.format(x=thing["name"], **more) for form in words.document["questions"][template]]

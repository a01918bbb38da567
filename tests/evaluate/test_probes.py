"""Probes change what they say and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from trenza.conversation import Box, Evidence, Span
from trenza.data.samples import Item, Media
from trenza.data.worlds import crossing, films, pictures, recordings
from trenza.evaluate import builtin, probes, probes_media
from trenza.evaluate.cases import FORMS, Case, asked, candidates, conversation, pose
from trenza.signals import Audio, Image, Video


@pytest.fixture(scope="module")
def swapped(stock):
    return builtin.worlds(8, 4, stock=stock, family=pictures.swapped)


@pytest.fixture(scope="module")
def case(swapped):
    return pose(swapped.items[0])


def test_every_form_holds_question_and_options_and_letters_only_the_second(case):
    for form in FORMS:
        words = asked(case, form)
        assert case.question in words and all(c in words for c in case.choices)
        assert candidates(case, form) == (("A", "B") if form == 1 else case.choices)
    assert len({asked(case, form) for form in FORMS}) == 3
    open_case = replace(case, choices=())
    assert asked(open_case) == case.question and len({asked(open_case, form) for form in FORMS}) == 3


def test_blind_has_no_media_and_asks_for_a_guess(case):
    unseen = probes.blind(case)
    assert not list(conversation(unseen).media())
    assert asked(unseen).endswith(asked(case))


def test_neutral_media_have_the_shape_and_nothing_else(stock):
    for family in (pictures.swapped, recordings.FAMILIES[0], films.moving):
        before = pose(builtin.worlds(1, 4, stock=stock, family=family).items[0])
        after = probes.neutral(before)
        for old, new in zip(before.media, after.media, strict=True):
            assert type(old) is type(new)
            if isinstance(old, Image):
                assert old.pixels.shape == new.pixels.shape and new.pixels.std() == 0
            elif isinstance(old, Audio):
                assert len(old.samples) == len(new.samples) and not new.samples.any()
            else:
                assert old.frames.shape == new.frames.shape and new.frames.std() == 0 and not new.audio.samples.any()


def test_options_turn_and_come_round(case):
    turned = probes.permuted(case, 1)
    assert turned.choices != case.choices and set(turned.choices) == set(case.choices)
    assert probes.permuted(turned, len(case.choices) - 1) == case


def test_one_medium_keeps_one(stock):
    crossed = pose(builtin.worlds(1, 4, stock=stock, family=crossing.heard_and_seen).items[0])
    for kept in (0, 1):
        media = probes.one_medium(crossed, kept).media
        assert media[kept] is crossed.media[kept]
        assert media[1 - kept] == probes.empty(crossed.media[1 - kept])


def test_a_paraphrase_is_another_wording_of_the_template(stock):
    changed = framed = 0
    for item in builtin.worlds(160, 4, stock=stock).items:
        other = probes.paraphrased(Case(item, (), item.question, item.choices)).question
        assert other != item.question
        framed += item.question in other
        changed += item.question not in other
    assert changed > framed


def test_a_partner_has_the_same_kinds_and_another_answer():
    kinds = [("image",), ("image",), ("audio",), ("image",)]
    found = {probes.partner(0, kinds, ["a", "a", "b", "c"], np.random.default_rng(s)) for s in range(20)}
    assert found == {3}
    assert probes.partner(2, kinds, ["a", "a", "b", "c"], np.random.default_rng(0)) == -1


def test_hidden_evidence_of_a_world_is_the_scene_without_its_thing(swapped):
    for item in swapped.items:
        before = pose(item)
        where, drawn = probes_media.regions(before, item.evidence), swapped.redraw(item)
        pixels = before.media[0].pixels
        mask = probes_media._mask(pixels.shape[:2], where[0])
        hidden = probes_media.hidden(before, where, drawn).media[0].pixels
        assert (hidden[~mask] == pixels[~mask]).all()
        assert (hidden[mask] == drawn[0].pixels[mask]).all() and (hidden[mask] != pixels[mask]).any()
        only = probes_media.only(before, where, drawn).media[0].pixels
        assert (only[mask] == pixels[mask]).all() and (only[~mask] == drawn[0].ground[~mask]).all()


def test_the_control_hides_as_much_and_spares_the_evidence(swapped):
    for number, item in enumerate(swapped.items):
        before = pose(item)
        where = probes_media.regions(before, item.evidence)
        other = probes_media.control(before, where, np.random.default_rng(number))
        assert other is not None
        pixels, mask = before.media[0].pixels, probes_media._mask((256, 256), where[0])
        touched = (other.media[0].pixels != pixels).any(-1)
        assert not touched[mask].mean() > 0.03
        assert touched.sum() <= mask.sum() * 1.1


def scene(part: int, *where) -> Case:
    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(0, 255, 64)[None, :, None], (64, 64, 3)).astype(np.uint8)
    sound = Audio((rng.standard_normal(32_000) * np.where(np.arange(32_000) < 16_000, 0.3, 0.01)).astype(np.float32))
    times = np.arange(8) / 4
    film = Video(np.stack([np.full((16, 16, 3), 30 * i, np.uint8) for i in range(8)]), times, sound)
    evidence = tuple(Evidence(part, w) for w in where)
    media = (Media("image", "png", b"x"), Media("audio", "wav", b"x"), Media("video", "mp4", b"x"))
    item = Item("k", media, "What?", "a", "verify", "en", "", ("a", "b"), evidence)
    return Case(item, (Image(ramp), sound, film), "What?", ("a", "b"))


def test_a_region_is_filled_from_what_surrounds_it():
    ramp = scene(0, Box(0.3, 0.3, 0.7, 0.7))
    filled = probes_media.hidden(ramp, probes_media.regions(ramp, ramp.item.evidence)).media[0].pixels
    assert np.abs(filled.astype(int) - ramp.media[0].pixels).max() <= 40  # a grey hole would be off by 100 at its rim
    assert np.abs(filled.astype(int) - ramp.media[0].pixels).mean() < 3


def test_a_hidden_time_sounds_like_the_quiet_of_its_recording():
    loud = scene(1, Span(0.2, 0.8))
    where = probes_media.regions(loud, loud.item.evidence)
    hidden = probes_media.hidden(loud, where).media[1].samples
    before = loud.media[1].samples
    assert 0.003 < hidden[4000:12000].std() < 0.05 and (hidden[16_000:] == before[16_000:]).all()
    only = probes_media.only(loud, where).media[1].samples
    assert (only[4000:12000] == before[4000:12000]).all() and only[14_000:].std() < 0.05


def test_a_hidden_time_of_a_film_is_frozen():
    film = scene(2, Span(1.0, 1.5))
    frames = probes_media.hidden(film, probes_media.regions(film, film.item.evidence)).media[2].frames
    assert frames[:4, 0, 0, 0].tolist() == [0, 30, 60, 90]
    assert set(frames[4:6, 0, 0, 0].tolist()) <= {90, 180} and frames[6, 0, 0, 0] == 180


def test_evidence_that_is_nearly_all_is_not_probed():
    everything = scene(0, Box(0, 0, 1, 0.9))
    assert probes_media.regions(everything, everything.item.evidence) == {}


def test_half_of_a_region_is_half_its_area():
    half = probes_media._inner(Box(0.2, 0.2, 0.6, 0.6), 0.5)
    assert (half.x1 - half.x0) * (half.y1 - half.y0) == pytest.approx(0.08)
    assert probes_media._inner(Span(1, 3), 0.5) == Span(1.5, 2.5)

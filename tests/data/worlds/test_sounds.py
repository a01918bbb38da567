"""The truth can be heard: energy rises where an event starts, loudness is as told, films keep time."""

import json

import numpy as np
import pytest

from trenza.data.worlds import build, films, recordings, track
from trenza.signals import decode

RATE = 16_000


def rms(samples: np.ndarray, start: float, end: float) -> float:
    piece = samples[max(0, round(start * RATE)) : round(end * RATE)]
    return float(np.sqrt(np.mean(piece**2)))


def items(family, stock, worlds: int = 6):
    for number in range(worlds):
        yield from build.world_items(number, 11, stock=stock, family=family)


@pytest.mark.parametrize("family", recordings.FAMILIES, ids=lambda f: f.__name__)
def test_energy_rises_where_each_event_starts_and_falls_where_it_ends(stock, family):
    for item in items(family, stock, worlds=3):
        for medium, truth in zip(item.media, item.truth["media"], strict=True):
            samples = decode(medium.data).samples
            assert len(samples) == track.SECONDS * RATE
            for event in truth["sounds"]:
                start, end = event["start"], event["end"]
                assert rms(samples, start, start + 0.05) > 4 * rms(samples, start - 0.05, start)
                assert rms(samples, end - 0.1, end - 0.05) > 2 * rms(samples, end, end + 0.05)
                assert rms(samples, start, end) == pytest.approx(event["rms"], rel=0.15)


def test_the_louder_one_is_louder_in_the_samples(stock):
    for item in items(recordings.louder, stock):
        if item.truth["template"] != "louder":
            continue
        samples = decode(item.media[0].data).samples
        loudness = {e["name"]: rms(samples, e["start"], e["end"]) for e in item.truth["media"][0]["sounds"]}
        assert max(loudness, key=loudness.__getitem__) == item.answer


def test_answers_in_time_are_spans_of_events(stock):
    for item in items(recordings.reordered, stock):
        events = sorted(item.truth["media"][0]["sounds"], key=lambda e: e["start"])
        if item.truth["template"] == "when":
            span = json.loads(item.answer)
            named = next(e for e in events if e["name"] in item.question)
            assert span == pytest.approx([named["start"], named["end"]], abs=0.01)
        if item.truth["template"] == "first":
            assert item.answer == events[0]["name"]
        if item.truth["template"] in ("transcript", "sounds"):
            assert item.answer == ", ".join(e["name"] for e in events)


def test_silence_around_a_clip_is_cut_off():
    clip = track.prepared(np.concatenate([np.zeros(5000), np.ones(1000), np.zeros(5000)]).astype(np.float32))
    assert len(clip) == 1000


def test_clips_that_are_too_long_for_a_track_are_refused():
    with pytest.raises(ValueError, match="don't fit"):
        track.starts([RATE * 3, RATE * 3], np.random.default_rng(0))


def test_a_film_shows_and_sounds_what_its_truth_says(stock):
    checked = 0
    for item in items(films.happening, stock, worlds=4):
        if item.capability != "cross":
            continue
        video, truth = decode(item.media[0].data, frames_per_second=4), item.truth["media"][0]
        assert video.times == pytest.approx(truth["times"], abs=0.01)
        event = truth["sounds"][0]
        samples = video.audio.samples
        assert rms(samples, event["start"] + 0.02, event["start"] + 0.1) > 4 * rms(
            samples, event["start"] - 0.12, event["start"] - 0.04
        )
        frames = video.frames.astype(int)
        for thing in truth["objects"]:
            seen = [box is not None for box in thing["boxes"]]
            x0, y0, x1, y1 = (round(v * 256) for v in next(b for b in thing["boxes"] if b))
            middle = frames[:, y0:y1, x0:x1].reshape(len(seen), -1)
            with_it, without = middle[np.array(seen)], middle[~np.array(seen)]
            # Frames with the thing are like each other, and unlike those without it.
            apart = np.abs(with_it.mean(0) - without.mean(0)).mean()
            assert apart > 4 * max(np.abs(with_it - with_it.mean(0)).mean(), 0.5)
            changes = np.flatnonzero(np.diff(seen)) + 1
            if thing["name"] == item.answer:
                assert [truth["times"][c] for c in changes] == [event["start"]]
        checked += 1
    assert checked >= 8


def test_the_way_is_that_of_the_boxes(stock):
    opposite = {"left": (0, -1), "right": (0, 1), "up": (1, -1), "down": (1, 1)}
    for number in range(8):
        for item in build.world_items(number, 2, stock=stock, family=films.moving, languages=("en",)):
            if item.truth["template"] == "way":
                thing = next(o for o in item.truth["media"][0]["objects"] if o["name"] in item.question)
                axis, sign = opposite[item.answer]
                assert np.sign(thing["boxes"][-1][axis] - thing["boxes"][0][axis]) == sign

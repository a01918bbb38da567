"""What the detector learns from: tracks with their truth, and the learning on features that can be told apart."""

import numpy as np
import torch

from trenza.align.events import targets, train_judge
from trenza.align.soundtracks import Clip, Track, track
from trenza.towers.events import FrameJudge

RATE = 16_000


def clips(said: bool, pitch: float) -> list[Clip]:
    return [Clip(np.sin(np.arange(int(RATE * s)) * pitch).astype(np.float32), said, "") for s in (0.3, 0.7, 1.4)]


def test_tracks_hold_their_events_where_they_say():
    rng = np.random.default_rng(3)
    made = [track(clips(True, 0.2), clips(False, 0.5), 4.0, rng) for _ in range(40)]
    assert {said for t in made for *_, said in t.events} == {True, False}
    for one in made:
        assert one.samples.dtype == np.float32 and len(one.samples) == 4 * RATE and np.abs(one.samples).max() <= 1
        ends = [0.0]
        for start, end, _ in one.events:
            assert start - ends[-1] >= 0.099 or len(ends) == 1
            ends.append(end)
            within = one.samples[int(start * RATE) : int(end * RATE)]
            before = one.samples[max(int((start - 0.09) * RATE), 0) : int(start * RATE)]
            assert len(before) == 0 or np.sqrt((within**2).mean()) > 1.5 * np.sqrt((before**2).mean())
        assert ends[-1] <= 4.0


def test_targets_count_in_frames_of_20_ms():
    made = Track(np.zeros(3 * RATE, np.float32), ((0.5, 1.0, True), (-0.3, 0.2, False)))
    wanted = targets(made, 200)
    assert wanted[:, 0].nonzero().flatten().tolist() == [*range(10), *range(25, 50)]
    assert wanted[:, 1].nonzero().flatten().tolist() == [24, 25, 26]  # the other began before the window
    assert wanted[:, 2].nonzero().flatten().tolist() == list(range(25, 50))
    assert wanted[:, 3].nonzero().flatten().tolist() == list(range(150))


def test_the_judge_learns_what_can_be_told_apart():
    torch.manual_seed(0)
    features = torch.randn(40, 60, 6) * 0.1
    wanted = torch.zeros(40, 60, 4)
    wanted[..., 3] = 1
    for i in range(40):
        start = i % 30 + 5
        features[i, start : start + 20, 0] += 2
        features[i, start : start + 20, 1] += 2 * (i % 2)
        wanted[i, start : start + 20, 0] = 1
        wanted[i, start - 1 : start + 2, 1] = 1
        wanted[i, start : start + 20, 2] = i % 2
    judge = FrameJudge(6, 16)
    train_judge(judge, features[:30], wanted[:30], steps=150, seed=0)
    found = judge(features[30:]).sigmoid() > 0.5
    right = (found == wanted[30:, :, :3].bool()).float().mean((0, 1))
    assert right[0] > 0.97 and right[1] > 0.95
    inside = wanted[30:, :, 0].bool()
    assert (found[..., 2] == wanted[30:, :, 2].bool())[inside].float().mean() > 0.97

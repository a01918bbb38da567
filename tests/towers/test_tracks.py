"""Things are followed through frames, come and go at their times, and are named from several looks."""

import numpy as np
import torch

from trenza.towers.tracks import follow, linked

SCORE = torch.tensor([0.9])
EMPTY = torch.zeros(0, 4)


def box(x: float, y: float = 0.2, side: float = 0.3) -> torch.Tensor:
    return torch.tensor([[y, x, y + side, x + side]])


class Finder:
    """Frame n, told by its first pixel, holds boxes[n]. Names and colours: another name on odd frames."""

    def __init__(self, boxes: list[torch.Tensor], keys: bool = False):
        self.boxes, self.keys = boxes, keys or None

    def gist(self, pixels, boxes):
        assert torch.equal(boxes, torch.cat([self.boxes[int(f[0, 0, 0])] for f in pixels]))
        return torch.tensor([0.25, 0.75]) if len(pixels) == 3 else torch.tensor([0.5, 0.5])

    def find(self, frames):
        return [(torch.full((len(b),), 0.9), b) for b in (self.boxes[int(f[0, 0, 0])] for f in frames)]

    def describe(self, frame, boxes):
        name = torch.tensor([[0.2, 0.8]]) if int(frame[0, 0, 0]) % 2 else torch.tensor([[0.9, 0.1]])
        return name, torch.eye(9)[:1]


def frames(count: int) -> torch.Tensor:
    return torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 4, 4, 3)


def test_two_things_that_pass_each_other_keep_their_tracks():
    found = [(torch.tensor([0.9, 0.8]), torch.cat([box(0.05 * i), box(0.6 - 0.05 * i, 0.6)])) for i in range(8)]
    first, second = linked(found)
    assert first.at == second.at == list(range(8))
    assert torch.equal(first.boxes[-1], box(0.35)[0]) and torch.equal(second.boxes[-1], found[-1][1][1])


def test_a_short_loss_is_bridged_and_a_single_frame_is_an_error():
    seen, nothing = (SCORE, box(0.1)), (SCORE[:0], EMPTY)
    (track,) = linked([seen, nothing, nothing, seen, (SCORE, box(0.65))])
    assert track.at == [0, 3]
    assert len(linked([seen, nothing, nothing, nothing, seen, seen])) == 1  # the first is too far back
    assert len(linked([seen])) == 1


def test_start_end_places_and_name():
    boxes = [EMPTY, box(0.1), box(0.15), box(0.2), EMPTY, EMPTY]
    (row,) = follow(Finder(boxes), frames(6), np.arange(6) / 4, 1.6)
    assert row.shape == (36,)
    assert row[16:18].tolist() == [0.25, 1.0]
    assert torch.allclose(row[18:22], box(0.1)[0]) and torch.allclose(row[22:26], box(0.2)[0])
    # Three looks: frames 1, 2 and 3, of which two say name 1.
    assert row[0] == 1 and abs(float(row[8]) - (0.8 + 0.1 + 0.8) / 3) < 1e-6
    assert row[2:8].tolist() == [0.0] * 6
    assert follow(Finder([EMPTY] * 3), frames(3), np.arange(3), 3.0).shape == (0, 36)


def test_what_is_there_to_the_end_goes_with_the_video():
    (row,) = follow(Finder([box(0.1)] * 40), frames(40), np.arange(40) / 4, 10.1)
    assert row[16] == 0 and abs(float(row[17]) - 10.1) < 1e-5


def test_the_only_thing_of_a_video_is_named_by_whole_frames_and_several_by_their_cut_outs():
    one, two = box(0.1), torch.cat([box(0.05, 0.05), box(0.65, 0.65)])
    for boxes, expected in ((one, [0.75]), (two, [0.9] * 2)):
        rows = follow(Finder([boxes] * 5, keys=True), frames(5), np.arange(5.0), 5.0)
        assert torch.allclose(rows[:, 8], torch.tensor(expected), atol=1e-6)

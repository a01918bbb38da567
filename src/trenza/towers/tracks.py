"""What happens in a video: things found frame by frame are followed, then each is named from a few of its looks.

Tracking by detection: a box goes on the track whose last box it overlaps most (the IoU tracker, Bochinski et al. 2017).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from trenza.bridges.perceived import TRACK_COLUMNS
from trenza.towers.boxes import inset, overlap
from trenza.towers.objects import ObjectDetector, rivals

MOST = 12  # things of one video
SAME = 0.3  # intersection over union from which the next frame's box is the same thing
GAP = 2  # frames that a thing may be lost for
LOOKS = 3  # at each thing, to name it


@dataclass
class Track:
    """Where one thing was: numbers of frames, its box in each and the detector's score."""

    at: list[int] = field(default_factory=list)
    boxes: list[Tensor] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


def linked(found: Sequence[tuple[Tensor, Tensor]]) -> list[Track]:
    """Scores [K] and boxes [K, 4] of each frame to tracks; what is seen in one frame of many is taken for an error."""
    tracks: list[Track] = []
    for number, (scores, boxes) in enumerate(found):
        open_ = [t for t in tracks if t.at[-1] >= number - 1 - GAP]
        near = overlap(boxes, torch.stack([t.boxes[-1] for t in open_])) if open_ and len(boxes) else torch.zeros(0, 0)
        taken: dict[int, Track] = {}
        for flat in near.flatten().argsort(descending=True).tolist():
            box, track = divmod(flat, len(open_))
            if near[box, track] < SAME:
                break
            if box not in taken and all(open_[track] is not other for other in taken.values()):
                taken[box] = open_[track]
        for box in range(len(boxes)):
            if box not in taken:
                tracks.append(taken.setdefault(box, Track()))
            taken[box].at.append(number)
            taken[box].boxes.append(boxes[box])
            taken[box].scores.append(float(scores[box]))
    return [t for t in tracks if len(t.at) > 1 or len(found) < 3]


def follow(detector: ObjectDetector, frames: Tensor, times: np.ndarray, end: float) -> Tensor:
    """uint8 [T, S, S, 3] at `times` [T] seconds, until `end`, to float32 [K, 36], K at most 12, the longest seen first.

    Columns: 0-7 numbers of the likeliest names, 8-15 their probabilities, 16-17 when it comes and goes (seconds),
    18-21 its first box (y0 x0 y1 x1, 0..1), 22-25 its last, 26 the score, 27-35 the probabilities of the colours.
    """
    until = [*(float(t) for t in times[1:]), end]  # a frame is seen until the next
    tracks = linked(detector.find(frames))
    rows = []
    for track in sorted(tracks, key=lambda t: -len(t.at))[:MOST]:
        looks = np.unique(np.linspace(0, len(track.at) - 1, LOOKS).round().astype(int))
        seen = [detector.describe(frames[track.at[i]], track.boxes[i][None]) for i in looks]
        names, colours = (torch.cat(part).mean(0) for part in zip(*seen, strict=True))
        if len(tracks) == 1 and detector.keys is not None:
            names = detector.gist(frames[[track.at[i] for i in looks]], torch.stack([track.boxes[i] for i in looks]))
        span = torch.tensor([float(times[track.at[0]]), until[track.at[-1]]])
        score = torch.tensor([float(np.mean(track.scores))])
        rows.append(torch.cat([
            rivals(names[None])[0], span, *inset(torch.stack([track.boxes[0], track.boxes[-1]])), score, colours,
        ]))  # fmt: skip
    return torch.stack(rows) if rows else torch.zeros(0, TRACK_COLUMNS)

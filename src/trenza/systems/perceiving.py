"""How the default senses: pictures become objects, figures and lines of text, sounds events, videos tracks and events.

The counterpart of `sensing.Grids` for the bridges `bridges/objects.py`, `events.py` and `lines.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from trenza.bridges.objects import agreed
from trenza.bridges.perceived import BOX, FRAMES, OWNER
from trenza.errors import UsageError
from trenza.signals import Audio, Image, Signal, Video
from trenza.signals.normalise import square
from trenza.systems.examples import Medium
from trenza.towers import pages
from trenza.towers.figures import flat
from trenza.towers.written import Line, in_reading_order

PIXELS = 256  # a side, of the square that detectors see
PAGE_LINES = 3  # of text that a drawn page has at least, not all under things
LETTERS, HIGH = 4, 0.12  # its lines have so many, or are no higher: a large letter or two are read into many a drawing


@dataclass(frozen=True)
class Things:
    """objects: squares [N, S, S, 3] to [K, 30] each; whole: one square to at most a row for all of it, where nothing
    stands out; events: samples [N], and names of what is shown beside them, to [K, 40]; lines: pixels to what is
    written; figures: pixels and the boxes of lines [L, 4] to [K, 30]; tracks: frames [T, S, S, 3], their times and the
    end to [K, 36]; encode: text to tokens of the language model."""

    objects: Callable[[Tensor], list[Tensor]]
    whole: Callable[[Tensor], Tensor]
    events: Callable[[Tensor, Sequence[str]], Tensor]
    lines: Callable[[np.ndarray], list[Line]]
    figures: Callable[[np.ndarray, Tensor], Tensor]
    tracks: Callable[[Tensor, np.ndarray, float], Tensor]
    encode: Callable[[str], list[int]]

    def __call__(self, signals: Sequence[Signal]) -> list[tuple[Medium, ...]]:
        """For each signal its media: two for a picture, one for a sound, one for a video and one for its sound."""
        return [tuple(self._media(signal)) for signal in signals]

    def beside(self, sound: Audio, shown: Sequence[str]) -> Medium:
        """A sound as who sees things of these names hears it."""
        return Medium("audio", self.events(torch.tensor(sound.samples), shown)[None])

    def _media(self, signal: Signal) -> list[Medium]:
        if isinstance(signal, Image):
            # All see the same square, so that their places mean the same.
            pixels = square(signal, PIXELS)
            found = agreed(self.objects(torch.from_numpy(pixels)[None])[0])
            lines = in_reading_order(self.lines(pixels))
            rows = pages.owned(pages.rows(lines, self.encode), found)
            # Elsewhere flat parts of a drawn thing look like figures; of a page no line is a name under a thing.
            if sum(map(_of_a_page, lines)) >= PAGE_LINES and not rows[:, OWNER].any(1).all():
                boxes = torch.tensor([line.box for line in lines])
                figures = self.figures(pixels, boxes)
                if flat(pixels):  # in a photograph a thing may have words on it
                    found = pages.unwritten(found, torch.cat([boxes, figures[:, BOX]]))
                lines, figures = pages.joined(lines, figures)
                found, rows = torch.cat([found, figures]), pages.rows(lines, self.encode)
            else:
                rows = rows[pages.legible(lines, found)]
                found = found if len(found) else self.whole(torch.from_numpy(pixels))
            return [Medium("image", found[None]), Medium("lines", rows[None], within=True)]
        if isinstance(signal, Audio):
            return [self.beside(signal, ())]
        if isinstance(signal, Video):
            count = len(signal.frames)
            chosen = np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int)
            frames = torch.from_numpy(np.stack([square(Image(signal.frames[i]), PIXELS) for i in chosen]))
            assert signal.seconds is not None
            media = [Medium("video", self.tracks(frames, signal.times[chosen], signal.seconds)[None])]
            return media + ([replace(m, within=True) for m in self._media(signal.audio)] if signal.audio else [])
        raise UsageError(f"a {type(signal).__name__} is no medium; give pictures, sounds or videos")


def _of_a_page(line: Line) -> bool:
    return len(line.text) >= LETTERS or line.box[2] - line.box[0] <= HIGH

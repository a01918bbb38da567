"""Films: things that move, appear and vanish over a still ground, with a sound track, and their truth by frame."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from trenza.conversation import Box
from trenza.data.samples import Media
from trenza.data.worlds import drawing, track
from trenza.data.worlds.drawing import SIZE
from trenza.data.worlds.scene import corners
from trenza.data.worlds.stock import Thing
from trenza.data.worlds.track import RATE, Event

FRAMES, FPS = 12, 4
SECONDS = FRAMES / FPS
Place = tuple[float, float] | None  # centre in pixels; None while out of sight


@dataclass(frozen=True)
class Actor:
    """A thing, the side of its square in pixels, and its place in each of the FRAMES frames."""

    thing: Thing
    side: float
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Film:
    media: Media
    actors: tuple[Actor, ...]
    boxes: tuple[tuple[Box | None, ...], ...]  # by actor, by frame
    events: tuple[Event, ...]

    def truth(self, language: str) -> dict[str, Any]:
        """The film as JSON values: times in seconds, boxes x0, y0, x1, y1 in 0..1 or null by frame."""
        objects = [
            {"name": a.thing.names[language], "key": a.thing.key, "boxes": [b and corners(b) for b in boxes]}
            for a, boxes in zip(self.actors, self.boxes, strict=True)
        ]
        times = [i / FPS for i in range(FRAMES)]
        return {"times": times, "objects": objects} | track.truth(list(self.events))


def shoot(ground: np.ndarray, actors: Sequence[Actor]) -> tuple[list[np.ndarray], tuple[tuple[Box | None, ...], ...]]:
    """Frames, uint8 [SIZE, SIZE, 3] each, and the box of each actor in each; later actors stand in front."""
    sprites = [drawing.fitted(a.thing.rgba, a.side) for a in actors]
    frames, boxes = [], []
    for number in range(FRAMES):
        canvas = ground.copy()
        masks: list[np.ndarray] = []
        for actor, sprite in zip(actors, sprites, strict=True):
            place = actor.places[number]
            mask = drawing.paste(canvas, sprite, place) if place else np.zeros((SIZE, SIZE), bool)
            for earlier in masks:
                earlier &= ~mask
            masks.append(mask)
        frames.append(canvas)
        boxes.append([drawing.mask_box(mask) for mask in masks])
    return frames, tuple(zip(*boxes, strict=True))


def film(frames: list[np.ndarray], sound: np.ndarray) -> Media:
    """MP4 (H.264, AAC) of frames at FPS a second and float32 [n] samples at 16 kHz; the same bytes every time."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        picture = container.add_stream(
            "libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20", "threads": "1", "tune": "zerolatency"}
        )
        picture.width = picture.height = SIZE
        picture.pix_fmt = "yuv420p"
        picture.codec_context.flags |= 0x00800000  # bit-exact
        voice = container.add_stream("aac", rate=RATE, layout="mono", options={"b": "48000"})
        voice.codec_context.flags |= 0x00800000
        for number, pixels in enumerate(frames):
            shown = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            shown.pts, shown.time_base = number, Fraction(1, FPS)
            container.mux(picture.encode(shown))
        container.mux(picture.encode(None))
        heard = av.AudioFrame.from_ndarray(sound.astype(np.float32)[None], format="fltp", layout="mono")
        heard.sample_rate, heard.pts, heard.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(voice.encode(heard))
        container.mux(voice.encode(None))
    return Media("video", "mp4", file.getvalue())

"""Probes that cut into pictures and sounds: the evidence hidden, shown alone, and a random region as control.

A grey hole is itself a signal. So a world of ours is drawn again without the thing; elsewhere a region is filled
with what surrounds it. The control hides a region of equal area and shape that the evidence doesn't touch.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from trenza.conversation import Box, Evidence, Span
from trenza.evaluate.cases import Case
from trenza.evaluate.reading import overlap
from trenza.evaluate.tasks import Redrawn
from trenza.signals import SAMPLE_RATE, Audio, Image, Video

MOST = 0.6  # of a medium that evidence may cover: hiding more leaves no room for a control
TRIES = 200
Drawn = Sequence[Redrawn | None] | None
Regions = dict[int, list[Box | Span]]  # by part


def regions(case: Case, evidence: Sequence[Evidence]) -> Regions:
    """Boxes and spans of the evidence by part; empty where a part is nearly all evidence, or none can be hidden."""
    found: Regions = {}
    for e in evidence:
        if e.part < len(case.media) and isinstance(e.where, Box | Span):
            found.setdefault(e.part, []).append(e.where)
    return {} if any(_share(case.media[part], wheres) > MOST for part, wheres in found.items()) else found


def _share(signal: Image | Audio | Video, wheres: Sequence[Box | Span]) -> float:
    """The largest share of the medium that the boxes, or the spans, cover together."""
    boxes = [w for w in wheres if isinstance(w, Box)]
    spans = [w for w in wheres if isinstance(w, Span)]
    seconds = 1.0 if isinstance(signal, Image) else (signal.seconds or 1.0)
    return max(_mask((64, 64), boxes).mean(), sum(s.end - s.start for s in spans) / seconds)


def hidden(case: Case, where: Regions, drawn: Drawn = None, share: float = 1.0) -> Case:
    """The case without its evidence, or without the inner `share` of its area."""
    return _edited(case, {p: [_inner(w, share) for w in ws] for p, ws in where.items()}, drawn, _hide)


def control(case: Case, where: Regions, rng: np.random.Generator, drawn: Drawn = None) -> Case | None:
    """As `hidden`, but regions of the same size that don't touch the evidence; None where there is no room."""
    moved = {part: _moved(case.media[part], ws, rng) for part, ws in where.items()}
    ready = {part: ws for part, ws in moved.items() if ws is not None}
    return _edited(case, ready, drawn, _hide_bare) if len(ready) == len(where) else None


def only(case: Case, where: Regions, drawn: Drawn = None, share: float = 1.0) -> Case:
    """Nothing but the evidence, or but the inner `share` of its area."""
    return _edited(case, {p: [_inner(w, share) for w in ws] for p, ws in where.items()}, drawn, _keep)


Edit = Callable[[np.ndarray, np.ndarray, Redrawn | None], np.ndarray]


def _edited(case: Case, where: Regions, drawn: Drawn, edit: Edit) -> Case:
    media = list(case.media)
    for part, wheres in where.items():
        again = drawn[part] if drawn else None
        media[part] = _cut(media[part], wheres, again, edit)
    return replace(case, media=tuple(media))


def _cut(signal: Image | Audio | Video, wheres: Sequence[Box | Span], again: Redrawn | None, edit: Edit):
    boxes = [w for w in wheres if isinstance(w, Box)]
    spans = [w for w in wheres if isinstance(w, Span)]
    if isinstance(signal, Image):
        return Image(edit(signal.pixels, _mask(signal.pixels.shape[:2], boxes), again))
    if isinstance(signal, Audio):
        return _cut_sound(signal, spans, edit is _keep)
    frames = np.array(signal.frames)
    if boxes:
        mask = _mask(frames.shape[1:3], boxes)
        frames = np.stack([edit(frame, mask, None) for frame in frames])
    elif spans:
        inside = np.any([(signal.times >= s.start) & (signal.times < s.end) for s in spans], 0)
        gone = ~inside if edit is _keep else inside
        frames = _frozen(frames, gone)
    sound = _cut_sound(signal.audio, spans, edit is _keep) if signal.audio is not None and spans else signal.audio
    return Video(frames, signal.times, sound, signal.seconds)


def _frozen(frames: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Each frame that is gone becomes the nearest one that stays."""
    staying = np.flatnonzero(~gone)
    if not staying.size:
        return np.full_like(frames, 128)
    nearest = staying[np.abs(np.arange(len(frames))[:, None] - staying[None]).argmin(1)]
    return frames[nearest]


def _hide(pixels: np.ndarray, mask: np.ndarray, again: Redrawn | None) -> np.ndarray:
    """The scene drawn again inside the region, so that what stands around it stays to the pixel."""
    return np.where(mask[..., None], again.pixels, pixels) if again is not None else filled(pixels, mask)


def _hide_bare(pixels: np.ndarray, mask: np.ndarray, again: Redrawn | None) -> np.ndarray:
    return np.where(mask[..., None], again.ground, pixels) if again is not None else filled(pixels, mask)


def _keep(pixels: np.ndarray, mask: np.ndarray, again: Redrawn | None) -> np.ndarray:
    if again is not None:
        return np.where(mask[..., None], pixels, again.ground)
    edge = pixels[~mask].reshape(-1, 3)
    around = np.broadcast_to(edge.mean(0).astype(np.uint8) if len(edge) else 128, pixels.shape)
    return np.where(mask[..., None], pixels, around)


def _mask(shape: tuple[int, int], boxes: Sequence[Box]) -> np.ndarray:
    """bool [H, W], True inside any of the boxes."""
    mask, (height, width) = np.zeros(shape, bool), shape
    for b in boxes:
        rows = slice(int(np.floor(b.y0 * height)), int(np.ceil(b.y1 * height)))
        mask[rows, int(np.floor(b.x0 * width)) : int(np.ceil(b.x1 * width))] = True
    return mask


def filled(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The region filled from its rim: along rows and columns, from edge to edge, nearer edges weighing more."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return pixels
    near = (slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(columns[0] - 1, 0), columns[-1] + 2))
    made = np.array(pixels)
    made[near] = _from_rim(pixels[near], mask[near])
    return made


def _from_rim(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    if mask.all():
        return np.full_like(pixels, 128)
    total = np.zeros(pixels.shape, np.float32)
    weight = np.zeros(mask.shape, np.float32)
    for axis in (0, 1):
        for backwards in (False, True):
            seen, distance = _carried(pixels, mask, axis, backwards)
            share = np.where(np.isfinite(distance), 1 / distance, 0).astype(np.float32)
            total += seen * share[..., None]
            weight += share
    smooth = np.where(weight[..., None] > 0, total / np.maximum(weight, 1e-6)[..., None], pixels[~mask].mean(0))
    return np.where(mask[..., None], smooth.round().astype(np.uint8), pixels)


def _carried(pixels: np.ndarray, mask: np.ndarray, axis: int, backwards: bool) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel the last unmasked one before it along an axis, and how far off it is (inf: none)."""
    length = mask.shape[axis]
    flip = (lambda a: np.flip(a, axis)) if backwards else (lambda a: a)
    m = flip(mask)
    steps = np.arange(length).reshape((-1, 1) if axis == 0 else (1, -1))
    last = np.maximum.accumulate(np.where(m, -1, steps), axis=axis)
    index = np.maximum(last, 0)
    seen = np.take_along_axis(flip(pixels), index[..., None], axis)
    return flip(seen), flip(np.where(last < 0, np.inf, np.maximum(steps - last, 1)))


def _cut_sound(sound: Audio, spans: Sequence[Span], keep: bool) -> Audio:
    """The spans (or all else) replaced by the recording's own quietest noise, so that no hole is heard."""
    samples = np.array(sound.samples)
    inside = np.zeros(len(samples), bool)
    for s in spans:
        inside[int(s.start * SAMPLE_RATE) : int(np.ceil(s.end * SAMPLE_RATE))] = True
    gone = ~inside if keep else inside
    frame = SAMPLE_RATE // 50
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    level = float(np.percentile(np.sqrt((frames**2).mean(1)), 10)) if len(frames) else 0.0
    noise = np.random.default_rng(len(samples)).standard_normal(int(gone.sum())) * level
    samples[gone] = noise.astype(np.float32)
    return Audio(samples)


def _inner(where: Box | Span, share: float) -> Box | Span:
    """The middle of a region, `share` of its area."""
    if share >= 1:
        return where
    if isinstance(where, Span):
        middle, half = (where.start + where.end) / 2, (where.end - where.start) / 2 * share
        return Span(middle - half, middle + half)
    x, y, side = (where.x0 + where.x1) / 2, (where.y0 + where.y1) / 2, share**0.5 / 2
    width, height = (where.x1 - where.x0) * side, (where.y1 - where.y0) * side
    return Box(x - width, y - height, x + width, y + height)


def _moved(signal: Image | Audio | Video, wheres: Sequence[Box | Span], rng: np.random.Generator):
    """Regions of the same size elsewhere, none touching any of the old ones; None where no place is found."""
    seconds = 1.0 if isinstance(signal, Image) else (signal.seconds or 1.0)
    made: list[Box | Span] = []
    for where in wheres:
        for _ in range(TRIES):
            there = _at_random(where, seconds, rng)
            if all(overlap(there, old) == 0 for old in wheres):
                made.append(there)
                break
        else:
            return None
    return made


def _at_random(where: Box | Span, seconds: float, rng: np.random.Generator) -> Box | Span:
    if isinstance(where, Span):
        length = where.end - where.start
        start = float(rng.uniform(0, max(seconds - length, 1e-3)))
        return Span(start, start + length)
    width, height = where.x1 - where.x0, where.y1 - where.y0
    x, y = float(rng.uniform(0, 1 - width)), float(rng.uniform(0, 1 - height))
    return Box(x, y, min(x + width, 1.0), min(y + height, 1.0))

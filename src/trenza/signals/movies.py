"""Videos and sound files: what PyAV reads. Runs in the worker only."""

import math
from collections.abc import Iterator
from typing import BinaryIO

import av
import numpy as np
from av.video.reformatter import Colorspace

from trenza.errors import SignalError
from trenza.signals.limits import Limits, check_size, exceeded
from trenza.signals.media import Audio, Video
from trenza.signals.sampling import frame_size, sample_times
from trenza.signals.sounds import read_sound
from trenza.signals.streams import frames, open_container, open_decoder

_JUMP = 2.0  # seconds to the next frame wanted, from which on seeking is tried
_UNNAMED = 2  # FFmpeg AVCOL_SPC_UNSPECIFIED, which PyAV has no name for


def read_movie(file: BinaryIO, name: str, kind: str | None, limits: Limits, frames_per_second: float) -> Audio | Video:
    """Decode a container of FFmpeg format `name`: a Video where it has pictures that move, else an Audio."""
    if kind == "image":
        raise SignalError("is no picture; decode it without kind and take a frame of the video.")
    with open_container(file, name) as container:
        # a cover is a video stream, too
        covers = av.stream.Disposition.attached_pic
        video = next((s for s in container.streams.video if not s.disposition & covers), None)
        audio = next(iter(container.streams.audio), None)
        if video is None and kind == "video":
            raise SignalError("has sound but no video; decode it without kind.")
        if audio is None and (video is None or kind == "audio"):
            way_out = "decode it without kind" if video else "give a file with video or sound"
            raise SignalError(f"holds no sound; {way_out}.")
        if video is None or kind == "audio":
            sound = read_sound(container, audio, limits, "audio_seconds")
            if sound is None:
                raise SignalError("holds no sound that can be decoded; get it or convert it again.")
            return sound
        times, kept, seconds, zero = _read_frames(container, video, limits, frames_per_second)
    sound = None
    if audio is not None:
        file.seek(0)
        with open_container(file, name) as container:  # the first pass went through the file out of order
            sound = read_sound(container, container.streams.audio[0], limits, "video_seconds", zero)
    return Video(kept, times, sound, max(seconds, sound.seconds if sound else 0.0))


def _read_frames(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    limits: Limits,
    frames_per_second: float,
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Times float64 [T] and frames uint8 [T, H, W, 3] sampled, length, time of the first frame (seconds)."""
    open_decoder(stream)
    check_size(stream.width, stream.height, limits)
    # so that a frame larger than the header said is refused by the decoder, before it is decoded
    stream.codec_context.options = {"max_pixels": str(max(limits.pixels, 16))}
    seconds = _length(container, stream, limits)
    wanted = sample_times(seconds, frames_per_second, limits)
    times, kept, size = [], [], None
    for time, frame in _at(container, stream, wanted):
        if size is None:
            check_size(frame.width, frame.height, limits)
            zero, rotation = time, frame.rotation
            size = frame_size(frame.width, frame.height, len(wanted), limits)
        times.append(time - zero)
        kept.append(_to_rgb(frame, size, rotation))
    if not kept:
        raise SignalError("holds no video frame that can be decoded; get it or convert it again.")
    return np.array(times), np.stack(kept), max(seconds, times[-1]), zero


def _length(container, stream, limits: Limits) -> float:
    """Seconds the video runs, by its header or else its packets; leaves the container at its start."""
    if stream.duration and stream.duration > 0:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration and container.duration > 0:
        seconds = container.duration / av.time_base
    else:
        seconds, first = 0.0, None
        try:
            for packet in container.demux(stream):
                if packet.pts is not None:
                    first = packet.pts if first is None else min(first, packet.pts)
                    end = packet.pts + (packet.duration or 0)
                    seconds = max(seconds, float((end - first) * packet.time_base))
            container.seek(0)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:  # cut off: as long as what came before
            container.seek(0)
    if seconds > limits.video_seconds:
        raise exceeded(limits, "video_seconds", f"runs for {seconds:,.0f} s", "cut it into pieces")
    return seconds


def _at(container, stream, wanted: list[float]) -> Iterator[tuple[float, av.VideoFrame]]:
    """(time in the file, frame) on show at each time `wanted`, counted from the first frame; none twice."""
    drawn = frames(container, stream)
    first = 0.0
    shown = ahead = None  # (time, frame): the last at or before the time wanted, and the one after it
    given = -math.inf
    jumping = True
    for target in wanted:
        if shown is not None:
            target += first
            reached = max(shown[0], ahead[0] if ahead else -math.inf)
            if jumping and target - reached > _JUMP and _seek(container, stream, target):
                drawn = frames(container, stream)
                ahead = _next(drawn, shown, stream)
                # keyframes further apart than the times wanted: seeking only leads back
                jumping = ahead is not None and ahead[0] > reached
        while True:
            ahead = ahead or _next(drawn, shown, stream)
            if shown is None and ahead is not None:
                first = ahead[0]
                target += first
                shown = ahead
            if ahead is None or ahead[0] > target + 1e-6:
                break
            if ahead[0] > shown[0]:  # else before a seek that led back, or out of order in a damaged file
                shown = ahead
            ahead = None
        if shown is None:
            return
        if shown[0] > given:
            given = shown[0]
            yield shown


def _next(drawn: Iterator, shown: tuple | None, stream) -> tuple[float, av.VideoFrame] | None:
    """The next (time, frame); a frame without a time comes one frame's length after the one shown."""
    frame = next(drawn, None)
    if frame is None:
        return None
    if frame.time is not None:
        return frame.time, frame
    return (0.0 if shown is None else shown[0] + 1 / float(stream.average_rate or 25)), frame


def _seek(container, stream, target: float) -> bool:
    """Move to the keyframe before `target` (seconds); False where the file has no index to go by."""
    try:
        container.seek(round(target / stream.time_base), stream=stream, backward=True)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        return False
    return True


def _to_rgb(frame: av.VideoFrame, size: tuple[int, int], rotation: float) -> np.ndarray:
    """A frame scaled to `size` (width, height) and turned upright: uint8 [H, W, 3]."""
    # files that don't name their colours are taken as players take them: high definition is BT.709
    unnamed = frame.colorspace == _UNNAMED
    space = Colorspace.ITU709 if unnamed and frame.height >= 720 else None
    small = frame.reformat(*size, "rgb24", src_colorspace=space, interpolation="AREA", threads=1)
    return np.ascontiguousarray(np.rot90(small.to_ndarray(), round(rotation / 90)))

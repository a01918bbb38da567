"""Sound, decoded with FFmpeg's libraries through PyAV. Runs in the worker only."""

import math

import av
import numpy as np

from trenza.errors import SignalError
from trenza.signals.limits import Limits, check_decoded, exceeded
from trenza.signals.media import SAMPLE_RATE, Audio
from trenza.signals.streams import frames, open_decoder


def read_sound(
    container: av.container.InputContainer,
    stream: av.audio.stream.AudioStream,
    limits: Limits,
    field: str,
    zero: float | None = None,
) -> Audio | None:
    """Decode a sound track to mono at SAMPLE_RATE; None where it holds no samples.

    field: the limit on its length, "audio_seconds" or "video_seconds". zero: the time in the file, in
    seconds, that becomes sample 0 (silence is put in front, or samples are cut); None keeps all samples.
    """
    open_decoder(stream)
    longest = getattr(limits, field)
    declared = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    if declared > longest:
        raise _too_long(limits, field)
    samples = bytearray()  # float32; one buffer, since a hostile file can make millions of tiny frames
    most = math.ceil(longest * SAMPLE_RATE) * 4
    cut = 0  # bytes still to drop at the front
    resampler, setup = None, None

    def keep(resampled: list[av.AudioFrame]):
        nonlocal cut
        for frame in resampled:
            data = memoryview(np.ascontiguousarray(frame.to_ndarray(), np.float32).reshape(-1)).cast("B")
            dropped = min(cut, len(data))
            cut -= dropped
            samples.extend(data[dropped:])
        if len(samples) > most:
            raise _too_long(limits, field)
        check_decoded(len(samples), limits)

    for frame in frames(container, stream):
        if frame.sample_rate <= 0 or frame.samples / frame.sample_rate > longest:
            raise _too_long(limits, field)
        if setup is None and zero is not None and frame.time is not None:
            shift = round((frame.time - zero) * SAMPLE_RATE) * 4
            if shift > most:
                raise _too_long(limits, field)
            cut = max(0, -shift)
            samples.extend(bytes(max(0, shift)))
        if setup != (setup := (frame.format.name, frame.layout.name, frame.sample_rate)):
            if resampler is not None:
                keep(resampler.resample(None))
            # without a bound, mixing to float makes a stereo tone 1.4 times as loud
            resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE, options={"rematrix_maxval": "1.0"})
        frame.pts = None  # a jump in time would make the resampler fill in or drop samples
        keep(resampler.resample(frame))
    if resampler is not None:
        keep(resampler.resample(None))  # the resampler holds back its last few milliseconds
    if not samples:
        return None
    sound = np.frombuffer(samples, np.float32)
    if not np.isfinite(sound).all():
        sound = np.nan_to_num(sound, nan=0.0, posinf=1.0, neginf=-1.0)
    return Audio(sound)


def _too_long(limits: Limits, field: str) -> SignalError:
    return exceeded(limits, field, "has sound that lasts longer", "cut it into pieces")

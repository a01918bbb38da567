import io

import av
import numpy as np
import pytest
from signal_files import _add_sound, _sound_stream, picture_bytes, quarters, sound_bytes, tone, video_bytes

from trenza.errors import SignalError
from trenza.signals import SAMPLE_RATE, Audio, Video, decode


def pitch(samples: np.ndarray) -> float:
    """Loudest frequency, in hertz."""
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * SAMPLE_RATE / len(samples))


def loudness(samples: np.ndarray) -> float:
    """Amplitude of a sine."""
    return float(np.sqrt(2 * np.mean(samples[1000:-1000] ** 2)))


@pytest.mark.parametrize(
    "container, codec, rate",
    [
        ("wav", "pcm_s16le", 44_100),
        ("wav", "pcm_u8", 8_000),
        ("wav", "pcm_f32le", 96_000),
        ("flac", "flac", 44_100),
        ("ogg", "libopus", 48_000),
        ("ogg", "vorbis", 44_100),
        ("mp3", "libmp3lame", 44_100),
        ("ipod", "aac", 44_100),
        ("mp4", "aac", 48_000),
    ],
)
def test_tone(container, codec, rate):
    audio = decode(sound_bytes(container, codec, rate, seconds=2.0))
    assert isinstance(audio, Audio) and audio.kind == "audio"
    assert audio.samples.dtype == np.float32 and audio.samples.ndim == 1
    tolerance = 0.05 if container == "mp3" else 0.02  # MP3 pads whole frames at both ends
    assert audio.seconds == pytest.approx(2.0, abs=tolerance * 2)
    assert pitch(audio.samples) == pytest.approx(440, abs=1)
    assert loudness(audio.samples) == pytest.approx(0.5, rel=0.06)


def test_resampler_is_flushed():
    audio = decode(sound_bytes("wav", "pcm_s16le", 44_100, seconds=1.0))
    assert len(audio.samples) == SAMPLE_RATE
    assert np.abs(audio.samples[-40:]).max() > 0.4


def test_16_khz_mono_passes_unchanged():
    samples = tone(0.5, SAMPLE_RATE)
    out = io.BytesIO()
    with av.open(out, "w", format="wav") as file:
        stream = file.add_stream("pcm_f32le", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert (decode(out.getvalue()).samples == samples).all()


def test_cover_is_not_a_video():
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as file:
        sound = _sound_stream(file, "libmp3lame", 44_100)
        cover = file.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 48, 32, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in [*cover.encode(av.VideoFrame.from_ndarray(quarters())), *cover.encode(None)]:
            file.mux(packet)
        _add_sound(file, sound, tone(1, 44_100), 44_100)
    assert b"APIC" in out.getvalue()
    assert decode(out.getvalue()).kind == "audio"


@pytest.mark.parametrize(
    "container, codec, sound",
    [
        ("mp4", "libx264", "aac"),
        ("mp4", "mpeg4", "aac"),
        ("mp4", "libx265", "aac"),
        ("webm", "libvpx-vp9", "libopus"),
        ("webm", "libvpx", "libopus"),
        ("matroska", "libx264", "flac"),
        ("mov", "libx264", "aac"),
    ],
)
def test_video(container, codec, sound):
    video = decode(video_bytes(container, codec, sound=sound), frames_per_second=1)
    assert isinstance(video, Video) and video.kind == "video"
    assert video.times == pytest.approx([0, 1, 2, 3], abs=0.02)
    assert video.frames.shape == (4, 48, 64, 3) and video.frames.dtype == np.uint8
    assert video.seconds == pytest.approx(4, abs=0.1)
    for time, frame in zip(video.times, video.frames, strict=True):
        wanted = int(50 * time), 40, 200 - int(50 * time)
        assert np.abs(frame.mean((0, 1)) - wanted).max() < 8
    assert video.audio.seconds == pytest.approx(4, abs=0.05)
    assert pitch(video.audio.samples) == pytest.approx(440, abs=1)
    assert loudness(video.audio.samples) == pytest.approx(0.5, rel=0.06)


def test_sound_of_a_video_and_silent_video():
    content = video_bytes(sound="aac")
    assert decode(content, kind="audio") == decode(content).audio
    silent = video_bytes()
    assert decode(silent).audio is None
    with pytest.raises(SignalError, match="holds no sound"):
        decode(silent, kind="audio")
    with pytest.raises(SignalError, match="is no picture"):
        decode(silent, kind="image")
    with pytest.raises(SignalError, match="no video"):
        decode(sound_bytes("ipod", "aac"), kind="video")


def test_long_video_is_sampled_evenly_with_seeking():
    # keyframes closer than the frames wanted, and then further apart: both ways must give the same times
    for gop in (10, 400):
        video = decode(video_bytes(seconds=120, gop=gop, colour=lambda time: (int(2 * time), 0, 0)))
        assert len(video.times) == 64
        assert np.abs(video.times - np.arange(64) * 120 / 64).max() <= 0.1 + 1e-6
        assert np.abs(video.frames.mean((1, 2))[:, 0] - 2 * video.times).max() < 8


def test_frames_per_second_and_size():
    video = decode(video_bytes(size=(1280, 320), seconds=1), frames_per_second=5)
    assert video.frames.shape == (5, 160, 640, 3)
    assert video.times == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    usual = decode(video_bytes(seconds=2))
    assert len(usual.times) == 8 and np.abs(usual.times - np.arange(8) / 4).max() <= 0.1 + 1e-6  # four a second


def test_video_without_length_in_its_header():
    content = video_bytes("webm", "libvpx", 3)
    duration = content.index(b"\x44\x89\x88")  # the Duration element, an 8-byte float
    content = content[: duration + 3] + bytes(8) + content[duration + 11 :]
    video = decode(content, frames_per_second=1)
    assert video.times == pytest.approx([0, 1, 2], abs=0.02)


def test_rotation():
    content = video_bytes(seconds=1)
    unturned = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    # (x, y) goes to (-y, x): a quarter turn clockwise, as phones held upright write it
    clockwise = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    track = content.index(unturned, content.index(b"tkhd"))
    content = content[:track] + clockwise + content[track + 36 :]
    assert decode(content, frames_per_second=1).frames.shape == (1, 64, 48, 3)


def test_rotation_turns_the_right_way():
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        file.mux(stream.encode(av.VideoFrame.from_ndarray(quarters(64))))
        file.mux(stream.encode(None))
    content = out.getvalue()
    unturned = np.array([1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    clockwise = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    track = content.index(unturned, content.index(b"tkhd"))
    turned = decode(content[:track] + clockwise + content[track + 36 :]).frames[0].astype(int)
    wanted = np.rot90(quarters(64), -1)
    assert np.abs(turned - wanted).mean() < 25  # colours blur at the borders of the quarters
    assert turned[10, 10].argmax() == 2  # blue, the lower left, comes to the upper left


def test_full_range_colours():
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        stream = file.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        pixels = np.full((48, 64, 3), 250, np.uint8)
        file.mux(stream.encode(av.VideoFrame.from_ndarray(pixels).reformat(format="yuvj420p")))
        file.mux(stream.encode(None))
    assert np.abs(decode(out.getvalue()).frames.astype(int) - 250).max() < 6


def test_picture_in_disguise(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(picture_bytes(quarters(), "JPEG"))
    assert decode(path).kind == "image"

"""Small media files of every format, made here so that the truth about them is known."""

import io

import av
import numpy as np
import PIL.Image


def picture_bytes(array_or_picture, name: str, **options) -> bytes:
    """A picture saved in the Pillow format `name`."""
    picture = array_or_picture
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    out = io.BytesIO()
    picture.save(out, name, **options)
    return out.getvalue()


def quarters(size: int = 32) -> np.ndarray:
    """Red, green, blue, white quarters, row by row: uint8 [size, 1.5 size, 3]."""
    pixels = np.full((size, size * 3 // 2, 3), 255, np.uint8)
    half, middle = size // 2, size * 3 // 4
    pixels[:half, :middle] = 255, 0, 0
    pixels[:half, middle:] = 0, 255, 0
    pixels[half:, :middle] = 0, 0, 255
    return pixels


def animation_bytes(name: str, count: int = 6, duration: int = 500, **options) -> bytes:
    """`count` frames of 24 x 16, each of one grey, 30 apart."""
    frames = [PIL.Image.new("RGB", (24, 16), (30 * i, 30 * i, 30 * i)) for i in range(count)]
    if name == "WEBP":
        options |= {"lossless": True}
    return picture_bytes(frames[0], name, save_all=True, append_images=frames[1:], duration=duration, loop=0, **options)


def tone(seconds: float, rate: int, hertz: float = 440, loudness: float = 0.5) -> np.ndarray:
    """float32 [N]"""
    return (loudness * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def sound_bytes(container: str, codec: str, rate: int = 44_100, seconds: float = 1.0, samples=None) -> bytes:
    """Stereo sound, by default a tone of 440 Hz at half loudness."""
    samples = tone(seconds, rate) if samples is None else samples
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        _add_sound(file, _sound_stream(file, codec, rate), samples, rate)
    return out.getvalue()


def _sound_stream(file, codec: str, rate: int):
    stream = file.add_stream(codec, rate=rate)
    stream.codec_context.layout = "stereo"
    if codec == "vorbis":
        stream.codec_context.options = {"strict": "experimental"}
    return stream


def _add_sound(file, stream, samples: np.ndarray, rate: int, start: float = 0.0):
    frame = av.AudioFrame.from_ndarray(np.stack([samples, samples]), format="fltp", layout="stereo")
    frame.sample_rate = rate
    frame.pts = round(start * rate)
    for packet in stream.encode(frame):
        file.mux(packet)
    for packet in stream.encode(None):
        file.mux(packet)


def video_bytes(
    container: str = "mp4",
    codec: str = "libx264",
    seconds: float = 4.0,
    rate: int = 10,
    size: tuple[int, int] = (64, 48),
    sound: str | None = None,
    colour=lambda time: (int(50 * time), 40, 200 - int(50 * time)),
    gop: int = 10,
) -> bytes:
    """A video whose one colour says the time, with a tone for sound where a codec for it is given."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, options={"g": str(gop)})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = gop
        track = _sound_stream(file, sound, 48_000) if sound else None
        for index in range(round(seconds * rate)):
            pixels = np.empty((size[1], size[0], 3), np.uint8)
            pixels[:] = colour(index / rate)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels)):
                file.mux(packet)
        for packet in stream.encode(None):
            file.mux(packet)
        if track:
            _add_sound(file, track, tone(seconds, 48_000), 48_000)
    return out.getvalue()


def every_format() -> dict[str, bytes]:
    """One small file of each format that is read, by its usual extension."""
    pixels = quarters()
    alpha = PIL.Image.fromarray(pixels).convert("RGBA")
    return {
        "jpg": picture_bytes(pixels, "JPEG"),
        "progressive.jpg": picture_bytes(pixels, "JPEG", progressive=True),
        "cmyk.jpg": picture_bytes(PIL.Image.fromarray(pixels).convert("CMYK"), "JPEG"),
        "png": picture_bytes(alpha, "PNG"),
        "palette.png": picture_bytes(alpha.convert("P"), "PNG"),
        "16.png": picture_bytes(np.arange(0, 65536, 64, np.uint16).reshape(32, 32), "PNG"),
        "webp": picture_bytes(pixels, "WEBP"),
        "gif": picture_bytes(pixels, "GIF"),
        "bmp": picture_bytes(pixels, "BMP"),
        "tiff": picture_bytes(pixels, "TIFF"),
        "deflate.tiff": picture_bytes(pixels, "TIFF", compression="tiff_adobe_deflate"),
        "lzw.tiff": picture_bytes(pixels, "TIFF", compression="tiff_lzw"),
        "float.tiff": picture_bytes(np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32), "TIFF"),
        "avif": picture_bytes(pixels, "AVIF"),
        "animated.gif": animation_bytes("GIF"),
        "animated.webp": animation_bytes("WEBP"),
        "animated.png": animation_bytes("PNG"),
        "wav": sound_bytes("wav", "pcm_s16le"),
        "flac": sound_bytes("flac", "flac"),
        "opus.ogg": sound_bytes("ogg", "libopus", 48_000),
        "vorbis.ogg": sound_bytes("ogg", "vorbis"),
        "mp3": sound_bytes("mp3", "libmp3lame"),
        "m4a": sound_bytes("ipod", "aac"),
        "mp4": video_bytes(seconds=2, sound="aac"),
        "mpeg4.mp4": video_bytes(codec="mpeg4", seconds=2),
        "hevc.mp4": video_bytes(codec="libx265", seconds=1),
        "webm": video_bytes("webm", "libvpx-vp9", 1, sound="libopus"),
        "vp8.webm": video_bytes("webm", "libvpx", 1, sound="libopus"),
        "mkv": video_bytes("matroska", seconds=2, sound="flac"),
    }

import struct

import numpy as np
import PIL.Image
import pytest
from signal_files import animation_bytes, picture_bytes, quarters

from trenza.errors import SignalError
from trenza.signals import Image, Video, decode, square

CORNERS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def corners(image: Image) -> list[tuple[int, ...]]:
    pixels = image.pixels.astype(int)
    return [tuple(pixels[y, x]) for y, x in ((4, 4), (4, -5), (-5, 4), (-5, -5))]


def near(found, wanted, by=6):
    assert np.abs(np.array(found) - np.array(wanted)).max() <= by, (found, wanted)


@pytest.mark.parametrize(
    "name, options, by",
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, 0),
        ("GIF", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 12),
        ("JPEG", {"quality": 95, "subsampling": 0}, 6),
        ("AVIF", {"quality": 95}, 12),
    ],
)
def test_format(name, options, by):
    image = decode(picture_bytes(quarters(), name, **options))
    assert image.kind == "image" and image.pixels.dtype == np.uint8
    assert image.pixels.shape == (32, 48, 3)
    near(corners(image), CORNERS, by)


def test_extension_does_not_matter(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(picture_bytes(quarters(), "PNG"))
    assert decode(path) == decode(str(path)) == Image(quarters())


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(name, orientation):
    upright = PIL.Image.fromarray(quarters())
    turn = PIL.Image.Transpose
    # how a camera stores what it saw, for each value of the tag
    stored = {
        1: None,
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_90,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_270,
    }[orientation]
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    picture = upright if stored is None else upright.transpose(stored)
    image = decode(picture_bytes(picture, name, exif=exif, quality=95))
    assert image.pixels.shape == (32, 48, 3)
    near(corners(image), CORNERS, 12)


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_16_bits_are_scaled(name):
    values = np.array([[0, 128, 257, 32768], [65535, 65278, 1000, 40000]], np.uint16)
    image = decode(picture_bytes(values, name))
    near(image.pixels[..., 0], np.rint(values / 257), 0)
    assert (image.pixels[..., 0] == image.pixels[..., 2]).all()


@pytest.mark.parametrize(
    "values, wanted",
    [
        ([[0.0, 0.5, 1.0]], [0, 128, 255]),
        ([[0.0, 100.0, 255.0]], [0, 100, 255]),
        ([[-1.0, 0.0, 1.0]], [0, 128, 255]),
        ([[0.0, np.nan, 1.0]], [0, 0, 255]),
    ],
)
def test_float_tiff(values, wanted):
    image = decode(picture_bytes(np.array(values, np.float32), "TIFF"))
    assert image.pixels[0, :, 1].tolist() == wanted


def test_float_tiff_without_any_value():
    with pytest.raises(SignalError, match="no finite value"):
        decode(picture_bytes(np.full((2, 2), np.nan, np.float32), "TIFF"))


def test_cmyk():
    ink = PIL.Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    near(decode(picture_bytes(ink, "TIFF")).pixels[4, 4], (255, 0, 0), 1)
    near(decode(picture_bytes(ink, "JPEG", quality=95)).pixels[4, 4], (255, 0, 0), 4)


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF"])
def test_alpha_shows_white(name):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = 200, 0, 0, 255
    pixels[:4, 4:] = 200, 0, 0, 128
    image = decode(picture_bytes(pixels, name, lossless=True))
    near(image.pixels[2, 2], (200, 0, 0), 0)
    near(image.pixels[2, 6], (227, 127, 127), 1)
    near(image.pixels[6, 6], (255, 255, 255), 0)


def test_modes():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    assert (decode(picture_bytes(grey, "PNG")).pixels == grey[..., None]).all()
    bits = PIL.Image.fromarray(grey > 100)
    assert (decode(picture_bytes(bits, "PNG")).pixels[..., 0] == np.where(grey > 100, 255, 0)).all()
    translucent = PIL.Image.fromarray(np.stack([grey, np.zeros_like(grey)], -1), "LA")
    assert (decode(picture_bytes(translucent, "PNG")).pixels == 255).all()
    palette = PIL.Image.fromarray(quarters()).quantize(4)
    assert (decode(picture_bytes(palette, "PNG")).pixels == quarters()).all()
    clear = PIL.Image.fromarray(quarters()).quantize(4)
    red = clear.getpixel((0, 0))
    image = decode(picture_bytes(clear, "PNG", transparency=red))
    assert tuple(image.pixels[0, 0]) == (255, 255, 255) and tuple(image.pixels[0, -1]) == (0, 255, 0)


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG"])
def test_animation_is_a_video(name):
    content = animation_bytes(name)  # 6 frames, half a second each
    video = decode(content, frames_per_second=1)
    assert isinstance(video, Video) and video.audio is None
    assert video.seconds == pytest.approx(3.0)
    assert video.times.tolist() == [0.0, 1.0, 2.0]
    assert video.frames.shape == (3, 16, 24, 3)
    assert video.frames[:, 0, 0, 0].tolist() == [0, 60, 120]
    first = decode(content, kind="image")
    assert first.kind == "image" and (first.pixels == 0).all()
    all_frames = decode(content, frames_per_second=10)
    assert all_frames.times.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]


def test_still_gif_and_webp_are_images():
    for name in ("GIF", "WEBP"):
        content = animation_bytes(name, 1)
        assert decode(content).kind == "image"
        with pytest.raises(SignalError, match="still picture"):
            decode(content, kind="video")


def test_wrong_kind_names_the_way_out():
    with pytest.raises(SignalError, match=r"cow\.png is a picture and has no sound; decode it without kind"):
        decode(picture_bytes(quarters(), "PNG"), name="cow.png", kind="audio")


def test_foreign_formats():
    heic = struct.pack(">I", 24) + b"ftypheic" + bytes(12)
    for content, words in [
        (b'<?xml version="1.0"?><svg width="9"/>', "SVG.*render it to PNG"),
        (heic, "HEIC.*JPEG"),
        (b"%PDF-1.7", "PDF.*render"),
        (b"PK\x03\x04zip", "ZIP.*unpack"),
        (b"hello", "no medium that is read here"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "no medium"),
    ]:
        with pytest.raises(SignalError, match=words):
            decode(content)


def test_square_keeps_aspect_on_white():
    wide = Image(np.zeros((10, 40, 3), np.uint8))
    out = square(wide, 20)
    assert out.shape == (20, 20, 3) and out.dtype == np.uint8
    assert (out[:7] == 255).all() and (out[8:12] == 0).all() and (out[13:] == 255).all()
    line = Image(np.zeros((1, 9000, 3), np.uint8))
    assert square(line, 32).shape == (32, 32, 3)
    checks = Image(np.indices((64, 64)).sum(0)[..., None].repeat(3, -1).astype(np.uint8) % 2 * 255)
    assert np.abs(square(checks, 16).astype(int)[2:-2, 2:-2] - 127).max() < 20  # antialiased: grey, not black

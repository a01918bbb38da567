import numpy as np
import pytest

from trenza.errors import SignalError, UsageError
from trenza.signals import Audio, Image, Limits, Video


def picture(*shape):
    return np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)


def test_same_content_is_equal_wherever_it_lies():
    pixels = picture(4, 6, 3)
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, ::2] = pixels
    assert Image(pixels) == Image(wide[:, ::2])
    assert len({Image(pixels), Image(pixels.copy())}) == 1


def test_no_two_different_signals_share_a_hash():
    frames, times = picture(1, 4, 6, 3), np.zeros(1)
    sound = Audio(np.zeros(8, np.float32))
    signals = [
        Image(picture(4, 6, 3)),
        Image(picture(6, 4, 3)),
        Image(picture(1, 24, 3)),
        Video(frames, times),
        Video(frames, times + 1),
        Video(frames, times, sound),
        Video(frames, times, None, 2.0),
        Video(picture(2, 2, 6, 3), np.arange(2.0)),
        sound,
        Audio(np.zeros(9, np.float32)),
        Audio(picture(32).view(np.float32)),
        Image(np.zeros((4, 8, 3), np.uint8)),
        Audio(np.zeros(24, np.float32)),  # as many zero bytes as the image before
    ]
    assert len({signal.content_hash for signal in signals}) == len(signals)
    assert all(len(signal.content_hash) == 64 for signal in signals)
    assert Image(picture(4, 6, 3)) != "a text"


def test_content_does_not_change():
    pixels = picture(4, 6, 3)
    image = Image(pixels)
    with pytest.raises(ValueError):
        image.pixels[0] = 0
    pixels[0] = 1  # the caller's own array stays the caller's


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda: Image(np.zeros((4, 6), np.uint8)),
            r"Image.pixels must be a uint8 array of shape \[n, n, 3\]",
        ),
        (lambda: Image(np.zeros((4, 6, 3))), "float64"),
        (lambda: Image([[1]]), "list"),
        (lambda: Audio(np.zeros((2, 9), np.float32)), "Audio.samples"),
        (lambda: Audio(np.zeros(0, np.float32)), "Audio.samples"),
        (lambda: Video(picture(2, 4, 6, 3), np.zeros(3)), "Video.times"),
        (lambda: Video(picture(2, 4, 6, 3), np.zeros(2)), "rising"),
    ],
)
def test_wrong_arrays_are_refused(make, words):
    with pytest.raises(SignalError, match=words):
        make()


def test_seconds():
    assert Audio(np.zeros(8000, np.float32)).seconds == 0.5
    assert Video(picture(3, 4, 6, 3), np.array([0.0, 1.0, 2.0])).seconds == 3.0
    assert Video(picture(1, 4, 6, 3), np.zeros(1), Audio(np.zeros(8000, np.float32))).seconds == 0.5


def test_limits_are_positive():
    for wrong in (0, -1, float("inf"), float("nan"), "9", True):
        with pytest.raises(UsageError, match=r"Limits\.pixels"):
            Limits(pixels=wrong)

"""A stock drawn by the tests: flat shapes of known pixels, voices of pure tones. No network, no espeak-ng."""

import zlib

import numpy as np
import pytest

from trenza.data.worlds.stock import Stock, Thing

KINDS = ("animals-nature", "food-drink", "travel-places", "activities", "objects")
SYLLABLES = ("ba", "do", "fi", "gu", "ke", "lo", "mi", "nu", "pa", "ro")


def shape(number: int) -> np.ndarray:
    """uint8 [h, w, 4]: a disc, box, ring, cross or wedge in one of many hues, with shades for tinting."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    masks = (
        x**2 + y**2 < 1, np.abs(x) + np.abs(y) < 1, (x**2 + y**2 < 1) & (x**2 + y**2 > 0.2),
        (np.abs(x) < 0.35) | (np.abs(y) < 0.35), y > 2 * np.abs(x) - 1,
    )  # fmt: skip
    rng = np.random.default_rng(number)
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[..., :3] = np.clip(rng.integers(30, 226, 3) + (x * 30)[..., None], 0, 255)
    rgba[..., 3] = np.where(masks[number % 5], 255, 0)
    rows = 64 - 12 * (number % 3)  # not all are square
    return np.ascontiguousarray(rgba[(64 - rows) // 2 : (64 + rows) // 2])


def tone(text: str, language: str = "en", voice: int = 0) -> np.ndarray:
    """float32 [n]: 0.3 to 0.6 s of a pitch that the text fixes, silence before and after as speech has it."""
    digest = zlib.crc32(text.encode())
    n = 4800 + digest % 4800
    wave = np.sin(2 * np.pi * (200 + digest % 900) * np.arange(n) / 16_000)
    silence = np.zeros(800)
    return np.concatenate([silence, wave, silence]).astype(np.float32)


def things(count: int = 90, effects: int = 30) -> tuple[Thing, ...]:
    made = []
    for i in range(count):
        word = SYLLABLES[i % 10] + SYLLABLES[i // 10] + SYLLABLES[i * 7 % 10]
        effect = tone(f"effect {word}") if i < effects else None
        made.append(
            Thing(f"toy/{i}", "toy", KINDS[i % 5], f"toy:{i}", {"en": word, "es": word + "s"}, shape(i), effect)
        )
    return tuple(made)


@pytest.fixture(scope="session")
def stock() -> Stock:
    rng = np.random.default_rng(0)
    grounds = tuple(rng.integers(150, 256, (300, 300, 3), np.uint8) for _ in range(2))
    return Stock(things(), grounds, tone)

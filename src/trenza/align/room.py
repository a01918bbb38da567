"""Augmentation of speech: what rooms, microphones and tape do to a voice. NumPy, one clip at a time."""

import numpy as np
from scipy.signal import fftconvolve, resample_poly

SAMPLE_RATE = 16_000


def record(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A clip float32 [N] as another microphone might have heard it."""
    if rng.random() < 0.7:  # other sizes of the vocal tract: speed and pitch together
        samples = resample_poly(samples, int(rng.integers(86, 115)), 100)
    if rng.random() < 0.4:
        decay = rng.uniform(0.03, 0.25)
        tail = rng.standard_normal(int(decay * SAMPLE_RATE * 2)) * np.exp(
            -np.arange(int(decay * SAMPLE_RATE * 2)) / (decay * SAMPLE_RATE / 3)
        )
        tail[0] = rng.uniform(3, 15)
        samples = fftconvolve(samples, tail)
    if rng.random() < 0.5:  # a smooth random frequency response, +-12 dB
        knots = rng.uniform(-12, 12, 8)
        spectrum = np.fft.rfft(samples)
        gain = np.interp(np.linspace(0, 7, len(spectrum)), np.arange(8), knots)
        samples = np.fft.irfft(spectrum * 10 ** (gain / 20), len(samples))
    if rng.random() < 0.2:  # telephone: nothing above 4 kHz
        spectrum = np.fft.rfft(samples)
        spectrum[len(spectrum) // 2 :] = 0
        samples = np.fft.irfft(spectrum, len(samples))
    samples = samples / (np.abs(samples).max() + 1e-6) * 10 ** rng.uniform(-1.2, -0.05)
    if rng.random() < 0.5:
        loudness = np.sqrt(np.mean(samples**2)) * 10 ** (-rng.uniform(10, 40) / 20)
        noise = rng.standard_normal(len(samples) + 64)
        if rng.random() < 0.5:
            noise = np.convolve(noise, np.ones(8) / 2.8, "same")  # darker, as rooms are
        samples = samples + loudness * noise[: len(samples)]
    silence = int(rng.uniform(0, 0.35) * SAMPLE_RATE)
    return np.concatenate([np.zeros(silence), samples]).astype(np.float32)

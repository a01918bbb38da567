"""Signals to codes and back; a spectrogram becomes a sound that has that spectrogram again."""

import numpy as np
import pytest
import torch

from trenza.bridges.native import Codec, CodecConfig
from trenza.errors import UsageError
from trenza.signals import Audio, Image, Video, decode
from trenza.systems import codecs, load, references
from trenza.systems.codecs import Codecs


def tiny() -> Codecs:
    torch.manual_seed(0)
    made = {"image": CodecConfig(2, 3, (8, 8, 8), (3, 4)), "audio": CodecConfig(1, 80, (8, 8), (3, 4))}
    return Codecs({kind: Codec(config) for kind, config in made.items()}).eval().requires_grad_(False)


def test_each_kind_of_signal_becomes_codes_and_signals_again():
    kinds, rng = tiny(), np.random.default_rng(0)
    sound = Audio(rng.standard_normal(16_000 * 4).astype(np.float32))
    film = Video(rng.integers(0, 256, (9, 40, 40, 3), np.uint8), np.arange(9.0), sound)
    (picture,), (frames, beside), (alone,) = kinds([Image(rng.integers(0, 256, (50, 90, 3), np.uint8)), film, sound])
    assert (picture.kind, picture.features.shape) == ("image", (1, 64, 1))
    assert (frames.kind, frames.features.shape) == ("video", (4, 64, 1))
    assert (alone.kind, alone.features.shape) == ("audio", (2, 75, 1))
    assert torch.equal(beside.features, alone.features)
    assert kinds.picture(picture.features.flatten().long().tolist()).pixels.shape == (64, 64, 3)
    assert kinds.sound(alone.features.flatten().long().tolist()).samples.shape == (16_000 * 6,)


def test_raw_patches_are_the_picture_s_own_pixels_row_by_row():
    pixels = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    ((medium,),) = codecs.patches([Image(pixels)])
    assert medium.features.shape == (1, 64, 3 * 12 * 12)
    patch = medium.features[0, 8 * 2 + 3].view(3, 12, 12)  # row 2, column 3
    expected = torch.from_numpy(pixels[24:36, 36:48]).permute(2, 0, 1).float() / 127.5 - 1
    assert torch.allclose(patch, expected)
    with pytest.raises(UsageError, match="Audio is no medium that is seen"):
        codecs.patches([Audio(np.zeros(100, np.float32))])


def test_pixels_survive_normalising():
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(codecs.as_pixels(codecs.normalised(pixels)), pixels)


def test_a_sound_found_from_its_spectrogram_has_that_spectrogram():
    seconds = torch.arange(48_000) / 16_000
    tone = 0.3 * torch.sin(2 * torch.pi * 440 * seconds) * (seconds < 2)
    mel = codecs.heard(tone)
    again = codecs.heard(codecs.audible(mel))
    other = codecs.heard(0.3 * torch.sin(2 * torch.pi * 1500 * seconds))
    assert (again - mel).abs().mean() < 0.5 * (other - mel).abs().mean()
    assert again[0, :, 50].argmax() == mel[0, :, 50].argmax()


def test_a_codec_is_kept_and_read_back(tmp_path):
    codec = tiny()["audio"].half().float()
    codecs.save(codec, tmp_path / "codec")
    mel = torch.rand(1, 80, 40, generator=torch.Generator().manual_seed(0))
    assert torch.equal(codecs.load(tmp_path / "codec").encode(mel), codec.encode(mel))


def test_the_shipped_codecs_give_back_what_they_were_given():
    shipped = load.codecs()
    pixels = np.full((64, 64, 3), 255, np.uint8)
    rows, columns = np.mgrid[:64, :64]
    pixels[(rows - 30) ** 2 + (columns - 34) ** 2 < 400] = (210, 40, 30)
    said = decode(references.FOLDER / "weather.wav")
    (picture,), (sound,) = shipped([Image(pixels), said])
    again = shipped.picture(picture.features.flatten().long().tolist())
    error = np.square(again.pixels.astype(float) - pixels).mean() / 255**2
    assert error < 0.02  # a plain grey picture has 0.13
    mel = codecs.heard(torch.tensor(said.samples))
    back = shipped["audio"].decode(sound.features[..., 0].long())
    assert (back - mel).square().mean() < 0.3 * mel.var()

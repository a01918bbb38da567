"""Squares of two colours with questions about them, as shards, and a recipe over them."""

import io
from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image as Pillow

from trenza.align import assemble, imagined
from trenza.align.lexicon import Lexicon
from trenza.align.simulated import Simulated
from trenza.conversation import Box, Evidence
from trenza.data.samples import Item, Media
from trenza.data.shards import write_shard

COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220)}


def square(number: int) -> list[Item]:
    """Two questions about one picture."""
    rng = np.random.default_rng(number)
    name = list(COLOURS)[number % 2]
    pixels = np.full((64, 64, 3), 255, np.uint8)
    x, y = rng.integers(0, 40, 2)
    pixels[y : y + 24, x : x + 24] = COLOURS[name]
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    media = (Media("image", "png", buffer.getvalue()),)
    where = (Evidence(0, Box(x / 64, y / 64, (x + 24) / 64, (y + 24) / 64)),)
    corner = f"[{x / 64:.3f}, {y / 64:.3f}]"
    return [
        Item(f"{number}-a", media, "colour?", name, "describe", "en", "train", tuple(COLOURS), where),
        Item(f"{number}-b", media, "corner?", corner, "locate", "en", "train", (), where),
    ]


@pytest.fixture(scope="session")
def squares(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("squares")
    for shard in range(2):
        write_shard(folder / f"{shard}.tar", [i for n in range(shard * 12, shard * 12 + 12) for i in square(n)])
    return folder


@pytest.fixture(scope="session")
def tiny():
    """Makes tiny parts."""
    spec = spec_from_file_location("tiny_training", Path(__file__).with_name("tiny_training.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.parts


@pytest.fixture
def narrow(monkeypatch, tmp_path_factory):
    """Narrow bridges, and one cache of features for all tests that want it."""
    monkeypatch.setenv("TRENZA_CACHE", str(tmp_path_factory.getbasetemp() / "features"))
    monkeypatch.setattr(assemble, "WIDTH", 48)


@pytest.fixture
def recipe(squares, tmp_path) -> Path:
    """A recipe file; its cache of features is the test's own unless $TRENZA_CACHE says otherwise."""
    file = tmp_path / "recipe.yaml"
    document = {
        "system": "llava", "out": str(tmp_path / "out"), "data": [{"path": str(squares)}], "steps": 12, "batch": 4,
        "rank": 2, "warmup": 2, "save_every": 3, "sample_every": 100,
    }  # fmt: skip
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    """Names that are easily told from other words."""
    things = [(f"thing{i:02}", f"cosa{i:02}") for i in range(40)]
    return Lexicon(things, [(f"noise{i:02}", f"ruido{i:02}") for i in range(9)], ["a"] * 9)


@pytest.fixture(scope="session")
def simulated(lexicon) -> Callable[[], Simulated]:
    """Makes simulated detectors of these names."""
    return lambda: Simulated(lexicon.names, lexicon.sounds, lambda text: [1, 2], lambda text: [3])


@pytest.fixture(scope="session")
def many(lexicon) -> list:
    """Imagined media with their questions, with sounds that things have too."""
    both = replace(lexicon, sounds=[*lexicon.sounds, *lexicon.names[:6]])
    return list(islice(imagined.made(both, np.random.default_rng(16)), 3000))

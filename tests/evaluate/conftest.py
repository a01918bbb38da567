import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for cheaters, which the tests here share


@pytest.fixture(scope="session")
def stock():
    """The toy stock of the worlds' own tests: no network, no espeak-ng."""
    path = Path(__file__).parents[1] / "data/worlds/conftest.py"
    spec = importlib.util.spec_from_file_location("toy_stock", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.stock.__wrapped__()

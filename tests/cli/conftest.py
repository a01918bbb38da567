import pytest

from trenza.systems import load


@pytest.fixture(scope="session")
def default():
    """The embedded default, loaded once."""
    return load.responder()


@pytest.fixture
def quick(default, monkeypatch):
    """`trenza ask` in this process, without loading the weights again."""
    monkeypatch.setattr(load, "responder", lambda model=None: default)

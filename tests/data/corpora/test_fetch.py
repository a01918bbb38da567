"""Source packages: fetched once, verified, whole or not at all; the clients are stand-ins, no network."""

import gzip
import hashlib
import io
import tarfile

import pytest

from trenza.data.corpora import fetch
from trenza.errors import DataError


def archive() -> bytes:
    """A tarball of one file, the same bytes every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("package/ball.txt")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"ball"))
    return gzip.compress(buffer.getvalue(), mtime=0)


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """A client that writes the archive wherever it is run; the commands it was given."""
    monkeypatch.setenv("TRENZA_CACHE", str(tmp_path))
    monkeypatch.setattr(fetch, "NPM", {"toys": "1.0"})
    monkeypatch.setattr(fetch, "ARCHIVES", {})
    commands, run = [], fetch._run

    def client(command, folder):
        if command[0] != "npm":
            return run(command, folder)
        commands.append(command)
        (folder / "toys-1.0.tgz").write_bytes(archive())

    monkeypatch.setattr(fetch, "_run", client)
    return commands


def test_a_known_archive_is_unpacked_once(registry):
    fetch.ARCHIVES["toys-1.0"] = hashlib.sha256(archive()).hexdigest()
    folder = fetch.package_folder("toys")
    assert (folder / "package/ball.txt").read_text() == "ball"
    assert fetch.package_folder("toys") == folder and len(registry) == 1
    assert [p.name for p in folder.iterdir()] == ["package"]


@pytest.mark.parametrize(("known", "message"), [({"toys-1.0": "beef"}, "should have beef"), ({}, "no archive")])
def test_another_archive_is_refused_and_nothing_is_kept(registry, known, message):
    fetch.ARCHIVES.update(known)
    for _ in range(2):  # nor by a second try
        with pytest.raises(DataError, match=message):
            fetch.package_folder("toys")
    assert not (fetch.cache_dir() / "corpora" / "toys").exists()


def test_a_package_nobody_names_is_refused():
    with pytest.raises(DataError, match="known: tuxpaint"):
        fetch.package_folder("left-pad")

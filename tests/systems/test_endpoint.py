"""An endpoint behind a real server process, well behaved and not; held to the same model in this process."""

import json
import math
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import openai_server
import pytest
import scripted
import tiny_checkpoints

from trenza.cli.main import main
from trenza.conversation import Conversation
from trenza.errors import EndpointError, UsageError
from trenza.signals import Audio, Image, Video
from trenza.systems import load
from trenza.systems.answering import Sampling
from trenza.systems.endpoint import BY_SAMPLING, SAMPLES, Endpoint

COLOURS = f"{Path(scripted.__file__)}:colours"
RNG = np.random.default_rng(5)
PICTURE = Image(RNG.integers(0, 256, (30, 40, 3), np.uint8))
SOUND = Audio((RNG.standard_normal(8000) * 0.1).astype(np.float32))
VIDEO = Video(RNG.integers(0, 256, (12, 20, 20, 3), np.uint8), np.arange(12.0), SOUND)
ASKED = Conversation.ask("Which colour?", PICTURE)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("trenza.systems.endpoint_http.FIRST_WAIT", 0.01)


@pytest.fixture(scope="module")
def plain():
    with openai_server.running(COLOURS) as url:
        yield url


@pytest.fixture(scope="module")
def open_handed():
    with openai_server.running(COLOURS, "logprobs") as url:
        yield url


def asked_so_far(url: str) -> int:
    return httpx.get(url.replace("/v1", "/asked")).json()["asked"]


def test_an_answer_comes_back_whole_with_its_usage_and_in_pieces(plain):
    endpoint = Endpoint(plain)
    answer = endpoint.respond(ASKED)
    assert (answer.text, endpoint.name) == ("red: ünïcode image", openai_server.NAME)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 3)
    pieces = list(endpoint.stream(ASKED))
    assert len(pieces) > 3 and "".join(pieces) == answer.text


def test_scores_are_the_models_own_where_there_are_logprobs(open_handed):
    endpoint = Endpoint(open_handed)
    got = endpoint.score(ASKED, ["red", "blue", "green", "pink", "mauve"])
    assert np.exp(got[:4]) == pytest.approx([0.5, 0.3, 0.15, 0.05])
    assert got[4] == pytest.approx(got[3])  # not listed: no more than the least
    assert endpoint.scores and "log-likelihood" in endpoint.how_scored and not endpoint.warnings


def test_without_logprobs_scores_are_counts_of_samples_and_it_says_so(plain):
    endpoint = Endpoint(plain)
    words = ["red", "blue", "green", "pink", "mauve"]
    shares = np.exp(endpoint.score(ASKED, words))
    assert shares[:4].sum() + 2 * shares[4] == pytest.approx(1)  # with as much left for any other answer
    assert shares[4] == pytest.approx(0.5 / (SAMPLES + 3))
    assert shares[0] == max(shares)
    assert not endpoint.scores and endpoint.how_scored == BY_SAMPLING
    assert any("no logprobs" in what for what in endpoint.warnings)


def test_a_server_without_n_is_asked_one_by_one_and_gives_the_same_law(plain):
    with openai_server.running(COLOURS, "no_n") as url:
        endpoint = Endpoint(url)
        before = asked_so_far(url)
        shares = np.exp(endpoint.score(ASKED, ["red", "mauve"]))
        assert shares[0] > shares[1] == pytest.approx(0.5 / (SAMPLES + 1.5))
        assert asked_so_far(url) - before == 2 + 1 + SAMPLES  # two about logprobs, one with n


def test_support_is_had_from_logprobs_and_only_there(open_handed, plain):
    grey = Conversation.ask("Which colour?", Image(np.full((9, 9, 3), 7, np.uint8)))
    endpoint = Endpoint(open_handed)
    # One of six references is of one value (grey): there "red" has 0.3 and "blue" 0.5, elsewhere 0.5 and 0.3.
    behind = math.log((5 * 0.5 + 0.3) / 6)
    assert endpoint.support_for(ASKED, "red").total == pytest.approx(math.log(0.5) - behind, abs=1e-6)
    assert endpoint.support_for(grey, "blue").total == pytest.approx(math.log(0.5 / ((5 * 0.3 + 0.5) / 6)), abs=1e-6)
    assert endpoint.support_for(ASKED, "mauve") is None  # not what it would answer
    assert Endpoint(plain).support_for(ASKED, "red") is None
    assert endpoint.support_for(Conversation.ask("Which?"), "red") is None


@pytest.mark.parametrize("mode", ["busy", "drops"])
def test_passing_troubles_are_mended_and_counted(mode):
    with openai_server.running(COLOURS, mode) as url:
        endpoint = Endpoint(url)
        for number in range(3):
            conversation = Conversation.ask(f"Which colour? {number}", PICTURE)
            assert endpoint.respond(conversation).text == "red: ünïcode image"
        assert "".join(endpoint.stream(Conversation.ask("And now?"), support=False)) == "red: ünïcode "
        assert sum(n for what, n in endpoint.warnings.items() if what.startswith("asked again")) >= 3


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("nonsense", "failed 5 times: it sent what isn't JSON: '<html>It works!"),
        ("empty", "answered without choices"),
        ("wrong_model", "was asked for 'tiny' and answered as 'other-model'"),
    ],
)
def test_what_is_no_answer_is_an_error(mode, words):
    with openai_server.running(COLOURS, mode) as url:
        endpoint = Endpoint(url)
        for ask in (endpoint.respond, lambda c: list(endpoint.stream(c)), lambda c: endpoint.score(c, ["red"])):
            with pytest.raises(EndpointError, match=words):
                ask(ASKED)


def test_a_server_that_is_too_slow_is_an_error_and_not_a_hang(monkeypatch):
    monkeypatch.setattr("trenza.systems.endpoint_http.ATTEMPTS", 2)
    with openai_server.running(COLOURS, "slow") as url:
        begun = time.monotonic()
        with pytest.raises(EndpointError, match="failed 2 times: ReadTimeout"):
            Endpoint(url, silence=0.3).respond(ASKED)
        assert time.monotonic() - begun < 2 * openai_server.SLOW_SECONDS


def test_names_and_paths_that_are_not_there(plain):
    with pytest.raises(EndpointError, match="the model large does not exist"):
        Endpoint(f"{plain}#large").respond(ASKED)
    with pytest.raises(EndpointError, match=r"doesn't list its models .*#MODEL"):
        Endpoint(plain.replace("/v1", "/v2"))
    for spelled in (plain.replace("/v1", ""), f"{plain}/", f"{plain}/chat/completions", f"{plain}#tiny"):
        assert Endpoint(spelled).respond(ASKED).text.startswith("red")


@pytest.mark.parametrize(
    ("asked", "answered", "same"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("llava", "llava:latest", True),
        ("Qwen/Qwen2-VL", "/models/qwen2-vl", True),
        ("smolvlm", "smolvlm.gguf", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o-mini", "gpt-4o", False),
        ("qwen2-vl-7b", "qwen2-vl-72b", False),
        ("tiny", 7, False),
    ],
)
def test_which_names_are_one_model(plain, asked, answered, same):
    endpoint = Endpoint(f"{plain}#{asked}")
    if same:
        return endpoint._check_name({"model": answered})
    with pytest.raises(EndpointError, match="answered as"):
        endpoint._check_name({"model": answered})


def test_half_letters_and_odd_keys(plain, monkeypatch):
    assert Endpoint(plain).respond(Conversation.ask("caf\udcc3?\0 \u202e")).text.startswith("red")
    monkeypatch.setenv("TRENZA_API_KEY", "clé\nX: y")
    with pytest.raises(UsageError, match="TRENZA_API_KEY holds"):
        Endpoint(plain)


def _whole_request(connection: socket.socket) -> None:
    """Read a request to the end of its body."""
    got = b""
    while chunk := connection.recv(65_536):
        got += chunk
        head, end, body = got.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        if end and len(body) >= int(length[1] if length else 0):
            return


def raw_server(*replies: bytes) -> tuple[str, socket.socket]:
    """Answers each connection with the next of `replies`, the last one again and again, and closes it."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for number in range(12):
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                _whole_request(connection)  # closed before it is read, the client would see a reset and no reply
                connection.sendall(replies[min(number, len(replies) - 1)])

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/v1#tiny", listening


EVENT = b'data: {"model": "tiny", "choices": [{"delta": {"content": "gr"}}]}\n\n'
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (STREAM + EVENT, "broke off in the middle of an answer: the stream ended"),
        (STREAM + EVENT + b"data: {nonsense\n\n", "broke off .*isn't JSON"),
        (STREAM + b'data: {"error": {"message": "out of memory"}}\n\n', "says: out of memory"),
        (STREAM, "failed 5 times: the stream ended"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", "failed 5 times: RemoteProtocolError"),
        (b"HTTP/1.1 301 Moved\r\nLocation: https://other/v1\r\nContent-Length: 0\r\n\r\n", "sends on to https://other"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 6\r\n\r\n\x1b[31mX", r"asks for another key \(status 401: \?\[31mX\)"),
        (b"HTTP/1.1 503 No\r\nRetry-After: 9999\r\nContent-Length: 0\r\n\r\n", "asks to wait 9999 s: status 503"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "failed 5 times: RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]", "no JSON object but list"),
    ],
)
def test_servers_that_break_off_or_talk_something_else(reply, words):
    url, listening = raw_server(reply)
    with listening, pytest.raises(EndpointError, match=words):
        "".join(Endpoint(url, silence=2).stream(Conversation.ask("?"), support=False))


def test_videos_are_sent_as_pictures_to_a_server_that_takes_none(plain):
    conversation = Conversation.ask("Which colour?", VIDEO)
    assert Endpoint(plain).respond(conversation).text == "red: ünïcode video+audio"
    with openai_server.running(COLOURS, "no_videos") as url:
        endpoint = Endpoint(url)
        for ask in (lambda: endpoint.respond(conversation).text, lambda: "".join(endpoint.stream(conversation))):
            assert ask() == "red: ünïcode " + "+".join(["image"] * 8 + ["audio"])
        assert any("takes no videos" in what for what in endpoint.warnings)


def test_many_threads_get_each_their_own_answer():
    with openai_server.running(COLOURS, "logprobs", "busy") as url:
        endpoint = Endpoint(url)
        grey = Conversation.ask("Which?", Image(np.full((9, 9, 3), 7, np.uint8)))
        work = [grey if n % 3 else ASKED for n in range(48)]
        with ThreadPoolExecutor(16) as pool:
            got = list(pool.map(lambda c: endpoint.score(c, ["red", "blue"]), work))
        assert [g[0] > g[1] for g in got] == [c is ASKED for c in work]


def test_a_key_is_sent_and_never_shown(plain, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.setenv("TRENZA_API_KEY", "sk-secret")
    endpoint = Endpoint(plain.replace("http://", "http://user:pass@") + "#large")
    assert endpoint._client._http.headers["Authorization"] == "Bearer sk-secret"
    with pytest.raises(EndpointError) as error:
        endpoint.respond(ASKED)
    assert "secret" not in str(error.value) and "pass" not in str(error.value)


def test_a_checkpoint_behind_a_server_answers_and_scores_as_in_this_process(tmp_path):
    folder = str(tiny_checkpoints.llava(tmp_path / "llava"))
    here = load.responder(folder)
    with openai_server.running(f"load:{folder}", "logprobs") as url:
        there = Endpoint(url)
        conversation = Conversation.ask("Which?", PICTURE)
        short = Sampling(max_tokens=8)
        assert there.respond(conversation, short).text == here.respond(conversation, short, support=False).text
        found, _ = there._events(conversation)
        first = [e for e in found[:19] if e.text.isascii() and e.text.isalnum()][:4]
        assert len(first) == 4
        for event in first:  # one letter: its log p as the beginning is the model's own log p of that token
            prompt = here.prompter.prompt(conversation)
            own = here._log_likelihood(prompt, here.prompter.answer_ids(event.text)[:1])
            assert event.log_p == pytest.approx(own, abs=1e-4)


def test_ask_takes_the_address_and_prints_what_it_prints_of_any_model(open_handed, tmp_path, capsys):
    picture = Path(__file__).parents[2] / "examples" / "banana.png"
    assert main(["ask", "--model", open_handed, "--json", "--timings", str(picture), "Which colour?"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert answer["answer"] == "red: ünïcode image" and answer["usage"]["prompt_tokens"] == 7
    assert answer["support"] is None  # what was streamed isn't what the logprobs show: nothing is made up
    assert "first_token" in err
    assert main(["ask", "--model", open_handed, "--stream", str(picture), "Which colour?"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("red: ünïcode image\n", "")
    assert main(["ask", "--model", f"{open_handed}#none", str(picture), "Which colour?"]) == 5
    assert "does not exist" in capsys.readouterr().err

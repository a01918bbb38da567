"""A real OpenAI-compatible server in a process of its own, over any responder, that can misbehave in known ways.

    with running("load:FOLDER", "logprobs") as url: ...

The responder is `load:MODEL` (as `trenza ask --model MODEL` has it) or `FILE.py:NAME`, a function without arguments
that returns one. Modes, any of them together:

    logprobs        gives `logprobs`: of a responder of ours from its model, of another from its `next_tokens`
    slow            waits 5 s before each answer
    busy            answers each request first with status 429 and Retry-After
    drops           closes the connection at every other request
    nonsense        answers with what isn't JSON
    empty           answers with an object that has no choices
    wrong_model     answers under another model's name
    no_n            refuses `n`
    no_videos       refuses videos

A responder that isn't ours and is to give logprobs has `next_tokens(conversation, text) -> {token: log p}`, the tokens
that may follow `text` in its answer, "" for the end.
"""

import argparse
import importlib.util
import inspect
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODES = ("logprobs", "slow", "busy", "drops", "nonsense", "empty", "wrong_model", "no_n", "no_videos")
SLOW_SECONDS = 5
NAME = "tiny"


@contextmanager
def running(responder: str, *modes: str) -> Iterator[str]:
    """Starts the server on a free port of this machine; gives its URL."""
    command = [sys.executable, __file__, responder, *modes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            if not line.startswith("http"):
                raise RuntimeError(f"the server for {responder} didn't start; see its error above")
            yield line.strip()
        finally:
            process.kill()


def load(name: str):
    if name.startswith("load:"):
        from trenza.systems import load

        return load.responder(name.removeprefix("load:") or None)
    path, _, function = name.rpartition(":")
    spec = importlib.util.spec_from_file_location("scripted", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, responder, modes: tuple[str, ...]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.responder, self.modes = responder, modes
        self.lock = threading.Lock()
        self.count = itertools.count()
        self.seen: set[str] = set()
        self.asked = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Quiet: what is asked shows in the tests."""

    def do_GET(self):
        if self.path == "/asked":  # how many chat requests came in, for tests
            self.reply(200, {"asked": self.server.asked})
        elif self.path == "/v1/models":
            self.reply(200, {"object": "list", "data": [{"id": NAME, "object": "model"}]})
        else:
            self.reply(404, {"error": {"message": f"no such path {self.path}"}})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        modes = self.server.modes
        with self.server.lock:
            self.server.asked += 1
            first = raw.decode() not in self.server.seen
            self.server.seen.add(raw.decode())
        if self.path != "/v1/chat/completions":
            return self.reply(404, {"error": {"message": f"no such path {self.path}"}})
        if "busy" in modes and first:
            return self.reply(429, {"error": {"message": "too many requests"}}, {"Retry-After": "0"})
        if "drops" in modes and next(self.server.count) % 2 == 0:
            self.close_connection = True
            return self.connection.shutdown(2)
        if "slow" in modes:
            time.sleep(SLOW_SECONDS)
        if "nonsense" in modes:
            return self.send(200, b"<html>It works!</html>")
        if "empty" in modes:
            return self.reply(200, {"object": "chat.completion", "model": NAME})
        try:
            self.answer(json.loads(raw))
        except Exception as error:
            from trenza.errors import TrenzaError

            self.reply(400 if isinstance(error, TrenzaError) else 500, {"error": {"message": str(error)}})

    def answer(self, body: dict):
        from trenza.errors import UsageError
        from trenza.messages import read_messages

        if body.get("n", 1) > 1 and "no_n" in self.server.modes:
            raise UsageError("n must be 1")
        if "no_videos" in self.server.modes and "video_url" in json.dumps(body):
            raise UsageError("video_url is not supported")
        if body["model"] != NAME:
            return self.reply(404, {"error": {"message": f"the model {body['model']} does not exist"}})
        conversation = read_messages(body["messages"])
        name = "other-model" if "wrong_model" in self.server.modes else NAME
        choices, usage = [], {}
        with self.server.lock:  # the responders under test needn't be safe to share
            for number in range(body.get("n", 1)):
                choice, usage = choose(self.server.responder, conversation, body, number, self.server.modes)
                choices.append({"index": number, **choice})
        if body.get("stream"):
            return self.stream(name, choices[0], usage)
        self.reply(200, {"object": "chat.completion", "model": name, "choices": choices, "usage": usage})

    def stream(self, name: str, choice: dict, usage: dict):
        text = choice["message"]["content"]
        pieces = [{"role": "assistant"}, *({"content": text[i : i + 3]} for i in range(0, len(text), 3))]
        events = [{"model": name, "choices": [{"index": 0, "delta": piece}]} for piece in pieces]
        events.append({"model": name, "choices": [], "usage": usage})
        lines = [f"data: {json.dumps(event)}\n\n" for event in events] + ["data: [DONE]\n\n"]
        self.send(200, "".join(lines).encode(), {"Content-Type": "text/event-stream"})

    def reply(self, status: int, document: dict, headers: dict | None = None):
        self.send(status, json.dumps(document).encode(), {"Content-Type": "application/json"} | (headers or {}))

    def send(self, status: int, data: bytes, headers: dict | None = None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def choose(responder, conversation, body: dict, number: int, modes) -> tuple[dict, dict]:
    """One choice and the usage, by the request's settings as far as the responder has them."""
    from trenza.systems.answering import Sampling

    if body.get("logprobs"):
        if "logprobs" in modes:
            return with_logprobs(responder, conversation, body["max_tokens"], body["top_logprobs"]), {}
        if body.get("temperature") == 0 and body["max_tokens"] == 1:  # as servers do that know no logprobs
            return {"message": {"role": "assistant", "content": "Yes"}, "finish_reason": "stop"}, {}
    settings = {}
    if "sampling" in inspect.signature(responder.respond).parameters:
        sampling = Sampling(
            body.get("max_tokens", 64), body.get("temperature", 1.0), body.get("top_p", 1.0),
            1000 * number + body.get("seed", 0), tuple(body.get("stop", ())),
        )  # fmt: skip
        settings = {"sampling": sampling, "support": False}
    answer = responder.respond(conversation, **settings)
    usage = {"prompt_tokens": answer.usage.prompt_tokens, "completion_tokens": answer.usage.completion_tokens}
    return {"message": {"role": "assistant", "content": answer.text}, "finish_reason": "stop"}, usage


def with_logprobs(responder, conversation, most: int, top: int) -> dict:
    """A greedy answer, token by token, with the `top` likeliest at each."""
    step = {"HubResponder": _hub_steps, "SystemResponder": _system_steps}.get(type(responder).__name__, _scripted_steps)
    following, advance, text = step(responder, conversation)
    content, finish = [], "length"
    for _ in range(most):
        likely = sorted(following().items(), key=lambda pair: -pair[1])[:top]
        listed = [{"token": t, "logprob": p, "bytes": list(t.encode())} for t, p in likely]
        if likely[0][0] == "":
            finish = "stop"
            break
        content.append({**listed[0], "top_logprobs": listed})
        advance(likely[0][0])
    message = {"role": "assistant", "content": text()}
    return {"message": message, "finish_reason": finish, "logprobs": {"content": content}}


def _scripted_steps(responder, conversation):
    said = []
    return lambda: responder.next_tokens(conversation, "".join(said)), said.append, lambda: "".join(said)


def _model_steps(log_p_after, decode, ends):
    """Steps from a function of the tokens so far to log p [vocabulary]; tokens of one text are counted together."""
    said, ids = [], {}

    def following() -> dict[str, float]:
        likely = log_p_after(said).topk(40)
        ids.clear()
        out: dict[str, float] = {}
        for p, token in zip(likely.values.tolist(), likely.indices.tolist(), strict=True):
            text = "" if token in ends else decode([token])
            if text not in out:
                ids[text] = token
                out[text] = p
        return out

    return following, lambda text: said.append(ids[text]), lambda: decode(said)


def _hub_steps(responder, conversation):
    import torch

    from trenza.systems.hub import _longer

    prompter = responder.prompter
    tensors = prompter.prompt(conversation).tensors

    def log_p_after(said):
        with torch.no_grad():
            rows = tensors | (_longer(tensors, said) if said else {})
            return responder.model(**rows, use_cache=False).logits[0, -1].float().log_softmax(-1)

    return _model_steps(log_p_after, prompter.tokenizer.decode, prompter.ends)


def _system_steps(responder, conversation):
    """Behind the evidence that the system gives, which an endpoint doesn't tell."""
    import torch

    from trenza.systems import scoring
    from trenza.systems.places import LOOKS
    from trenza.systems.splice import splice

    language, places = responder.system.language, responder.places
    example = responder.prompt(conversation).example
    (row,) = scoring.rows(responder.system, [example])
    (made,) = scoring.greedy(responder.system, [row], [example], places.seen, [LOOKS])

    def log_p_after(said):
        with torch.no_grad():
            hidden = language(splice(language.embed, [*row, places.looked(made), list(said)])[None])
            return language.logits(hidden[0, -1]).float().log_softmax(-1)

    return _model_steps(log_p_after, responder.tokenizer.decode, [responder.end])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("responder")
    parser.add_argument("modes", nargs="*", choices=[*MODES, []])
    options = parser.parse_args()
    server = Server(load(options.responder), tuple(options.modes))
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()

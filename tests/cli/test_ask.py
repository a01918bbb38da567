"""`trenza ask` as a user meets it: output, exit codes, errors."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from trenza.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "examples"
ELEPHANT, BANANA = str(EXAMPLES / "elephant.png"), str(EXAMPLES / "banana.png")


def ask(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(["ask", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_json_holds_what_the_page_promises(quick, capsys):
    code, out, _ = ask(capsys, "--json", ELEPHANT, "What is this?")
    answer = json.loads(out)
    assert code == 0
    assert set(answer) == {"answer", "evidence", "support", "abstained", "usage", "timings"}
    assert set(answer["timings"]) == {"decode", "encode", "prefill", "decode_per_token"}
    assert answer["usage"]["prompt_tokens"] > answer["usage"]["media_tokens"] > 0
    assert answer["usage"]["completion_tokens"] > 0
    assert [set(e) for e in answer["evidence"]] == [{"part", "box"}] and answer["abstained"] is False
    assert set(answer["support"]) == {"total", "per_token", "supported"}


def test_a_pipe_gets_the_answer_and_nothing_else(quick, capsys):
    _, plain, _ = ask(capsys, ELEPHANT, "What is this?")
    assert plain.count("\n") == 1
    _, streamed, err = ask(capsys, "--stream", "--no-support", ELEPHANT, "What is this?")
    assert streamed.strip() == plain.strip()
    assert err == ""


def test_the_answer_depends_on_the_picture(quick, capsys):
    answers = {ask(capsys, "--no-support", file, "What is this?")[1] for file in (ELEPHANT, BANANA)}
    assert len(answers) == 2


def test_several_media_of_several_kinds_go_into_one_question(quick, capsys):
    files = [ELEPHANT, str(EXAMPLES / "spoken.wav"), str(EXAMPLES / "bicycle.mp4")]
    code, out, _ = ask(capsys, "--json", *files, "What word is spoken?")
    assert code == 0
    one = json.loads(ask(capsys, "--json", "--no-support", ELEPHANT, "What word is spoken?")[1])
    assert json.loads(out)["usage"]["media_tokens"] > one["usage"]["media_tokens"] + 12


def test_a_text_question_has_no_support(quick, capsys):
    code, out, _ = ask(capsys, "--json", "What is the capital of France?")
    answer = json.loads(out)
    assert code == 0
    assert "Paris" in answer["answer"]  # what the language model knew is still there
    assert answer["support"] is None
    assert answer["usage"]["media_tokens"] == 0


def test_sampling_follows_its_seed_and_stop_strings_end_the_answer(quick, capsys):
    question = ("--no-support", "--max-tokens", "12", "Tell me a story.")
    warm = ("--temperature", "1.2", "--top-p", "0.9", "--seed")
    one, same, other = (ask(capsys, *warm, seed, *question)[1] for seed in ("1", "1", "2"))
    assert one == same != other
    _, whole, _ = ask(capsys, *question)
    word = whole.split()[3]
    _, cut, _ = ask(capsys, "--stop", word, *question)
    assert cut.strip() == whole[: whole.index(word)].strip()


class Stdin:
    def __init__(self, data: bytes):
        self.buffer = io.BytesIO(data)

    def read(self) -> str:
        return self.buffer.read().decode()


def test_standard_input_is_a_medium_or_the_question(quick, capsys, monkeypatch):
    expected = ask(capsys, "--no-support", ELEPHANT, "What is this?")[1]
    monkeypatch.setattr(sys, "stdin", Stdin(Path(ELEPHANT).read_bytes()))
    assert ask(capsys, "--no-support", "-", "What is this?")[1] == expected
    monkeypatch.setattr(sys, "stdin", Stdin(b"What is this?\n"))
    assert ask(capsys, "--no-support", ELEPHANT, "-")[1] == expected


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["no-such-file.png", "What is this?"], 3, "no-such-file.png"),
        ([__file__, "What is this?"], 3, "test_ask.py"),
        ([ELEPHANT], 2, "no question"),
        ([ELEPHANT, " "], 2, "question is empty"),
        (["-", "-"], 2, "read once"),
        (["--json", "--stream", ELEPHANT, "What?"], 2, "choose one"),
        (["--temperature", "-1", ELEPHANT, "What?"], 2, "temperature"),
        ([ELEPHANT, "word " * 3000], 2, "tokens, the limit is"),
    ],
)
def test_bad_use_has_its_exit_code_and_one_clear_line(quick, capsys, arguments, code, words):
    got, out, err = ask(capsys, *arguments)
    assert (got, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1 and err.startswith("trenza: ")


def test_weights_that_are_not_there_exit_4(capsys, tmp_path):
    code, _, err = ask(capsys, "--model", str(tmp_path), ELEPHANT, "What is this?")
    assert code == 4
    assert "config.json is missing" in err


def test_the_command_runs_in_a_process_of_its_own():
    command = [sys.executable, "-m", "trenza.cli.main", "ask", "--timings", ELEPHANT, "What is this?"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.strip()
    assert "process_start_to_answer" in done.stderr

"""The readers of GGUF and CTranslate2 files on small files of our own: damage is named, not met later."""

import struct

import gguf
import numpy as np
import pytest

from trenza.checkpoints.ctranslate2 import read_variables, read_whisper
from trenza.checkpoints.gguf import read_llama
from trenza.errors import WeightsError

WIDTH, HEADS, WORDS = 32, 2, 5
TENSORS = {
    "token_embd.weight": (WORDS, WIDTH),
    "output_norm.weight": (WIDTH,),
    "blk.0.attn_q.weight": (WIDTH, WIDTH),
}


def gguf_file(path, architecture="llama", tensors=TENSORS, settings=(), without=""):
    writer = gguf.GGUFWriter(path, architecture)
    numbers = {
        "embedding_length": WIDTH, "feed_forward_length": 64, "block_count": 1, "context_length": 16,
        "attention.head_count": HEADS, "attention.head_count_kv": 1,
    }  # fmt: skip
    for name, value in numbers.items():
        if name != without:
            writer.add_uint32(f"{architecture}.{name}", value)
    writer.add_float32(f"{architecture}.attention.layer_norm_rms_epsilon", 1e-5)
    for name, value in settings:
        writer.add_string(name, value)
    for name, shape in tensors.items():
        writer.add_tensor(name, np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_rotary_pairs_move_from_side_by_side_to_half_a_head_apart(tmp_path):
    config, weights = read_llama(gguf_file(tmp_path / "a.gguf"))
    rows = weights["model.layers.0.self_attn.q_proj.weight"][:, 0] / WIDTH  # each row begins with its number
    head = WIDTH // HEADS
    expected = [*range(0, head, 2), *range(1, head, 2)]
    assert rows.tolist() == expected + [head + row for row in expected]
    assert (config["hidden_size"], config["num_key_value_heads"], config["vocab_size"]) == (WIDTH, 1, WORDS)
    assert config["tie_word_embeddings"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"architecture": "bert"}, "architecture 'bert'; covered: 'llama'"),
        ({"tensors": {**TENSORS, "rope_freqs.weight": (4,)}}, "a tensor rope_freqs.weight"),
        ({"tensors": {**TENSORS, "blk.0.attn_q.bias": (WIDTH,)}}, "a tensor blk.0.attn_q.bias"),
        ({"tensors": {"output_norm.weight": (WIDTH,)}}, "lacks 'model.embed_tokens.weight'"),
        ({"without": "block_count"}, "lacks 'llama.block_count'"),
        ({"settings": [("llama.rope.scaling.type", "yarn")]}, "by 'yarn'"),
    ],
)
def test_a_gguf_file_that_is_not_covered_says_why(tmp_path, change, expected):
    with pytest.raises(WeightsError, match=expected):
        read_llama(gguf_file(tmp_path / "a.gguf", **change))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.9, 0.99])
def test_a_cut_gguf_file_is_named(tmp_path, share):
    file = gguf_file(tmp_path / "a.gguf")
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match=r"a\.gguf"):
        read_llama(file)


def string(text: bytes) -> bytes:
    return struct.pack("<H", len(text) + 1) + text + b"\0"


def variable(name: bytes, array: np.ndarray, kind: int, size: int | None = None) -> bytes:
    shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
    return string(name) + shape + struct.pack("<BI", kind, array.nbytes if size is None else size) + array.tobytes()


def binary(*variables: bytes, count: int | None = None) -> bytes:
    head = struct.pack("<I", 6) + string(b"WhisperSpec") + struct.pack("<I", 3)
    return head + struct.pack("<I", len(variables) if count is None else count) + b"".join(variables)


HALF = np.arange(6, dtype=np.float16).reshape(2, 3)


def test_variables_come_back_with_shape_and_type(tmp_path):
    file = tmp_path / "model.bin"
    file.write_bytes(binary(variable(b"a/weight", HALF, 4), variable(b"b", np.float32([1, 2]), 0)))
    found = read_variables(file)
    assert list(found) == ["a/weight", "b"]
    assert found["a/weight"].dtype == np.float16
    assert np.array_equal(found["a/weight"], HALF)


WHOLE = binary(variable(b"a/weight", HALF, 4), variable(b"b", np.float32([1, 2]), 0))


@pytest.mark.parametrize("end", range(len(WHOLE)))
def test_a_file_cut_at_any_byte_is_a_clear_error(tmp_path, end):
    file = tmp_path / "model.bin"
    file.write_bytes(WHOLE[:end])
    with pytest.raises(WeightsError, match=r"model\.bin"):
        read_variables(file)


LIES = {
    "size": binary(variable(b"a", HALF, 4, size=0xFFFFFFFF)),
    "type": binary(variable(b"a", HALF, 9)),
    "count": binary(variable(b"a", HALF, 4), count=0xFFFFFFFF),
    # 2**64 elements: in 64 bits their product is 0, and so would be their bytes
    "overflow": binary(string(b"a") + struct.pack("<B4I", 4, *[1 << 16] * 4) + struct.pack("<BI", 0, 0)),
    "name": binary(string(b"\xff\xfe") + b"\0\0\0\0\0\0"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_lies_about_its_lengths_is_a_clear_error(tmp_path, lie):
    file = tmp_path / "model.bin"
    file.write_bytes(LIES[lie])
    with pytest.raises(WeightsError, match=r"model\.bin"):
        read_variables(file)


def test_quantised_or_incomplete_whisper_files_say_so(tmp_path):
    file = tmp_path / "model.bin"
    file.write_bytes(binary(variable(b"encoder/conv1/weight", np.zeros((2, 2), np.int8), 1)))
    with pytest.raises(WeightsError, match=r"conv1/weight is torch\.int8; covered: float32 and float16"):
        read_whisper(file)
    file.write_bytes(WHOLE)
    with pytest.raises(WeightsError, match="lacks the variable"):
        read_whisper(file)

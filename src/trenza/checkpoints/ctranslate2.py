"""Reads a Whisper model in CTranslate2's binary format and gives it the names of the public checkpoints.

Layout, little-endian: uint32 version, string spec, uint32 revision, uint32 count; then for each variable a
string name, uint8 rank, uint32 for each dimension, uint8 type, uint32 bytes, data; then aliases. A string is
a uint16 length and that many bytes, the last one NUL.
"""

import math
import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trenza.errors import WeightsError

VERSION, SPEC = 6, "WhisperSpec"
TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)


class _Reader:
    """Every read is checked against what is left, before memory is taken."""

    def __init__(self, file: Path):
        self.file, self.data, self.at = file, memoryview(file.read_bytes()), 0

    def take(self, size: int) -> memoryview:
        if self.at + size > len(self.data):
            raise WeightsError(
                f"{self.file} ends at byte {len(self.data)} where {size} more bytes were announced; "
                "delete it and let trenza fetch it again"
            )
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, form: str) -> int:
        return struct.unpack("<" + form, self.take(struct.calcsize(form)))[0]

    def string(self) -> str:
        raw = bytes(self.take(self.number("H"))).rstrip(b"\0")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise WeightsError(f"{self.file} holds no text where a name belongs, at byte {self.at}") from error


def read_variables(file: Path) -> dict[str, np.ndarray]:
    """All variables by CTranslate2's names. Raises WeightsError on another format or a damaged file."""
    reader = _Reader(file)
    version, spec = reader.number("I"), reader.string()
    if (version, spec) != (VERSION, SPEC):
        raise WeightsError(f"{file} is CTranslate2 {spec!r} version {version}; covered: {SPEC!r} version {VERSION}")
    reader.number("I")  # the spec's revision changes nothing in the layout
    variables = {}
    for _ in range(reader.number("I")):
        name = reader.string()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        kind, size = reader.number("B"), reader.number("I")
        if kind >= len(TYPES) or size != math.prod(shape) * np.dtype(TYPES[kind]).itemsize:
            raise WeightsError(f"{file}: variable {name} announces type {kind}, shape {shape} and {size} bytes")
        variables[name] = np.frombuffer(reader.take(size), TYPES[kind]).reshape(shape)
    return variables


# CTranslate2's attention keeps fused projections: self-attention Q, K, V in one; cross-attention Q, then K and V.
_FUSED = {
    "self_attention": ("self_attn", ("q", "k", "v"), ()),
    "attention": ("encoder_attn", ("q",), ("k", "v")),
}


def read_whisper(file: Path) -> dict[str, Tensor]:
    """The weights with the names of a public Whisper checkpoint, in the file's own precision.

    Raises WeightsError for another format, a damaged file, a missing variable, or integer (quantised) weights.
    """
    variables = {name: torch.from_numpy(array.copy()) for name, array in read_variables(file).items()}
    for name, variable in variables.items():
        if variable.ndim and not variable.is_floating_point():
            raise WeightsError(f"{file}: {name} is {variable.dtype}; covered: float32 and float16, convert to those")
    try:
        return _public_names(variables)
    except KeyError as error:
        raise WeightsError(f"{file} lacks the variable {error}; it isn't a whole Whisper model") from error


def _public_names(variables: dict[str, Tensor]) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}

    def norm(source: str, target: str) -> None:
        weights[f"{target}.weight"] = variables[f"{source}/gamma"]
        weights[f"{target}.bias"] = variables[f"{source}/beta"]

    def linear(source: str, target: str) -> None:
        weights[f"{target}.weight"] = variables[f"{source}/weight"]
        weights[f"{target}.bias"] = variables[f"{source}/bias"]

    def projections(source: str, target: str, letters: tuple[str, ...]) -> None:
        for leaf in ("weight", "bias"):
            for letter, tensor in zip(letters, variables[f"{source}/{leaf}"].chunk(len(letters)), strict=True):
                if (letter, leaf) != ("k", "bias"):  # Whisper's keys have none; the fused one holds zeros
                    weights[f"{target}.{letter}_proj.{leaf}"] = tensor.clone()

    def attention(source: str, target: str, kind: str) -> None:
        name, first, second = _FUSED[kind]
        projections(f"{source}/{kind}/linear_0", f"{target}.{name}", first)
        if second:
            projections(f"{source}/{kind}/linear_1", f"{target}.{name}", second)
        linear(f"{source}/{kind}/linear_{2 if second else 1}", f"{target}.{name}.out_proj")
        norm(f"{source}/{kind}/layer_norm", f"{target}.{name}_layer_norm")

    for half in ("encoder", "decoder"):
        layers = {name.split("/")[1] for name in variables if name.startswith(f"{half}/layer_") and name.count("/") > 2}
        for layer in sorted(layers):
            source, target = f"{half}/{layer}", f"model.{half}.layers.{layer.removeprefix('layer_')}"
            attention(source, target, "self_attention")
            if half == "decoder":
                attention(source, target, "attention")
            norm(f"{source}/ffn/layer_norm", f"{target}.final_layer_norm")
            linear(f"{source}/ffn/linear_0", f"{target}.fc1")
            linear(f"{source}/ffn/linear_1", f"{target}.fc2")
        norm(f"{half}/layer_norm", f"model.{half}.layer_norm")
        weights[f"model.{half}.embed_positions.weight"] = variables[f"{half}/position_encodings/encodings"]
    for conv in ("conv1", "conv2"):
        linear(f"encoder/{conv}", f"model.encoder.{conv}")
    weights["model.decoder.embed_tokens.weight"] = variables["decoder/embeddings/weight"]
    return weights

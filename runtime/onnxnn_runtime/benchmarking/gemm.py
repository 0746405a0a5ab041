"""The peak of a machine: how many multiply-adds a second a product of two large matrices reaches here.

The product is computed by the same engine, on the same device, with as many threads as the model. Its nodes
are written here, because the runtime does without the package `onnx`; field numbers are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np

from onnxnn_runtime.defaults import IR_VERSION, OPSET
from onnxnn_runtime.loading import load
from onnxnn_runtime.model import Model
from onnxnn_runtime.session.devices import is_processor

SIZE = 1024
"""Rows and columns of the matrices on a processor."""

ON_DEVICE = (2048, 32)
"""Rows and columns on a GPU, and how many products follow each other: copying takes time, too."""

_FLOAT = 1

Product = Tuple[Model, np.ndarray, int]
"""A model of matrix products, its input, and the multiply-adds of one run."""


def product(device: str, threads: int | None) -> Product:
    """Return a model that multiplies matrices of float32.

    Args:
        device: Where, as `load` takes it.
        threads: Threads that work on it; None takes all.

    Raises:
        DeviceError: The device is not there.
    """
    size, count = (SIZE, 1) if is_processor(device) else ON_DEVICE
    model = load(_products(size, count), device=device, threads=threads)
    draw = np.random.RandomState(1)
    return model, draw.standard_normal((size, size)).astype(np.float32), count * size**3


def _products(size: int, count: int) -> bytes:
    """Return a model: the input times the same matrix `count` times, and the sum of what comes out.

    The matrix is random with a standard deviation of 1/√size, so that the numbers stay of one size.
    """
    matrix = (np.random.RandomState(0).standard_normal((size, size)) / np.sqrt(size)).astype("<f4")
    names = ["input", *(f"product{number}" for number in range(count))]
    nodes = [
        _field(1, _texts(1, [before, "matrix"]) + _texts(2, [after]) + _texts(4, ["MatMul"]))
        for before, after in zip(names, names[1:])
    ]
    keep = _field(5, _texts(1, ["keepdims"]) + _number(3, 0) + _number(20, 2))
    nodes.append(_field(1, _texts(1, names[-1:]) + _texts(2, ["output"]) + _texts(4, ["ReduceSum"]) + keep))
    dims = _number(1, size) + _number(1, size)
    weights = dims + _number(2, _FLOAT) + _texts(8, ["matrix"]) + _field(9, matrix.tobytes())
    graph = b"".join(nodes) + _texts(2, ["products"]) + _field(5, weights)
    graph += _field(11, _declared("input", (size, size))) + _field(12, _declared("output", ()))
    return _number(1, IR_VERSION) + _field(7, graph) + _field(8, _texts(1, [""]) + _number(2, OPSET))


def _declared(name: str, shape: tuple[int, ...]) -> bytes:
    """Return a ValueInfoProto of float32."""
    dims = b"".join(_field(1, _number(1, size)) for size in shape)
    tensor = _number(1, _FLOAT) + _field(2, dims)
    return _texts(1, [name]) + _field(2, _field(1, tensor))


def _texts(number: int, texts: list[str]) -> bytes:
    return b"".join(_field(number, text.encode("ascii")) for text in texts)


def _field(number: int, content: bytes) -> bytes:
    """Return a field that holds bytes, a text or a message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    """Return a field that holds an integer from 0."""
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])

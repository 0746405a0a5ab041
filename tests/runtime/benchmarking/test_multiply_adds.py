"""Multiply-adds are counted from the shapes of what runs, and the matrix product is right."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.benchmarking import gemm, memory
from onnxnn_runtime.benchmarking.operations import multiply_adds
from support.models import UINT8, graph, model, node, tensor, value


def counted(nodes, x, constants, tmp_path, dtype=1, **options):
    arrays = {name: np.zeros(shape, np.float32) for name, shape in constants.items()}
    arrays.update(options.pop("arrays", {}))
    shape = ("batch", *x.shape[1:])
    made = graph(
        nodes,
        [value("x", shape, dtype)],
        [value("y", None, dtype)],
        [tensor(name, each) for name, each in arrays.items()],
    )
    return multiply_adds(model(made, **options), {"x": x}, tmp_path)


def zeros(*shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ("nodes", "x", "constants", "expected"),
    [
        ([node("Conv", ["x", "w"], ["y"])], zeros(2, 3, 8, 8), {"w": (4, 3, 3, 3)}, 2 * 4 * 36 * 27),
        ([node("Conv", ["x", "w"], ["y"], group=4)], zeros(1, 4, 8, 8), {"w": (4, 1, 3, 3)}, 4 * 36 * 9),
        (
            [node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])],
            zeros(1, 3, 4, 4), {"w": (3, 5, 2, 2)}, 3 * 16 * 5 * 4,
        ),
        ([node("Gemm", ["x", "w"], ["y"])], zeros(5, 6), {"w": (6, 7)}, 5 * 6 * 7),
        ([node("Gemm", ["x", "w"], ["y"], transA=1, transB=1)], zeros(6, 5), {"w": (7, 6)}, 5 * 6 * 7),
        ([node("MatMul", ["x", "w"], ["y"])], zeros(2, 5, 6), {"w": (6, 7)}, 2 * 5 * 6 * 7),
        (
            [node("LSTM", ["x", "w", "r"], ["y"], hidden_size=3)],
            zeros(5, 2, 4), {"w": (1, 12, 4), "r": (1, 12, 3)}, 5 * 2 * 12 * 7,
        ),
        (
            [node("GRU", ["x", "w", "r"], ["y"], hidden_size=3, direction="bidirectional")],
            zeros(5, 2, 4), {"w": (2, 9, 4), "r": (2, 9, 3)}, 5 * 2 * 2 * 9 * 7,
        ),
        (
            [node("MatMul", ["x", "w"], ["h"]), node("MatMul", ["h", "v"], ["y"])],
            zeros(1, 6), {"w": (6, 7), "v": (7, 2)}, 6 * 7 + 7 * 2,
        ),
        ([node("Relu", ["x"], ["y"])], zeros(3, 6), {}, 0),
    ],
)  # fmt: skip
def test_multiply_adds_of_operators(nodes, x, constants, expected, tmp_path):
    assert counted(nodes, x, constants, tmp_path) == expected


def test_integers_count_as_much(tmp_path):
    scale, zero = np.float32(1), np.uint8(0)
    arrays = {"s": np.asarray(scale), "z": np.asarray(zero), "w": np.zeros((4, 3, 3, 3), np.uint8)}
    nodes = [node("QLinearConv", ["x", "s", "z", "w", "s", "z", "s", "z"], ["y"])]
    found = counted(nodes, np.zeros((2, 3, 8, 8), np.uint8), {}, tmp_path, dtype=UINT8, arrays=arrays)
    assert found == 2 * 4 * 36 * 27


def test_what_cannot_be_counted(tmp_path):
    einsum = [node("Einsum", ["x", "w"], ["y"], equation="ij,jk->ik")]
    assert counted(einsum, zeros(2, 3), {"w": (3, 4)}, tmp_path) is None
    assert multiply_adds(b"no model", {}, tmp_path) is None


@pytest.mark.parametrize("count", [1, 3])
def test_the_matrix_product_is_right(count):
    product = rt.load(gemm._products(8, count), device="cpu")
    x = np.random.RandomState(2).standard_normal((8, 8)).astype(np.float32)
    matrix = (np.random.RandomState(0).standard_normal((8, 8)) / np.sqrt(8)).astype(np.float32)
    expected = (x @ np.linalg.matrix_power(matrix, count)).sum()
    np.testing.assert_allclose(product.infer(x), expected, rtol=1e-4)


def test_its_multiply_adds_are_those_that_are_counted(tmp_path):
    data = gemm._products(8, 2)
    assert multiply_adds(data, {"input": zeros(8, 8)}, tmp_path) == 2 * 8**3


def test_peak_memory_grows(tmp_path, monkeypatch):
    before = memory.peak_memory()
    if before is None:
        pytest.skip("the system does not say")
    held = np.ones(40 * 2**20, np.uint8)
    assert memory.peak_memory() >= before
    assert memory.peak_memory() >= held.nbytes
    monkeypatch.setattr(memory, "_STATUS", str(tmp_path / "absent"))
    if memory.sys.platform == "linux":
        assert memory.peak_memory() is None


def _convolutions(network):
    network.add("conv2d", size=(1, 4), kernel_size=3, activation="relu")
    network.add("maxpool", kernel_size=2)
    network.add("linear", size=(4 * 3 * 3, 5), activation="softmax")


def _sequences(network):
    network.add("lstm", size=(3, 6))
    network.add("linear", size=(6, 5), activation="softmax")


@pytest.mark.needs_torch
@pytest.mark.parametrize(("build", "shape"), [(_convolutions, (1, 8, 8)), (_sequences, (7, 3))])
def test_a_file_has_as_many_as_its_network(tmp_path, build, shape):
    from onnxnn import nn

    network = nn("cls", verbose=0)
    network.load_dataset(np.zeros((5, *shape), np.float32), np.arange(5))
    build(network)
    network.export(tmp_path / "a.onnx")
    found = multiply_adds((tmp_path / "a.onnx").read_bytes(), {"input": zeros(1, *shape)}, tmp_path)
    assert found == network._state.definition.multiply_adds()

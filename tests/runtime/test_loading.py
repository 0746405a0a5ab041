"""Files that `load` refuses before a session is made: weights elsewhere, and too large ones."""

from __future__ import annotations

import tracemalloc

import onnxnn_runtime as rt
import pytest
from support.models import graph, model, node, tensor, value

X = ("batch", 2)


def with_weights_in(file):
    """Return a model whose weights lie in another file."""
    weights = [each for each in tensor("w", [1.0, 2.0]) if each[0] != 9]
    weights += [(13, 2, [(1, 2, b"location"), (2, 2, file.encode())]), (14, 0, 1)]
    add = node("Add", ["input", "w"], ["output"])
    return model(graph([add], [value("input", X)], [value("output", X)], [weights]))


def test_weights_in_a_file_that_is_missing_name_it(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(with_weights_in("a.onnx.data"))
    with pytest.raises(
        rt.InputError,
        match=r"a\.onnx: expected its weights in the file, .*'a\.onnx\.data', which is not beside it\. "
        r"Copy .*E-MODEL-02",
    ):
        rt.load(path)


@pytest.mark.parametrize("as_bytes", [False, True])
def test_weights_in_a_file_that_is_there_are_not_read(tmp_path, as_bytes):
    path = tmp_path / "a.onnx"
    path.write_bytes(with_weights_in("a.onnx.data"))
    (tmp_path / "a.onnx.data").write_bytes(bytes(16))
    with pytest.raises(
        rt.InputError, match=r"\('a\.onnx\.data'\), which is never opened\. Save the model as one file"
    ):
        rt.load(path.read_bytes() if as_bytes else path)


@pytest.mark.parametrize("file", ["../a.data", "/etc/passwd", "a\0b", "."])
def test_paths_that_lead_elsewhere_are_not_looked_for(tmp_path, file):
    path = tmp_path / "a.onnx"
    path.write_bytes(with_weights_in(file))
    with pytest.raises(rt.InputError, match="which is never opened"):
        rt.load(path)


def test_a_file_of_3_gb_is_refused_without_reading_it(tmp_path, golden):
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.write((golden / "models" / "table.onnx").read_bytes())
        file.truncate(3 * 2**30)
    tracemalloc.start()
    try:
        with pytest.raises(
            rt.InputError, match=r"large\.onnx: expected less than 2 GiB, .* got 3\.0 GiB.*E-INPUT-10"
        ):
            rt.load(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()

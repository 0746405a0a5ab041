"""Tensors of inference requests: every datatype there and back, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.models import STRING, TYPES, graph, model, node, value

VALUES = {
    "BOOL": ("bool", [True, False]),
    "UINT8": ("uint8", [0, 255]),
    "UINT16": ("uint16", [0, 2**16 - 1]),
    "UINT32": ("uint32", [0, 2**32 - 1]),
    "UINT64": ("uint64", [0, 2**64 - 1]),
    "INT8": ("int8", [-128, 127]),
    "INT16": ("int16", [-(2**15), 2**15 - 1]),
    "INT32": ("int32", [-(2**31), 2**31 - 1]),
    "INT64": ("int64", [-(2**63), 2**63 - 1]),
    "FP16": ("float16", [-65504.0, 0.5]),
    "FP32": ("float32", [0.1, -3e38]),
    "FP64": ("float64", [0.1, 1e300]),
    "BYTES": ("object", ["", "绿 \U0001f600"]),
}
"""Each datatype: NumPy's name, and its extremes."""


@pytest.fixture
def identity(tmp_path):
    """Write a graph that returns its input, of a datatype and a shape; return its path."""

    def identity(datatype, shape=("n", 2)):
        dtype = TYPES.get(VALUES[datatype][0], STRING)
        made = graph([node("Identity", ["x"], ["y"])], [value("x", shape, dtype)], [value("y", shape, dtype)])
        path = tmp_path / f"{datatype}.onnx"
        path.write_bytes(model(made))
        return path

    return identity


def as_binary(values, dtype):
    if dtype == "object":
        return b"".join(len(each.encode()).to_bytes(4, "little") + each.encode() for each in values)
    return np.array(values, dtype).tobytes()


@pytest.mark.parametrize("datatype", VALUES)
def test_every_datatype_comes_back(serving, identity, datatype):
    dtype, values = VALUES[datatype]
    entry = {"name": "x", "shape": [1, 2], "datatype": datatype}
    binary = as_binary(values, dtype)
    wanted = [{"name": "y", "parameters": {"binary_data": True}}]
    body = json.dumps(
        {"inputs": [{**entry, "parameters": {"binary_data_size": len(binary)}}], "outputs": wanted}
    )
    with serving(identity(datatype)) as client:
        path = f"/v2/models/{datatype}/infer"
        answer = client.post(path, json={"inputs": [{**entry, "data": values}]})
        second = client.post(
            path,
            content=body.encode() + binary,
            headers={"Inference-Header-Content-Length": str(len(body))},
        )
    assert answer.status_code == 200, answer.text
    (output,) = answer.json()["outputs"]
    assert (output["datatype"], output["shape"]) == (datatype, [1, 2])
    expected = values if dtype == "object" else np.array(values, dtype).tolist()
    found = output["data"] if dtype == "object" else np.array(output["data"], dtype).tolist()
    assert found == expected
    assert second.content.endswith(binary)
    assert f'"binary_data_size":{len(binary)}'.encode() in second.content


WRONG = {
    "BOOL": [[0, 1], ["true", "false"], [True]],
    "UINT8": [[0, 256], [0, -1], [0, 1.0], [True, False]],
    "UINT64": [[0, 2**64], [-1, 0]],
    "INT64": [[0, 2**63], [0, 10**300]],
    "FP16": [[0, 70000], ["a", "b"]],
    "FP32": [[0, 1e39], [0, 10**400], [None, 1], [[1, 2], [3]], [[[1, 2]]], [[1], [2]], [1, [2]], [], [[]]],
    "BYTES": [[1, 2], ["a"], [["a"], ["b"]]],
}


@pytest.mark.parametrize("datatype", WRONG)
def test_other_values_are_refused(serving, identity, datatype):
    with serving(identity(datatype)) as client:
        for data in WRONG[datatype]:
            entry = {"name": "x", "shape": [1, 2], "datatype": datatype, "data": data}
            answer = client.post(f"/v2/models/{datatype}/infer", json={"inputs": [entry]})
            assert answer.status_code == 400, (data, answer.text)


def changed(**changes):
    entry = {"name": "input", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4], **changes}
    return {"inputs": [{key: value for key, value in entry.items() if value is not None}]}


TWICE = {"inputs": changed()["inputs"] * 2}

MALFORMED = [
    ({}, "expected arrays for input, got none"),
    ({"inputs": 1}, "inputs=1: expected a list"),
    ({"inputs": [1]}, r"inputs\[0\]: expected an object, got 1"),
    (TWICE, "expected each once, got 'input' twice"),
    (changed(name=None), "expected name as a text, got None"),
    (changed(name="inptu"), "'inptu': no input of this name. Did you mean 'input'?"),
    (changed(name="\ud800" * 9), "no input of this name"),
    (changed(shape=None), "expected shape as a list"),
    (changed(shape=[2, -2]), r"integers from 1, .*, got \[2, -2\]"),
    (changed(shape=[2, 2.0]), r"integers from 1, .*, got \[2, 2.0\]"),
    (changed(shape=[True, 4]), "integers from 1"),
    (changed(shape=[0, 2], data=[]), "integers from 1"),
    (changed(shape=[1] * 33), "at most 32 of them"),
    (changed(shape=[2**63, 2]), "integers from 1"),
    (changed(shape=[2**62, 2**62]), "expected as data the values of FP32"),
    (changed(shape=[4]), r"expected float32 \(batch, 2\), got float32 \(4,\)"),
    (changed(shape=[1, 4]), r"expected float32 \(batch, 2\), got float32 \(1, 4\)"),
    (changed(shape=[2, 3]), r"expected as data the values of FP32 \(2, 3\)"),
    (changed(datatype="FP64"), "expected the datatype FP32 of the graph, got 'FP64'"),
    (changed(datatype="BYTES", data=["a"] * 4), "expected the datatype FP32"),
    (changed(datatype=["FP32"]), "expected datatype as a text"),
    (changed(data=None), "expected either data or the parameter binary_data_size"),
    (changed(data="1234"), "expected as data the values"),
    (changed(data={"0": 1}), "expected as data the values"),
    (changed(parameters={"binary_data_size": 16}), "expected either data or the parameter"),
    (
        changed(data=None, parameters={"binary_data_size": 16}),
        "expected 16 bytes of binary data after the JSON",
    ),
    (changed(data=None, parameters={"binary_data_size": -1}), "an integer from 0, got -1"),
    (changed(data=None, parameters={"binary_data_size": 10**30}), "0 bytes of binary data after the JSON"),
    (changed(data=None, parameters={"shared_memory_region": "a"}), "shared memory is not offered"),
    (changed(parameters=[]), "expected an object, got"),
    ({**changed(), "parameters": {"binary_data_output": 1}}, "as true or false, got 1"),
    ({**changed(), "id": 7}, "id=7: expected a text"),
    ({**changed(), "outputs": {}}, "outputs={}: expected a list"),
    ({**changed(), "outputs": [{"name": "embedding"}]}, "'embedding': no output of this name"),
    ({**changed(), "outputs": [{"name": "output"}] * 2}, "got 'output' twice"),
    ({**changed(), "outputs": [{"name": "output", "parameters": {"classification": -1}}]}, "from 0, got -1"),
    ({**changed(), "outputs": [{"name": "output", "parameters": {"binary_data": "no"}}]}, "as true or false"),
]


@pytest.mark.parametrize(("body", "problem"), MALFORMED, ids=[problem for _, problem in MALFORMED])
def test_malformed_requests_are_named(shared, body, problem):
    answer = shared.post("/v2/models/table/infer", content=json.dumps(body).encode())
    assert answer.status_code == 400, answer.text
    with pytest.raises(ValueError, match=problem):
        raise ValueError(answer.json()["error"])


@pytest.fixture(scope="module")
def shared(serving):
    """A server of one model of tables for all tests of this module."""
    with serving("table") as client:
        yield client


def binary(shared, content, shape=(1, 2), size=None, length=None):
    entry = {"name": "input", "shape": shape, "datatype": "FP32"}
    entry["parameters"] = {"binary_data_size": len(content) if size is None else size}
    text = json.dumps({"inputs": [entry]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(text)) if length is None else length}
    return shared.post("/v2/models/table/infer", content=text + content, headers=headers)


def test_binary_data_that_are_no_numbers_are_refused(shared):
    row = np.array([[1, 2]], "<f4")
    assert binary(shared, row.tobytes()).status_code == 200
    for wrong in (np.nan, np.inf):
        answer = binary(shared, np.array([[1, wrong]], "<f4").tobytes())
        assert answer.status_code == 400
        assert "NaN or infinite" in answer.json()["error"]


@pytest.mark.parametrize("length", ["-1", "x", "99999", "1e2", "٣", "9" * 30, "", "10"])
def test_a_wrong_length_of_the_json_is_refused(shared, length):
    headers = {"Inference-Header-Content-Length": length.encode("utf-8")}
    answer = shared.post("/v2/models/table/infer", content=json.dumps(changed()).encode(), headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("content", "size"),
    [(b"1234567", None), (b"123456789", None), (b"12345678", 7), (b"12345678", 9), (b"", 8)],
)
def test_a_wrong_count_of_bytes_is_refused(shared, content, size):
    answer = binary(shared, content, size=size)
    assert answer.status_code == 400
    assert "bytes" in answer.json()["error"]


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x00\x00\x01a",
        b"\xff\xff\xff\xff",
        b"\x02\0\0\0a",
        b"\x01\0\0\0ab",
        b"\x01\0\0",
        b"\x01\0\0\0\xff",
    ],
)
def test_bytes_with_wrong_lengths_are_refused(serving, identity, content):
    entry = {"name": "x", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(content)}}
    text = json.dumps({"inputs": [entry]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    with serving(identity("BYTES", ("n",))) as client:
        answer = client.post("/v2/models/BYTES/infer", content=text + content, headers=headers)
    assert answer.status_code == 400
    assert "BYTES" in answer.json()["error"] or "UTF-8" in answer.json()["error"]


def test_binary_bools_are_0_or_1(serving, identity):
    entry = {"name": "x", "shape": [1, 2], "datatype": "BOOL", "parameters": {"binary_data_size": 2}}
    text = json.dumps({"inputs": [entry]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    with serving(identity("BOOL")) as client:
        answer = client.post("/v2/models/BOOL/infer", content=text + b"\x01\x02", headers=headers)
    assert "expected 0 or 1 for each element of BOOL, got 2" in answer.json()["error"]


def test_inputs_of_different_numbers_of_samples_never_mix(serving):
    def body(a, b):
        return {
            "json": {
                "inputs": [
                    {"name": name, "shape": [rows, 2], "datatype": "FP32", "data": [1.0] * rows * 2}
                    for name, rows in (("a", a), ("b", b))
                ]
            }
        }

    with serving("two_inputs") as client:
        path = "/v2/models/two_inputs/infer"
        answers = client.gather(*[("POST", path, body(*rows)) for rows in ((2, 3), (3, 2), (2, 2)) * 5])
    assert [answer.status_code for answer in answers] == [400, 400, 200] * 5
    assert "same number of samples" in answers[0].json()["error"]


def test_deep_lists_are_refused(shared):
    for depth in (60, 900, 985, 5000):
        text = json.dumps(changed(data="@")).replace('"@"', "[" * depth + "1" + "]" * depth)
        for size in (0, 200_000):  # read at once, and in a thread
            answer = shared.post("/v2/models/table/infer", content=text + " " * size)
            assert answer.status_code == 400


def test_texts_of_different_lengths_take_little_memory(shared):
    import tracemalloc

    data = ["a" * 100_000, *["b"] * 9_999]
    body = {"inputs": [data]}
    tracemalloc.start()
    try:
        answers = [shared.post(path, json=body) for path in ("/predict", "/embed")]
        answers.append(shared.post("/v2/models/table/infer", json=changed(data=data, shape=[5000, 2])))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert peak < 50_000_000  # an array of these texts has 4,000,000,000 bytes

"""Malformed requests of every kind: each is answered, with a status that says whose mistake it is."""

from __future__ import annotations

import copy
import json
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ANSWERS = {200, 400, 404, 405, 413, 415}
"""What a server may say to any request that it is not too busy for."""

ROW = np.array([[1, 2]], "<f4").tobytes()

LENGTH = "Inference-Header-Content-Length"

PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5E"
    "rkJggg=="
)

many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), database=None)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 3),
    st.floats(allow_nan=False),
    st.text(),
    st.sampled_from(
        ["FP32", "BYTES", "BOOL", "INT64", "input", "output", "a", "b", PNG, PNG[:60], "http://x/y"]
    ),
)

values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)

REQUESTS = [
    {
        "id": "1",
        "parameters": {"binary_data_output": True},
        "inputs": [{"name": "input", "shape": [1, 2], "datatype": "FP32", "data": [1, 2], "parameters": {}}],
        "outputs": [{"name": "output", "parameters": {"classification": 1, "binary_data": False}}],
    },
    {
        "inputs": [
            {"name": "input", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
        ],
        "outputs": [{"name": "output", "parameters": {"binary_data": True}}],
    },
    {"inputs": [{"name": "input", "shape": [1], "datatype": "BYTES", "data": [PNG]}]},
    {"inputs": [{"name": each, "shape": [1, 2], "datatype": "FP32", "data": [[1, 2]]} for each in "ab"]},
]

EMBEDDINGS = [
    {"model": "image_classifier", "input": [PNG, PNG], "modality": "image", "encoding_format": "base64"}
]


def places(value, path=()):
    """Return the path to every value inside a JSON value."""
    found = [path]
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in entries:
        found += places(inner, (*path, key))
    return found


@st.composite
def changed(draw, requests):
    """Draw a request of which one to three values are others, gone or twice."""
    request = copy.deepcopy(draw(st.sampled_from(requests)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([each for each in places(request) if each]))
        holder = request
        for key in path[:-1]:
            holder = holder[key]
        how = draw(st.integers(0, 3))
        if how == 0:
            del holder[path[-1]]
        elif how == 1 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
        else:
            holder[path[-1]] = draw(values)
        if not request:
            break
    return request


@pytest.fixture(scope="module")
def server(serving):
    """A server of several models that takes small bodies."""
    with serving("table", "image_classifier", "two_inputs", "text", max_body_bytes=200_000) as client:
        yield client


def check(answer):
    """Check the status of an answer, and that its error can be read."""
    assert answer.status_code in ANSWERS, answer.text
    if answer.status_code >= 400:
        assert answer.json()["error"]


models = st.sampled_from(["table", "image_classifier", "two_inputs", "text", "table/versions/1", "nothing"])


@many
@given(model=models, body=changed(REQUESTS) | values)
def test_requests_in_json(server, model, body):
    text = json.dumps(body)
    check(server.post(f"/v2/models/{model}/infer", content=text.encode("utf-8", "surrogatepass")))


@many
@given(
    model=models,
    body=changed(REQUESTS),
    tail=st.binary(max_size=40) | st.just(ROW),
    shift=st.sampled_from([0, 0, 0, -1, 1, 8, -400]) | st.integers(),
    encoding=st.sampled_from([None] * 5 + ["gzip", "deflate", "br", "", "identity"]),
)
def test_requests_with_binary_data(server, model, body, tail, shift, encoding):
    text = json.dumps(body).encode()
    headers = {LENGTH: str(len(text) + shift)}
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    check(server.post(f"/v2/models/{model}/infer", content=text + tail, headers=headers))


@many
@given(
    model=models, body=st.binary(max_size=60), length=st.sampled_from(["0", "1", "x", "-0", " "]) | st.none()
)
def test_bodies_of_bytes(server, model, body, length):
    headers = {} if length is None else {LENGTH: length}
    check(server.post(f"/v2/models/{model}/infer", content=body, headers=headers))
    check(server.post("/v1/embeddings", content=body))


@many
@given(body=changed(EMBEDDINGS) | values)
def test_requests_for_embeddings(server, body):
    text = json.dumps(body).encode("utf-8", "surrogatepass")
    check(server.post("/v1/embeddings", content=text))


@many
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
    start=st.sampled_from(["/v2", "/v2/models/", "/v2/models/table/versions/", "/v1/", "/v1/models/"]),
    rest=st.text(max_size=20),
)
def test_other_paths(server, method, start, rest):
    answer = server.request(method, start + quote(rest.encode("utf-8", "surrogatepass"), safe="/"))
    if answer.status_code != 307:
        check(answer)


@pytest.mark.parametrize(
    "path", ["/v2/models/table/infer", "/v2/models/image_classifier/infer", "/v1/embeddings", "/predict"]
)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"inputs":' + "[" * 990 + "]" * 990 + "}",
        '{"inputs":[' + "{}," * 60_000 + "{}]}",
        '{"inputs":[{"name":"' + "i" * 150_000 + '","shape":[1],"datatype":"FP32","data":[1]}]}',
        '{"inputs":[{"name":"input","shape":[' + "1" * 4000 + '],"datatype":"FP32","data":[1]}]}',
        '{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[1e400,-1e400]}]}',
        '{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[NaN,Infinity]}]}',
        '{"' + "i" * 150_000 + '":1}',
        '{"input":' + "9" * 4000 + "}",
        '{"input":"data:' + ";a=a" * 40_000 + '"}',
        '{"input":"data:' + "," * 150_000 + '"}',
        '{"model":"' + "t" * 150_000 + '","input":"x"}',
    ],
    ids=range(12),
)
def test_requests_that_take_long_to_read(server, path, text):
    answer = server.post(path, content=text.encode(), headers={"Content-Type": "application/json"})
    check(answer)
    assert len(answer.content) < 10_000

"""JSON texts read and written in pieces are what Python's own reader and writer make of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxnn_runtime.server import json_text
from onnxnn_runtime.server.content import as_json, binary, json_object
from onnxnn_runtime.server.errors import BadRequest, TooLarge

numbers = st.one_of(st.integers(), st.integers(-2, 9), st.floats(allow_nan=False, allow_infinity=False))

values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=5), st.lists(numbers)),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch):
    for name, value in {"_LONG": 0, "_PIECE": 12, "_VALUES": 2}.items():
        monkeypatch.setattr(json_text, name, value)


def refuse(constant):
    raise ValueError(constant)


def read(loads, text):
    try:
        return loads(text)
    except ValueError:
        return "refused"


@settings(max_examples=100, deadline=None, database=None)
@given(
    data=values,
    indent=st.sampled_from([None, 1]),
    change=st.text('[]{},:1-e" \0', max_size=2),
    at=st.integers(0),
)
def test_texts_are_read_and_written_as_by_python(data, indent, change, at):
    text = json.dumps(data, indent=indent)
    assert json_text.loads(text, refuse) == data
    assert "".join(json_text.pieces(data)) == json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    place = at % (len(text) + 1)
    text = text[:place] + change + text[place + at % 2 :]
    expected = read(lambda each: json.loads(each, parse_constant=refuse), text)
    assert read(lambda each: json_text.loads(each, refuse), text) == expected


@pytest.mark.parametrize(
    "text", ["[,1]", "[1,,2]", "[1,]", "[1 2,3]", "[[1],,[2]]", "[1", "[", "[[1],", "[01,2]"]
)
def test_lists_that_are_no_json_are_refused(text):
    with pytest.raises(BadRequest):
        json_object(b'{"input":' + text.encode() + b"}")


@pytest.mark.parametrize("body", [b'{"a":1},' * 100_001, b"[]," * 300_001, b"1," * 1_000_001], ids=range(3))
def test_texts_with_very_many_values_are_refused_unread(body):
    with pytest.raises(TooLarge):
        json_object(b'{"input":[' + body[:-1] + b"]}")


def test_arrays_are_written_as_lists():
    array = np.arange(5, dtype=np.float32) / 2
    assert as_json({"a": array, "b": array[:0]}).body == b'{"a":[0.0,0.5,1.0,1.5,2.0],"b":[]}'
    assert as_json({"a": np.array([np.nan, 1, np.inf])}).body == b'{"a":[null,1.0,null]}'


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-3, 3), max_size=7))
def test_arrays_of_float32_are_read_as_the_same_floats(numbers):
    array = np.array(numbers, np.float32)
    found = json.loads(as_json(array[None]).body)[0]
    assert all(type(each) is float for each in found)
    assert np.array(found, np.float32).tobytes() == array.tobytes()


def test_base64_is_decoded_in_pieces_as_strictly_as_at_once(monkeypatch):
    monkeypatch.setattr("onnxnn_runtime.server.content._PIECE", 8)
    assert binary("YWJjZGVmZ2hpams=", "a") == b"abcdefghijk"
    assert binary("data:image/png;base64,YWJjZGVmZ2hpamtsbQ==", "a") == b"abcdefghijklm"
    for wrong in ("YWJjZGU=ZmdoaWpr", "YWJjZGVmZ2hpam", "YWJjZGVm!2hpams=", "YWJjZGVm===="):
        with pytest.raises(BadRequest):
            binary(wrong, "a")

"""Columns by name, in whatever holds them."""

from __future__ import annotations

import collections

import numpy as np
import pytest
from onnxnn_runtime.arrays.columns import column_texts, match_columns, named_columns, named_row, names_wanted
from onnxnn_runtime.errors import InputError
from support.frames import Frame


@pytest.mark.parametrize(
    ("given", "positions"),
    [
        (["height", "weight"], [0, 1]),
        (["weight", "height"], [1, 0]),
        (["Weight", " HEIGHT "], [1, 0]),
        (["id", "WEIGHT", "note", "height"], [3, 1]),
        (["Height", "height", "weight"], [1, 2]),
    ],
    ids=["in order", "swapped", "other case", "additional ones", "the exact one of two"],
)
def test_names_are_found_wherever_they_stand(given, positions):
    assert match_columns(["height", "weight"], given, "a.csv") == positions


@pytest.mark.parametrize(("wanted", "given"), [("é", "e\u0301"), ("ＣＭ", "ｃｍ"), ("Straße", "STRASSE")])
def test_forms_of_one_name(wanted, given):
    assert match_columns([wanted, "x"], ["x", given], "a.csv") == [1, 0]


def test_names_that_differ_in_case_alone_are_two():
    assert match_columns(["a", "A"], ["A", "a"], "a.csv") == [1, 0]
    with pytest.raises(InputError, match="missing: 'A'"):
        match_columns(["a", "A"], ["a", "b"], "a.csv")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["height", "size", "name"],
            "columns are missing: 'weight'; additional: 'size', 'name'; expected height, weight",
        ),
        (["a", "b"], "columns are missing: 'height', 'weight'; additional: 'a', 'b'"),
        (["height"], "columns are missing: 'weight'; expected height, weight"),
        (["height", "weight", "weight"], "expected one column 'weight', got 2"),
        (["height", "Weight", "WEIGHT"], "expected one column 'weight', got 2: 'Weight', 'WEIGHT'"),
    ],
)
def test_names_that_are_not_there(given, message):
    with pytest.raises(InputError, match=message) as caught:
        match_columns(["height", "weight"], given, "a.csv")
    assert str(caught.value).startswith("a.csv: ")


def test_a_message_lists_a_few_of_many():
    with pytest.raises(InputError, match="'c7' and 992 more") as caught:
        match_columns([f"c{n}" for n in range(1000)], ["x"], "a.csv")
    assert len(str(caught.value)) < 400


Row = collections.namedtuple("Row", "b a")

TABLES = {
    "frame": Frame({"b": [1.5, 2], "a": [3, 4]}),
    "structured": np.array([(1.5, 3), (2, 4)], dtype=[("b", "f4"), ("a", "i8")]),
    "columns": {"b": [1.5, 2], "a": np.array([3, 4])},
    "dicts": [{"b": 1.5, "a": 3}, {"a": 4, "b": 2}],
    "named tuples": [Row(1.5, 3), Row(2, 4)],
    "records": list(np.array([(1.5, 3), (2, 4)], dtype=[("b", "f4"), ("a", "i8")])),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_tables_with_names(table):
    named = named_columns(table)
    assert named.names == ("b", "a")
    assert named.values.astype(float).tolist() == [[1.5, 3], [2, 4]]


@pytest.mark.parametrize(
    "value",
    [[[1, 2], [3, 4]], np.zeros((2, 2)), {"a": 1.5}, {}, [], "a.csv", b"x", None, (1, 2), {0: 1},
     {"a": "text", "b": "text"}, Frame({0: [1, 2], 1: [3, 4]}), ["a", "b"], iter([1])],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_names_no_columns(value):
    assert named_columns(value) is None


@pytest.mark.parametrize(
    "row", [{"b": 1.5, "a": 3}, Row(1.5, 3), TABLES["structured"][0]], ids=["dict", "tuple", "record"]
)
def test_rows_with_names(row):
    named = named_row(row)
    assert (named.names, named.values.tolist()) == (("b", "a"), [1.5, 3])


def test_columns_and_rows_that_disagree():
    with pytest.raises(InputError, match=r"expected columns of the same length, got 'a: 2', 'b: 1'"):
        named_columns({"a": [1, 2], "b": [3]})
    with pytest.raises(InputError, match=r"input\[1\]: columns are missing: 'b'"):
        named_columns([{"a": 1, "b": 2}, {"a": 1}])
    with pytest.raises(InputError, match=r"input\[1\]: expected the columns that input\[0\] names"):
        named_columns([{"a": 1, "b": 2}, [3, 4]])


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"b": [1.5, 2], "a": [3, 4], "kind": ["x", "y"]})
    named = named_columns(frame)
    assert named.names == ("b", "a", "kind")
    assert named.values[:, :2].astype(float).tolist() == [[1.5, 3], [2, 4]]
    assert named_row(frame[["b", "a"]].iloc[1]).names == ("b", "a")
    assert named_row(frame["a"]) is None
    assert named_columns(pandas.DataFrame([[1, 2], [3, 4]])) is None


@pytest.mark.parametrize(
    ("keys", "wanted", "names"),
    [
        ([2020, 2019], (), ("2020", "2019")),
        ([1, 0], (), ("1", "0")),
        ([1, 2], (), ("1", "2")),
        ([0, 1], (), ()),
        ([np.int64(0), np.int64(1)], (), ()),
        ([0, 1, 2], ("2", "1"), ("0", "1", "2")),
        ([0, 1], ("height",), ()),
        ([("a", "height"), ("a", 2)], (), ("a height", "a 2")),
        (["height", 0], (), ("height", "0")),
        ([0.5, None], (), ("0.5", "None")),
        (["0", "1"], (), ("0", "1")),
    ],
)
def test_what_is_no_text_names_columns_unless_it_only_counts_them(keys, wanted, names):
    assert column_texts(keys, wanted) == names
    named = named_columns(Frame({key: [1, 2] for key in keys}), wanted)
    assert (() if named is None else named.names) == names
    columns = named_columns({key: [1, 2] for key in keys})
    assert columns.keys == tuple(keys)
    assert columns.values.tolist() == [[1] * len(keys), [2] * len(keys)]


def test_an_index_of_integers_names_a_row_that_a_network_knows_and_counts_rows_elsewhere():
    pandas = pytest.importorskip("pandas")
    row = pandas.Series([1.5, 2], index=[2020, 2019])
    assert named_row(row) is None
    assert named_row(row, ("height",)) is None
    assert named_row(row, ("2019", "2020")).names == ("2020", "2019")


@pytest.mark.parametrize(
    ("known", "given", "wanted"),
    [
        (("a", "b"), ("b", "a"), ("a", "b")),
        (("a", "b"), (), ()),
        ((), ("1", "0"), ("0", "1")),
        ((), ("1", "2"), ()),
        ((), ("a", "b"), ()),
    ],
)
def test_columns_that_are_counted_go_by_number_where_a_network_has_no_names(known, given, wanted):
    assert names_wanted(known, given) == wanted

"""What a card says about the columns of a table."""

from __future__ import annotations

import json

import pytest
from onnxnn_runtime.card.card import InputSpec, ModelCard, OutputSpec
from onnxnn_runtime.card.columns import ColumnSpec, titles_of, width_of
from onnxnn_runtime.errors import CardError

COLUMNS = (
    ColumnSpec("size", "number"),
    ColumnSpec("town", "categorical", ("Oslo", "")),
    ColumnSpec("left", "ignore"),
    ColumnSpec("built", "date", parts=("year", "month"), order="mdy"),
)
USED = ("size", "town", "built")


def card(columns=COLUMNS, features=USED, width=5, kind="table"):
    spec = InputSpec(kind, ("batch", width), features=features, columns=columns)
    return ModelCard("reg", (), spec, OutputSpec("values", ("batch", 1)))


def test_columns_come_back_as_they_were():
    text = card().to_json()
    assert ModelCard.from_json(text) == card()
    assert json.loads(text)["input"]["columns"] == [
        {"name": "size", "kind": "number"},
        {"name": "town", "kind": "categorical", "categories": ["Oslo", ""]},
        {"name": "left", "kind": "ignore"},
        {"name": "built", "kind": "date", "parts": ["year", "month"], "order": "mdy"},
    ]


def test_a_table_of_numbers_has_none_in_its_text():
    assert "columns" not in card((), ("a", "b"), 2).to_json()


def test_what_the_numbers_of_a_row_are_called():
    assert titles_of(COLUMNS) == ["size", "town=Oslo", "town=?", "built.year", "built.month"]
    assert width_of(COLUMNS) == 5
    assert titles_of([ColumnSpec("", "number"), ColumnSpec("", "ignore"), ColumnSpec("", "boolean")]) == [
        "column 1",
        "column 3",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "text"}, "'input.columns.kind': expected one of number, categorical"),
        ({"kind": "number", "categories": ["a"]}, "expected different values of 'categorical'"),
        ({"kind": "categorical"}, "expected different values of 'categorical'"),
        ({"kind": "categorical", "categories": ["a", "a"]}, "expected different values of 'categorical'"),
        ({"kind": "categorical", "categories": [1, 2]}, "expected a list of texts"),
        ({"kind": "date", "parts": ["century"]}, "'input.columns.parts': expected one of year, month"),
        ({"kind": "date"}, "expected different values of 'date'"),
        (
            {"kind": "date", "parts": ["year"], "order": "ymd"},
            "'input.columns.order': expected one of dmy, mdy",
        ),
        ({"kind": "number", "unit": "m"}, "unknown 'input.columns.unit'"),
        ({"kind": 1}, "'input.columns.kind': expected str"),
    ],
)
def test_malformed_columns_are_refused(change, message):
    data = json.loads(card().to_json())
    data["input"]["columns"][0] = {"name": "size", **change}
    with pytest.raises(CardError, match=message):
        ModelCard.from_json(json.dumps(data))


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 4},
        {"features": ("size", "town")},
        {"features": ("town", "size", "built")},
        {"kind": "array"},
    ],
)
def test_columns_that_are_not_those_of_the_input_are_refused(wrong):
    text = card(**wrong).to_json()
    with pytest.raises(CardError, match=r"'input.columns': expected columns that become the row"):
        ModelCard.from_json(text)

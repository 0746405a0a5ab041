"""Rows of texts, dates and gaps over HTTP, and the fields of the page for them."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette", reason="needs onnxnn-runtime[serve]")

ROW = {"size": 3.5, "town": "上海", "built": "2025-03-04", "garden": True}
NUMBERS = [3.5, 0, 1, 0, 2025, 1, 1, 0]


@pytest.fixture
def mixed(serving):
    with serving("mixed") as client:
        yield client


def values(answer):
    assert answer.status_code == 200, answer.text
    return [list(each["values"].values()) for each in answer.json()["predictions"]]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ({"input": ROW}, [NUMBERS]),
        ({"input": list(ROW.values())}, [NUMBERS]),
        ({"inputs": [ROW, dict.fromkeys(ROW)]}, [NUMBERS, [5, 0, 0, 1, 5, 5, 5, 1]]),
        ({"inputs": [[list(ROW.values()), [None] * 4]]}, [NUMBERS, [5, 0, 0, 1, 5, 5, 5, 1]]),
    ],
)
def test_rows_are_predicted(mixed, body, rows):
    assert values(mixed.post("/predict", json=body)) == rows


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": 1}, "columns are missing: 'town', 'built', 'garden'"),
        ({**ROW, "size": "big"}, "column 'size': expected a number, got 'big'"),
        ({**ROW, "town": {"name": "Oslo"}}, "column 'town': expected a text or a number"),
        (["/etc/hostname"], "expected 4 columns"),
        (["/etc/hostname"] * 4, "column 'size': expected a number, got '/etc/hostname'"),
        ("/etc/hostname", "expected"),
        ([[[ROW]]], "expected numbers in lists of equal lengths"),
    ],
)
def test_what_is_no_row_is_refused_and_never_a_path(mixed, given, said):
    answer = mixed.post("/predict", json={"input": given})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


def test_the_page_knows_the_columns(mixed):
    (model,) = mixed.get("/models").json()["models"]
    assert model["input"]["features"] == list(ROW)
    assert model["input"]["columns"] == [
        {"name": "size", "kind": "number"},
        {"name": "town", "kind": "categorical", "categories": ["Oslo", "上海", ""]},
        {"name": "built", "kind": "date", "parts": ["year", "weekday"], "order": "dmy"},
        {"name": "garden", "kind": "boolean"},
    ]

"""What the cells of a table hold: numbers, booleans, dates, categories, gaps."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from onnxnn_runtime.card.columns import ColumnSpec
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.tables.cells import category_in, first_two, is_missing, moment_in, truth_in
from onnxnn_runtime.tables.marks import Marks
from onnxnn_runtime.tables.preparation import category_places, prepare

DAY = (2025, 3, 4, 1)  # a Tuesday


@pytest.mark.parametrize(
    ("text", "order", "parts"),
    [
        ("2025-03-04", "dmy", (*DAY, 0, 0)),
        ("2025/3/4", "mdy", (*DAY, 0, 0)),
        ("2025.03.04", "dmy", (*DAY, 0, 0)),
        ("2025年3月4日", "dmy", (*DAY, 0, 0)),
        ("4/3/2025", "dmy", (*DAY, 0, 0)),
        ("3/4/2025", "mdy", (*DAY, 0, 0)),
        ("4.3.2025", "mdy", (*DAY, 0, 0)),
        ("2025-03-04 17:05", "dmy", (*DAY, 17, 5)),
        ("2025-03-04T17:05:59.5Z", "dmy", (*DAY, 17, 5)),
        (" 2025-03-04T17:05:00+08:00 ", "dmy", (*DAY, 17, 5)),
        (datetime.date(2025, 3, 4), "dmy", (*DAY, 0, 0)),
        (datetime.datetime(2025, 3, 4, 17, 5), "dmy", (*DAY, 17, 5)),
        (np.datetime64("2025-03-04T17:05"), "dmy", (*DAY, 17, 5)),
        ("2025-02-30", "dmy", None),
        ("2025-03/04", "dmy", None),
        ("13/13/2025", "dmy", None),
        ("2025", "dmy", None),
        ("20250304", "dmy", None),
        ("soon", "dmy", None),
        (20250304, "dmy", None),
    ],
)
def test_dates(text, order, parts):
    assert moment_in(text, order) == parts


def test_which_dates_leave_the_order_open():
    assert first_two("3/4/2025") == (3, 4)
    assert [first_two(text) for text in ("3.4.2025", "2025-03-04", "x", 3)] == [None] * 4


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("TRUE", 1),
        ("no", 0),
        ("是", 1),
        ("否", 0),
        ("1", 1),
        (0, 0),
        (True, 1),
        (np.False_, 0),
        ("maybe", None),
        (2, None),
    ],
)
def test_booleans(value, found):
    assert truth_in(value) == found


@pytest.mark.parametrize(
    "value", [None, float("nan"), np.float32("nan"), "", " ", "NA", "?", np.datetime64("NaT")]
)
def test_gaps(value):
    assert is_missing(value)


@pytest.mark.parametrize("value", [0, False, 0.0, "0", "x", np.int64(0)])
def test_what_is_no_gap(value):
    assert not is_missing(value)


def test_categories_as_text():
    assert [category_in(each) for each in (3, 3.0, 3.5, True, " Oslo ", np.int64(3))] == [
        "3", "3", "3.5", "true", "Oslo", "3",
    ]  # fmt: skip


def test_categories_that_are_numbers_are_found_by_value_where_one_alone_has_it():
    find = category_places(("01234", "2.0", "Oslo"))
    assert [find(name) for name in ("01234", "1234", "2", "2.00", "Oslo", "oslo", "5")] == [
        0,
        0,
        1,
        1,
        2,
        -1,
        -1,
    ]
    assert category_places(("1", "01"))("1.0") == -1


def test_long_integers_are_no_other_category_though_floats_round_them():
    find = category_places(("110101199003071234", "2"))
    assert [find(name) for name in ("110101199003071234", "110101199003071235")] == [0, -1]
    assert find(category_in(float(110101199003071234))) == 0


@pytest.mark.parametrize("names", [("False", "True"), ("FALSE", "TRUE"), ("false", "true")])
def test_booleans_find_their_categories_however_those_are_written(names):
    find = category_places(names)
    assert [find(category_in(each)) for each in (False, True, np.True_, "TRUE")] == [0, 1, 1, 1]
    assert category_places(("True", "TRUE"))("true") == -1


@pytest.mark.parametrize("name", ["NA", "none", "-"])
def test_a_category_of_training_is_no_gap(name):
    column = ColumnSpec("region", "categorical", ("EU", name, ""))
    found = prepare([["EU", name, f" {name} ", "?", None]], [column], "a.csv", lambda row, number: "")
    assert found.argmax(1).tolist() == [0, 1, 1, 2, 2]


COLUMNS = (
    ColumnSpec("size", "number"),
    ColumnSpec("town", "categorical", ("Oslo", "")),
    ColumnSpec("left", "ignore"),
    ColumnSpec("built", "date", parts=("year", "weekday")),
    ColumnSpec("garden", "boolean"),
)


PLAIN = Marks()


def prepared(*rows, marks=PLAIN):
    return prepare(
        list(zip(*rows)), COLUMNS, "a.csv", lambda row, column: f"row {row}, column {column}", marks
    )


def test_rows_of_texts_and_of_values_become_the_same_numbers():
    texts = prepared(
        ("3.5", "Oslo", "2025-03-04", "yes"), ("", "?", "", ""), ("4", "Rome", "2025-03-05", "no")
    )
    values = prepared(
        (3.5, "Oslo", datetime.date(2025, 3, 4), True),
        (None, None, None, float("nan")),
        (4, "Rome", np.datetime64("2025-03-05"), 0),
    )
    nan = np.nan
    expected = [[3.5, 1, 0, 2025, 1, 1], [nan, 0, 1, nan, nan, nan], [4, 0, 0, 2025, 2, 0]]
    np.testing.assert_array_equal(texts, expected)
    np.testing.assert_array_equal(values, expected)
    assert texts.dtype == np.float64


def test_numbers_with_other_marks():
    assert prepared(("1.234,5", "Oslo", "", ""), marks=Marks(",", "."))[0, 0] == 1234.5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("x", "Oslo", "", ""), "row 0, column 0: expected a number, got 'x'"),
        (("inf", "Oslo", "", ""), "row 0, column 0: expected a number, got 'inf'"),
        ((10**400, "Oslo", "", ""), "row 0, column 0: expected a number"),
        ((1, ["Oslo"], "", ""), "row 0, column 1: expected a text or a number, got"),
        ((1, "Oslo", "4 March", ""), "row 0, column 2: expected a date such as 2025-03-31, got '4 March'"),
        ((1, "Oslo", "", "maybe"), "row 0, column 3: expected true or false, .*, got 'maybe'"),
    ],
)
def test_cells_of_another_kind_are_named(row, message):
    with pytest.raises(InputError, match=message):
        prepared(row)

"""What becomes of each column of a table: inferred, said in a short table, and as the user says."""

from __future__ import annotations

import warnings

import pytest
from onnxnn_runtime.card.columns import ColumnSpec
from onnxnn_runtime.errors import DataError

from onnxnn.data import load_table
from onnxnn.data.options import TableOptions


@pytest.fixture
def load(tmp_path):
    def load_text(column, label="label", encoding="utf-8", separator=",", **options):
        """Load a table of a column `x`, a number and a label."""
        path = tmp_path / "a.csv"
        rows = [separator.join((cell, str(n * n), "ab"[n % 2])) for n, cell in enumerate(column)]
        path.write_bytes("\n".join([separator.join(("x", "n", "label")), *rows]).encode(encoding))
        return load_table(path, "cls", TableOptions(shuffle=False, batch_size=None, label=label, **options))

    return load_text


def column(data):
    return data.preparation.columns[0]


DAYS = ["2024-01-05", "2024-02-06", "2023-02-07", ""]


@pytest.mark.parametrize(
    ("cells", "spec"),
    [
        (["1", "2", "", "4"], ColumnSpec("x", "number")),
        (["b", "a", "b", "a"], ColumnSpec("x", "categorical", ("a", "b"))),
        (["b", "a", "NA", "a"], ColumnSpec("x", "categorical", ("a", "b", ""))),
        (["a1", "2", "b", "c"], ColumnSpec("x", "categorical", ("2", "a1", "b", "c"))),
        (["yes", "NO", "", "Yes"], ColumnSpec("x", "boolean")),
        (["是", "否", "是", "否"], ColumnSpec("x", "boolean")),
        (["yes", "", "yes", "YES"], ColumnSpec("x", "boolean")),
        (["N", "F", "N", "F"], ColumnSpec("x", "categorical", ("F", "N"))),
        (["true", "false", "maybe", "true"], ColumnSpec("x", "categorical", ("false", "maybe", "true"))),
        (DAYS, ColumnSpec("x", "date", parts=("year", "month", "day", "weekday"))),
        (["2024-01-05 10:30", "2024-01-05 11:30"], ColumnSpec("x", "date", parts=("hour",))),
        (["2024年1月5日", "2024年3月5日"], ColumnSpec("x", "date", parts=("month", "weekday"))),
        (["1/25/2024", "2/25/2024"], ColumnSpec("x", "date", parts=("month", "weekday"), order="mdy")),
        (["25/1/2024", "25/3/2024"], ColumnSpec("x", "date", parts=("month", "weekday"))),
        (["", "", "?", "NA"], ColumnSpec("x", "ignore")),
        (["Oslo"] * 4, ColumnSpec("x", "ignore")),
        (["2024-01-05"] * 4, ColumnSpec("x", "ignore")),
        ([f"plate {n}" for n in range(20)], ColumnSpec("x", "ignore")),
        ([f"town {n % 101}" for n in range(404)], ColumnSpec("x", "ignore")),
        (
            [f"town {n % 3}" for n in range(40)],
            ColumnSpec("x", "categorical", ("town 0", "town 1", "town 2")),
        ),
    ],
)
def test_what_a_column_is_follows_from_its_cells(load, cells, spec):
    assert column(load(cells)) == spec


def test_a_constant_number_is_left_out_beside_a_column_of_texts(tmp_path):
    (tmp_path / "a.csv").write_text("a,b,c,label\n1,x,3,0\n1,y,4,1\n1,x,5,0\n", encoding="utf-8")
    data = load_table(tmp_path / "a.csv", "cls")
    assert [spec.kind for spec in data.preparation.columns] == ["ignore", "categorical", "number"]
    assert data.features == ("b", "c")


def test_only_rows_to_learn_from_say_what_a_column_is(load):
    data = load([*"ab" * 10, "c", "d"], train_val_ratio=0.9)
    held_back = data.validation.tensors()[0]
    names = column(data).categories
    rows = data.train.tensors()[0][:, : len(names)].sum(1)
    assert (rows == 1).all()
    assert len(held_back) == 2


def test_a_table_of_numbers_stays_as_it_was(load):
    data = load(["1", "2", "3"])
    assert (data.preparation.columns, data.normalize, data.remarks) == ((), None, ())
    asked = load(["1", "2", "3"], columns={"x": "categorical"})
    assert column(asked).categories == ("1", "2", "3")
    assert asked.sample.sizes == (4,)


def test_the_columns_are_said(load):
    data = load(["Oslo", "Rome", "", "Oslo"], columns={"n": "number"})
    assert [line.replace(str(data.remarks[0]).split()[2][:-1], "a.csv") for line in data.remarks] == [
        "columns of a.csv:",
        "  x      categorical  3: Oslo, Rome, (missing)",
        "  n      number",
        "  label  label",
        "  each row becomes 4 numbers; columns={'name': 'ignore'} (or another kind) decides otherwise",
    ]
    data = load(["1", "3", "", "8"])
    assert data.remarks[1] == "  x      number  1 missing, filled with 3, and an indicator"
    assert load([f"plate {n}" for n in range(20)]).remarks[1].endswith("different texts: 20, rows: 20")
    assert (
        load(["3/4/2024", "5/4/2024"])
        .remarks[1]
        .endswith("3/4/2024 read day first; 'date_mdy' is month first")
    )


@pytest.mark.parametrize(
    ("cells", "kind", "spec"),
    [
        (["1", "2", "1.0", "4"], "categorical", ColumnSpec("x", "categorical", ("1", "1.0", "2", "4"))),
        (["1", "0", "", "1"], "boolean", ColumnSpec("x", "boolean")),
        (
            ["3/4/2024", "3/5/2024"],
            "date_mdy",
            ColumnSpec("x", "date", parts=("day", "weekday"), order="mdy"),
        ),
        (["a", "b", "a", "b"], "ignore", ColumnSpec("x", "ignore")),
        ([f"plate {n}" for n in range(20)], "categorical", None),
    ],
)
def test_the_user_says_what_a_column_is(load, cells, kind, spec):
    for key in ("x", 0):
        found = column(load(cells, columns={key: kind}))
        assert found == spec or (spec is None and found.kind == "categorical")


def test_of_very_many_categories_the_most_frequent_are_kept(load):
    data = load([f"plate {n % 1100}" for n in range(1200)], columns={"x": "categorical"})
    assert len(column(data).categories) == 1000
    assert set(column(data).categories) >= {f"plate {n}" for n in range(100)}
    assert "the 1000 most frequent of 1100" in data.remarks[1]
    assert data.train.tensors()[0][:, :1000].sum(1).min() == 0


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        (
            ["1", "2", "x", "4"],
            {},
            r"row 4, column 1 \('x'\): expected a number, got 'x'.* Where they are categories, pass",
        ),
        (
            ["1,234", "2,345", "3,456"],
            {"separator": ";"},
            "may hold a decimal comma or a mark between thousands",
        ),
        (
            ['"1,234"', '"2,345"', "a"],
            {},
            "got '1,234'. Write it without the comma, or use decimal=',' or thousands=','",
        ),
        (["2024-01-05", "2024-02-06", "soon"], {}, "expected a date such as 2025-03-31, got 'soon'"),
        (["25/1/2024", "1/25/2024"], {}, "'25/1/2024' has the day first, and '1/25/2024' the month"),
        (["2024-13-05", "2024-01-06"], {}, "expected a date such as 2025-03-31, got '2024-13-05'"),
        (["a", "b"], {"columns": {"x": "number"}}, "expected a number, got 'a'"),
        (["a", "b"], {"columns": {"x": "boolean"}}, "expected true or false, yes or no, 1 or 0, got 'a'"),
        (["a", "b"], {"columns": {"x": "date"}}, "expected a date such as 2025-03-31, got 'a'"),
        (
            ["a", "b"],
            {"columns": {"x": "categorial"}},
            r"expected one of number.*Did you mean 'categorical'\?",
        ),
        (["a", "b"], {"columns": {"x": 3}}, r"columns=\{'x': 3\}: expected one of number"),
        (["a", "b"], {"columns": {"xx": "ignore"}}, "expected a column 'xx', got the columns x, n, label"),
        (["a", "b"], {"columns": {9: "ignore"}}, "expected a column from 0 to 2, got 9"),
        (["a", "b"], {"columns": {"label": "ignore"}}, "expected a column of inputs, got the label"),
        (["a", "b"], {"columns": ["x"]}, r"columns=\['x'\]: expected a dict of columns"),
        (["a", "b"], {"columns": {"x": "ignore", "n": "ignore"}}, "no column is left for the inputs"),
        (["", ""], {"columns": {"n": "ignore"}}, "no column is left.*no value in any row"),
        (
            ["a", "b"],
            {"label": "lable"},
            r"expected a column 'lable', got the columns x, n, label. Did you mean 'label'\?",
        ),
        (["1e39", ""], {}, "expected a finite number"),
    ],
)
def test_tables_that_leave_doubt_are_refused(load, cells, options, message):
    with pytest.raises(DataError, match=message):
        load(cells, **options)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_texts_in_any_encoding(load, encoding):
    cells = ["北京", "上海", "北京", "", "上海"]
    assert set(column(load(cells, encoding=encoding)).categories) == {"北京", "上海", ""}


def test_marks_of_gaps_that_the_user_names_leave_decimal_commas_numbers(load):
    data = load(["1,5", "gone", "2,25", "3"], separator=";", missing=["gone"])
    assert column(data).kind == "number"
    assert data.train.tensors()[0][:, 0].isnan().sum() == 1


def test_numbers_that_float32_cannot_hold_are_named_where_nothing_is_scaled(load):
    cells = ["", *(str(1_700_000_000 + number) for number in range(9))]
    with pytest.warns(UserWarning, match=r"column 1 \('x'\) holds numbers whose differences float32"):
        load(cells, standardize=False, columns={"n": "categorical"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(cells)
        load(["a", "", "b", "a"], standardize=False)


def test_thousands_and_gaps(load):
    data = load(['"1,234"', "", "5"], thousands=",")
    assert column(data).kind == "number"
    assert data.train.tensors()[0][0, 0] == 1234


def test_names_that_occur_twice_are_no_names(tmp_path):
    (tmp_path / "a.csv").write_text("a,a,label\n1,x,0\n,y,1\n3,x,0\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="several columns are named 'a', so the columns have no names"):
        data = load_table(tmp_path / "a.csv", "cls")
    assert (data.features, [spec.name for spec in data.preparation.columns]) == ((), ["", ""])
    with pytest.raises(DataError, match="expected one column 'a', got 2"):
        load_table(tmp_path / "a.csv", "cls", TableOptions(columns={"a": "ignore"}))


def test_a_file_without_a_heading(tmp_path):
    (tmp_path / "a.csv").write_text("1,x,0\n,y,1\n3,x,0\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="no header found"):
        data = load_table(tmp_path / "a.csv", "cls", TableOptions(columns={0: "categorical"}))
    assert [spec.kind for spec in data.preparation.columns] == ["categorical", "categorical"]
    assert data.remarks[1].startswith("  column 1  categorical")

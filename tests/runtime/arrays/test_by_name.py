"""Columns by name wherever a model takes rows: files, frames, structured arrays, dicts and named tuples."""

from __future__ import annotations

import collections
from dataclasses import replace

import numpy as np
import pytest
from onnxnn_runtime import InputError
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.inputs.rows import in_order, row_in_order
from onnxnn_runtime.tables.reader import read_table
from support.frames import Frame

ROWS = np.array([[1.5, 2.0], [0.25, -3.0], [4.0, 0.5]], np.float32)
"""length, 宽"""

Row = collections.namedtuple("Row", "宽 length")


def swapped(names=("宽", "length"), more=()):
    columns = dict(zip(names, (ROWS[:, 1], ROWS[:, 0])))
    columns.update({name: np.arange(3) * 10.0 for name in more})
    return columns


def structured(columns):
    array = np.zeros(3, [(name, "f4") for name in columns])
    for name, values in columns.items():
        array[name] = values
    return array


def rows_of(columns):
    return [dict(zip(columns, map(float, row))) for row in zip(*columns.values())]


FORMS = {"frame": Frame, "structured": structured, "columns": dict, "dicts": rows_of}


@pytest.fixture
def model(open_model):
    return open_model("table")


@pytest.fixture
def expected(model):
    return model.infer(ROWS)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("names", [("宽", "length"), ("宽", "LENGTH"), (" 宽", "Length ")])
@pytest.mark.parametrize("more", [(), ("id", "label")])
def test_tables_with_names(model, expected, form, names, more):
    table = form(swapped(names, more))
    np.testing.assert_array_equal(model.infer(table), expected)
    np.testing.assert_array_equal([each.scores for each in model.predict(table)], expected)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_tables_without_the_columns(model, form):
    table = form(swapped(("宽", "height"), ("id",)))
    for run in (model.predict, model.infer):
        with pytest.raises(InputError, match="missing: 'length'; additional: 'height', 'id'; expected"):
            run(table)


@pytest.mark.parametrize(
    "row", [{"宽": 2.0, "length": 1.5}, Row(2.0, 1.5), structured(swapped())[0], {"LENGTH": 1.5, "宽": 2.0}],
    ids=["dict", "named tuple", "record", "other case"],
)  # fmt: skip
def test_single_rows_with_names(model, expected, row):
    np.testing.assert_array_equal(model.infer(row), expected[:1])
    np.testing.assert_array_equal(model.predict(row)[0].scores, expected[0])
    np.testing.assert_array_equal(model.predict([row, row])[1].scores, expected[0])


def test_a_list_of_rows_leaves_a_broken_one_out(model):
    with pytest.warns(UserWarning, match=r"1 input was left out: input\[1\]"):
        found = model.predict([{"宽": 2.0, "length": 1.5}, {"宽": 1.0}, Row(1, 2)], errors="skip")
    assert [each.name for each in found] == ["input[0]", "input[2]"]
    assert "missing: 'length'" in found.skipped[0].reason


@pytest.mark.parametrize(
    "heading",
    ["宽,length", "label,宽,length", ",宽,LENGTH", "宽,x,length,y", "宽,length,label"],
)
def test_files_with_names(model, expected, tmp_path, heading):
    path = tmp_path / "a.csv"
    known = {"宽": ROWS[:, 1], "length": ROWS[:, 0], "LENGTH": ROWS[:, 0]}
    columns = [known.get(name, np.arange(3.0)) for name in heading.split(",")]
    rows = "".join(",".join(map(str, row)) + "\n" for row in zip(*columns))
    path.write_text(f"{heading}\n{rows}", encoding="utf-8")
    np.testing.assert_array_equal([each.scores for each in model.predict(path)], expected)


def test_a_file_with_other_names_is_not_read_by_position(model, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("width,height\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.csv: columns are missing: 'length', '宽'; additional: 'width'"):
        model.predict(path)


def test_tables_without_names_are_read_by_position(model, expected, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{a},{b}\n" for a, b in ROWS), encoding="utf-8")
    for table in (path, Frame({0: ROWS[:, 0], 1: ROWS[:, 1]}), ROWS.tolist()):
        np.testing.assert_array_equal([each.scores for each in model.predict(table)], expected)


@pytest.mark.parametrize("label", [False, True])
def test_files_whose_heading_only_counts_are_read_by_position(model, expected, tmp_path, label):
    path = tmp_path / "a.csv"
    table = np.column_stack([ROWS, [0, 1, 0]]) if label else ROWS
    rows = [",".join(map(str, range(table.shape[1]))), *(",".join(map(str, row)) for row in table)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="taken as the heading"):
        np.testing.assert_array_equal([each.scores for each in model.predict(path)], expected)


def test_a_column_that_may_be_an_index_is_mentioned(model, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("0,1.5,2.5\n1,3.5,0.25\n2,4.5,1.75\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="column 1 counts the rows and is taken as an input"):
        assert len(model.predict(path)) == 3


def test_a_dict_of_graph_inputs_stays_one(model, expected):
    np.testing.assert_array_equal(model.infer({"input": ROWS})["output"], expected)
    np.testing.assert_array_equal(model.infer({"input": Frame(swapped())})["output"], expected)


def test_a_file_that_needs_options_is_read_first(model, expected, tmp_path):
    path = tmp_path / "a.csv"
    rows = "".join(f"x;{b:.3f};{a:.3f}\n".replace(".", ",") for a, b in ROWS)
    path.write_text("name;宽;length\n" + rows, encoding="gb18030")
    table = read_table(path, decimal=",", encoding="gb18030")
    np.testing.assert_array_equal([each.scores for each in model.predict(table)], expected)
    np.testing.assert_array_equal(model.infer(table), expected)
    path.write_text("1,500;2,000\n0,250;-3,000\n4,000;0,500\n", encoding="utf-8")
    np.testing.assert_array_equal(model.infer(read_table(path, decimal=",")), expected)


def without_names(open_model):
    card = open_model("table").card
    return open_model("table", card=replace(card, input=replace(card.input, features=())))


def numbered(order, row):
    return {key: float(row[int(key)]) for key in order}


@pytest.mark.parametrize("order", [(0, 1), (1, 0), ("0", "1"), ("1", "0"), (np.int64(1), np.int64(0))])
@pytest.mark.parametrize("form", ["row", "rows", "columns", "mixed rows"])
def test_the_numbers_of_columns_are_keys_of_a_dict(open_model, order, form):
    unnamed = without_names(open_model)
    table = {
        "row": numbered(order, ROWS[0]),
        "rows": [numbered(order, row) for row in ROWS],
        "columns": {key: ROWS[:, int(key)] for key in order},
        "mixed rows": [numbered(order[:: 1 if number else -1], row) for number, row in enumerate(ROWS)],
    }[form]
    expected = unnamed.infer(ROWS)[: 1 if form == "row" else 3]
    np.testing.assert_array_equal(unnamed.infer(table), expected)
    np.testing.assert_array_equal([each.scores for each in unnamed.predict(table)], expected)


def test_numbers_of_columns_with_a_label(open_model):
    unnamed = without_names(open_model)
    with pytest.warns(UserWarning, match="the columns '2', '1', '0' are taken by their numbers"):
        found = unnamed.predict(Frame({2: [0, 1, 0], 1: ROWS[:, 1], 0: ROWS[:, 0]}))
    np.testing.assert_array_equal([each.scores for each in found], unnamed.infer(ROWS))


def test_numbers_of_columns_are_a_sample_of_any_length():
    spec = InputSpec("tokens", ("batch", "time"))
    assert in_order({2: [1, 2], 0: [0, 1], 1: [2, 0]}, spec, "input").tolist() == [[0, 2, 1], [1, 0, 2]]
    assert row_in_order({2: 1, 0: 0, 1: 2}, spec, "input").tolist() == [0, 2, 1]


@pytest.mark.parametrize("row", [{"a": 1.5, "b": 2.0}, {1: 1.5, 2: 2.0}, {0: 1.5, "b": 2.0}])
def test_dicts_of_other_keys_are_refused_by_a_network_without_names(open_model, row):
    unnamed = without_names(open_model)
    for run in (unnamed.predict, unnamed.infer):
        for given in (row, [row]):
            with pytest.raises(InputError, match=r"expected (a list of numbers|arrays for input)"):
                run(given)


def test_the_encoding_of_a_file_is_mentioned(model, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("pétale,x\n1,2\n".encode("latin-1"))
    with pytest.warns(UserWarning, match="is read as cp1252"), pytest.raises(InputError, match="missing"):
        model.predict(path)


def test_pandas(model, expected):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({**swapped(), "name": ["a", "b", "c"]}, index=[5, 3, 4])
    np.testing.assert_array_equal(model.infer(frame), expected)
    np.testing.assert_array_equal([each.scores for each in model.predict(frame)], expected)
    np.testing.assert_array_equal(model.predict(frame[["宽", "length"]].iloc[1])[0].scores, expected[1])


def test_records_of_arrays_and_of_hidden_values(model):
    columns = swapped()
    arrays = np.zeros(3, [("宽", "f4", (2,)), ("length", "f4")])
    hidden = np.ma.masked_array(structured(columns), [(False, False), (True, False), (False, False)])
    plain = np.ma.masked_array(structured(columns))
    for run in (model.predict, model.infer):
        with pytest.raises(InputError, match=r"column '宽': expected one value in each record, got \(2,\)"):
            run(arrays)
        with pytest.raises(InputError, match="a masked array that hides 1 of 3"):
            run(hidden)
    np.testing.assert_array_equal(model.infer(plain), model.infer(ROWS))
    np.testing.assert_array_equal([each.scores for each in model.predict(plain)], model.infer(ROWS))


@pytest.mark.parametrize("kinds", ["f4", "U2"])
@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (), (2, 2, 2)])
def test_records_that_are_no_list(open_model, tmp_path, shape, kinds):
    records = np.zeros(shape, [("a", "f4"), ("b", kinds)])
    np.save(str(tmp_path / "a.npy"), records)
    for given in (records, tmp_path / "a.npy"):
        with pytest.raises(
            InputError, match=r"columns 'a', 'b': expected the shape .*Write array.reshape\(-1\)"
        ):
            open_model("table").predict(given)

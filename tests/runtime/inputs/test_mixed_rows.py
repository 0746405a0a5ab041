"""Rows of texts, dates and gaps, in every form, for a model whose card says what becomes of each column.

mixed.onnx returns its row of 7 numbers with 5 for gaps, and whether `size` was one; see make_models.py.
"""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.tables.reader import read_table

ROW = {"size": 3.5, "town": "上海", "built": "2025-03-04", "garden": True}
NUMBERS = [3.5, 0, 1, 0, 2025, 1, 1, 0]
GAPS = [5, 0, 0, 1, 5, 5, 5, 1]


@pytest.fixture
def model(open_model):
    return open_model("mixed")


def found(results):
    return [result.scores.tolist() for result in results]


@pytest.mark.parametrize(
    "given",
    [
        ROW,
        {"garden": "yes", "built": datetime.date(2025, 3, 4), "town": "上海", "size": "3.5", "plate": "AB 1"},
        [3.5, "上海", "2025-03-04", "true"],
        [3.5, "上海", "AB 1", "2025-03-04", 1],
        (3.5, "上海", np.datetime64("2025-03-04"), 1),
        np.array([3.5, "上海", "2025/3/4", "是"], object),
        np.array(["3.5", "上海", "2025/3/4", "是"]),
        [3.5, 0, 1, 0, 2025, 1, 1],
        np.array([3.5, 0, 1, 0, 2025, 1, 1]),
    ],
)
def test_one_row(model, given):
    assert found(model.predict(given)) == [NUMBERS]
    assert found(model.predict([given])) == [NUMBERS]
    np.testing.assert_array_equal(model.infer([given]), [NUMBERS])


def test_many_rows(model):
    gaps = dict.fromkeys(ROW)
    columns = {key: [ROW[key], None] for key in ROW}
    records = np.array(
        [(3.5, "上海", "2025-03-04", True)],
        [("size", "f8"), ("town", "U9"), ("built", "U10"), ("garden", "?")],
    )
    lists = [list(ROW.values()), [None] * 4]
    nanoseconds = {**columns, "built": np.array(["2025-03-04", "NaT"], "datetime64[ns]")}
    assert found(model.predict(nanoseconds)) == [NUMBERS, GAPS]
    for given in (
        [ROW, gaps],
        columns,
        lists,
        np.array(lists, object),
        iter(lists),
        tuple(map(tuple, lists)),
    ):
        results = model.predict(given)
        assert found(results) == [NUMBERS, GAPS]
    for given in ([ROW, gaps], columns, lists):
        np.testing.assert_array_equal(model.infer(given), [NUMBERS, GAPS])
    assert found(model.predict(records)) == [NUMBERS]
    nan = np.nan
    ready = np.array([[3.5, 0, 1, 0, 2025, 1, 1], [nan, 0, 0, 1, nan, nan, nan]], np.float32)
    assert found(model.predict(ready)) == [NUMBERS, GAPS]
    np.testing.assert_array_equal(model.infer(ready), [NUMBERS, GAPS])


def test_a_data_frame(model):
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    frame = pandas.DataFrame([ROW, dict.fromkeys(ROW)])
    frame["built"] = pandas.to_datetime(frame["built"])
    assert found(model.predict(frame)) == [NUMBERS, GAPS]
    assert found(model.predict(frame.iloc[0])) == [NUMBERS]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
@pytest.mark.parametrize(
    "text",
    [
        "size,town,built,garden\n3.5,上海,2025-03-04,yes\n,?,,\n",
        "label,garden,town,extra,Size,built\n1,yes,上海,x,3.5,2025-03-04\n1,,NA,x,,\n",
        "size;town;built;garden\n3,5;上海;4.3.2025;是\n;;;\n-;;;\n",
    ],
)
def test_a_file(model, tmp_path, text, encoding):
    path = tmp_path / "表.csv"
    path.write_bytes(text.encode(encoding))
    assert found(model.predict(str(path)))[:2] == [NUMBERS, GAPS]
    assert found(model.predict(read_table(path)))[:2] == [NUMBERS, GAPS]
    assert model.predict(path)[0].name == f"{path}:2"


def test_a_town_that_was_not_there_in_training_is_none_of_those_known(model):
    assert found(model.predict({**ROW, "town": "Rome"}))[0][1:4] == [0, 0, 0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"size": 1, "town": "Oslo", "built": None},
            r"columns are missing: 'garden'; expected size, town, built, garden",
        ),
        ({**ROW, "jardin": 1, "garden ": 0}, None),
        ([1, "Oslo"], r"expected 4 columns \(size, town, built, garden\), or one more .* got 2"),
        ([{"size": 1}], "columns are missing: 'town', 'built', 'garden'"),
        ({**ROW, "size": "large"}, r"input\[0\]: column 'size': expected a number, got 'large'"),
        ([ROW, {**ROW, "garden": "maybe"}], "column 'garden' in row 1: expected true or false"),
        ({**ROW, "built": "soon"}, "column 'built': expected a date such as 2025-03-31, got 'soon'"),
        ([[1, "Oslo", "soon", True]], r"column 'built': expected a date"),
        ([float("inf"), "Oslo", None, None], "column 'size': expected a number, got inf"),
        ([1e39, "Oslo", None, None], "at most 3.4e"),
        ([[]], "expected"),
        (np.zeros((2, 3)), "expected 4 columns"),
    ],
)
def test_rows_that_do_not_match_are_refused(model, given, message):
    if message is None:
        assert model.predict(given)
        return
    with pytest.raises(InputError, match=message):
        model.predict(given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size,town,built\n1,Oslo,2025-03-04\n", "columns are missing: 'garden'; expected"),
        ("size,city,built,garden\n1,Oslo,,\n", "columns are missing: 'town'; additional: 'city'"),
        (
            "size,town,built,garden\n1,Oslo,,\nbig,Oslo,,\n",
            r"row 3, column 1 \('size'\): expected a number, got 'big'",
        ),
        ("size,town,built,garden\n1,Oslo,,\n2,Oslo,soon,\n", r"row 3, column 3 \('built'\): expected a date"),
        ("size,town,town,built,garden\n1,Oslo,Oslo,,\n", "expected one column 'town', got 2"),
    ],
)
def test_a_file_whose_columns_changed_is_refused(model, tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        model.predict(path)
    if "row 3" in message:
        with pytest.warns(UserWarning, match="expected a"):
            assert model.predict([str(path)], errors="skip") == []


@pytest.mark.parametrize("label", ["", ",9"])
def test_a_file_without_names_has_all_columns_or_those_in_use(model, tmp_path, label):
    path = tmp_path / "rows.csv"
    path.write_text(f"3.5,上海,AB 1,2025-03-04,true{label}\n", encoding="utf-8")
    if label:
        assert found(model.predict(path)) == [NUMBERS]
    else:  # these may be those in use and the label, too
        with pytest.raises(InputError, match=r"rows\.csv: expected the names of the columns: 5 columns"):
            model.predict(path)
    path.write_text("3.5,上海,2025-03-04,true\n", encoding="utf-8")
    assert found(model.predict(path)) == [NUMBERS]

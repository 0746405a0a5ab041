"""Labels that are missing in arrays, lists and DataFrames, and what frames hold that is no number."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import DataError, InputError
from support.frames import Frame

from onnxnn import nn

X = np.arange(12.0).reshape(6, 2)


class NAType:
    """As pandas' missing value is: it has no truth value."""

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


class Index(list):
    def equals(self, other):
        return list(self) == list(other)


class Indexed(np.ndarray):
    """Values with an index, as a Series has one."""


def indexed(values, index):
    array = np.asarray(values).view(Indexed)
    array.index = Index(index)
    return array


MISSING = {
    "NaN among texts": ["a", "b", float("nan"), "a", "b", float("nan")],
    "None": ["a", "b", None, "a", "b", None],
    "NA": np.array(["a", "b", NAType(), "a", "b", NAType()], object),
    "NaN of objects": np.array(["a", "b", np.nan, "a", "b", np.nan], object),
    "text of NaN": np.array(["a", "b", np.nan, "a", "b", np.nan]),
    "empty": ["a", "b", "", "a", "b", " "],
    "marks": np.array(["a", "b", "n/a", "a", "b", "#DIV/0!"]),
    "signs": np.array(["a", "b", "-", "a", "b", "?"]),
    "texts of None": np.array(["a", "b", "None", "a", "b", "null"]),
    "texts of NaT": np.array(["a", "b", "NaT", "a", "b", "."], object),
    "NA among integers": np.array([0, 1, NAType(), 0, 1, NAType()], object),
}


@pytest.mark.parametrize("form", MISSING)
def test_missing_labels_are_no_class(form):
    with pytest.raises(DataError, match=r"y: .* for 2 entries: 2, 5\. Fill in"):
        nn("cls", verbose=0).load_dataset(X, MISSING[form])


@pytest.mark.parametrize("form", ["marks", "signs"])
def test_missing_labels_in_files_are_no_class(tmp_path, form):
    np.savez(tmp_path / "a.npz", data=X, label=np.array(MISSING[form]))
    with pytest.raises(DataError, match=r"for 2 entries: 2, 5"):
        nn("cls", verbose=0).load_npz_data(tmp_path / "a.npz")


@pytest.mark.parametrize("signs", ["+-", "-.", "?!"])
def test_signs_alone_are_classes(signs):
    assert nn("cls", verbose=0).load_dataset(X, list(signs) * 3).preparation.classes == tuple(sorted(signs))


@pytest.mark.parametrize("word", ["none", "None", "nan", "NA", "null", "?", "-"])
def test_words_in_a_list_are_classes(word):
    y = [word, "mild"] * 3
    for given in (y, tuple(y), [[each] for each in y]):
        batches = nn("cls", verbose=0).load_dataset(X, given)
        assert batches.preparation.classes == tuple(sorted([word, "mild"]))


@pytest.mark.parametrize("dtype", [str, object])
def test_none_in_lower_case_is_a_class_in_arrays(dtype):
    y = np.array(["none", "mild"] * 3, dtype)
    assert nn("cls", verbose=0).load_dataset(X, y).preparation.classes == ("mild", "none")


def test_one_missing_label():
    with pytest.raises(DataError, match=r"y: expected a label for each sample, got None for entry 1"):
        nn("cls", verbose=0).load_dataset(X[:2], ["a", None])


def test_a_class_may_be_called_so_where_classes_are_named(tmp_path):
    model = nn("cls", verbose=0)
    y = np.array(["a", "nan"] * 3)
    model.load_dataset(X, y, classes=["a", "nan"])
    model.add("linear", size=(2, 2), activation="softmax")
    model.train(epochs=1, save_fold=str(tmp_path))
    assert "acc" in model.evaluate((X, y), metrics=["acc"])


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (["x", "y", "z"], "'x' in row 0"),
        (np.array([1, NAType(), 3], object), "in row 1"),
        (np.array([1, None, 3], object), "None in row 1"),
        (np.array(["2020-01-01"] * 3, "datetime64[s]"), "in row 0"),
    ],
)
def test_what_is_no_number_is_named_with_its_column(tmp_path, column, shown):
    columns = {"a": np.arange(3.0), "when": np.asarray(column)}
    with pytest.raises(
        DataError, match=rf"expected an array of numbers, got type .*: column 'when' holds .*{shown}"
    ):
        nn("cls", verbose=0).load_dataset(Frame(columns), [0, 1, 0])
    model = nn("cls", verbose=0)
    model.load_dataset(Frame({"a": columns["a"], "when": columns["a"]}), [0, 1, 0])
    model.add("linear", size=(2, 2), activation="softmax")
    model.train(epochs=1, save_fold=str(tmp_path))
    with pytest.raises(InputError, match=r"expected numbers, but column 'when' holds"):
        model.inference(Frame(columns))


def test_names_that_stand_twice_are_none():
    frame = Frame({"a": X[:, 0], "b": X[:, 1]})
    frame.columns = ["a", "a"]
    with pytest.warns(UserWarning, match="x: several columns are named 'a', so the columns have no names"):
        batches = nn("cls", verbose=0).load_dataset(frame, [0, 1] * 3)
    assert batches.preparation.features == ()


def test_an_index_in_another_order_is_mentioned():
    y = [0, 1] * 3
    with pytest.warns(UserWarning, match=r"same index in another order.*y\.loc\[x\.index\]"):
        nn("cls", verbose=0).load_dataset(indexed(X, range(6)), indexed(y, [1, 0, 2, 3, 4, 5]))
    for index in (range(6), range(6, 12)):
        nn("cls", verbose=0).load_dataset(indexed(X, range(6)), indexed(y, index))


HIDDEN = np.ma.masked_array(X[:, 0], X[:, 0] > 5)
RECORDS = np.ma.masked_array(
    np.zeros(6, [("a", float), ("b", float)]), mask=[(row == 3, False) for row in range(6)]
)


@pytest.mark.parametrize("x", [{"a": HIDDEN, "b": X[:, 1]}, RECORDS])
def test_columns_that_hide_values_are_refused(x):
    with pytest.raises(DataError, match=r"a masked array that hides \d of 6, the first at \[3\]"):
        nn("cls", verbose=0).load_dataset(x, [0, 1] * 3)


def test_columns_may_have_masks_that_hide_nothing_and_gradients():
    columns = {"a": np.ma.masked_array(X[:, 0]), "b": torch.tensor(X[:, 1], requires_grad=True)}
    data = nn("cls", verbose=0).load_dataset(columns, [0, 1] * 3, shuffle=False)
    np.testing.assert_array_equal(data.tensors()[0], X)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("kind", r"y='kind': expected a list or an array .* such as frame\['label'\]"),
        ({0: "a", 1: "b"}, r"y=\{0: 'a', 1: 'b'\}: expected a list or an array with one entry"),
        ({"a"}, r"y=\{'a'\}: expected a list or an array"),
        (np.array(["2020-01-01"] * 6, "datetime64[s]"), r"expected numbers or texts, .* y\.astype\(str\)"),
        ([2**70, 1] * 3, "expected classes, integers or names"),
    ],
)
def test_what_is_no_list_of_labels(labels, message):
    with pytest.raises(DataError, match=message):
        nn("cls", verbose=0).load_dataset(X, labels)


@pytest.mark.parametrize("labels", [["yes", "Yes", "no"], ["cat", " cat", "dog"], ["\u00e9", "e\u0301", "b"]])
def test_classes_that_look_alike_are_mentioned(labels):
    with pytest.warns(UserWarning, match="are different classes, though they differ only in case, blanks or"):
        data = nn("cls", verbose=0).load_dataset(X, labels * 2)
    assert len(data.preparation.classes) == 3

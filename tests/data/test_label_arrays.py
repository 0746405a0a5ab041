"""Labels in arrays: what forms mean the same, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime.errors import DataError

from onnxnn.data import from_arrays
from onnxnn.data.class_names import class_names
from onnxnn.data.label_mapping import LabelMapping
from onnxnn.data.labels import class_numbers, targets
from onnxnn.data.options import ArrayOptions

# ---- labels ------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_every_form_of_labels_means_the_same(numbers):
    numbers = [0, *numbers]
    count = max(numbers) + 1
    array = np.array(numbers)
    forms = [
        numbers,
        torch.tensor(numbers),
        array[:, None],
        np.eye(count)[array],
        np.eye(count, dtype=np.int8)[array].tolist(),
        *(array.astype(kind) for kind in ("uint8", "int16", "int32", "uint64", "float32", "float64")),
    ]
    if count == 1:
        forms = [form for form in forms if np.ndim(form) == 1]
    for form in forms:
        found, names = class_numbers(form)
        assert found.dtype == torch.int64
        assert found.tolist() == numbers
        assert names == tuple(map(str, range(count)))


@pytest.mark.parametrize("form", [list, np.array, lambda y: np.array(y, object), torch.tensor])
def test_bools_are_called_as_in_tables(form):
    found, names = class_numbers(form([True, False, True]))
    assert (found.tolist(), names) == ([1, 0, 1], ("False", "True"))
    assert class_numbers(form([True, False, True]), ["no", "yes"])[1] == ("no", "yes")


@pytest.mark.parametrize("learned", [[False, True], ["false", "true"], [0, 1], ["TRUE", "FALSE"]])
@pytest.mark.parametrize("given", [[False, True], ["false", "true"], [0, 1], ["True", "False"]])
def test_bools_are_the_same_classes_however_they_are_written(learned, given):
    def mapping(y):
        return LabelMapping(class_numbers(y)[1])

    own = mapping(given)
    ids = mapping(learned).ids_of(own)
    assert ids is None or ids.tolist() == [0, 1]


def test_texts_are_numbered_in_sorted_order():
    found, names = class_numbers(["dog", "cat", "dog"])
    assert (found.tolist(), names) == ([1, 0, 1], ("cat", "dog"))
    assert class_numbers(np.array(["a", "b"], dtype=object))[1] == ("a", "b")


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 1 has no StringDType")
def test_texts_of_any_length_in_one_array_are_texts():
    texts = np.array(["猫", "a dog"] * 3, np.dtypes.StringDType())
    ids, names = class_numbers(texts, None, "y")
    assert (ids.tolist(), names) == ([1, 0] * 3, ("a dog", "猫"))
    missing = np.array(["a", None, "b"], np.dtypes.StringDType(na_object=None))
    with pytest.raises(DataError, match="expected a label for each sample, got None for entry 1"):
        class_numbers(missing, None, "y")


def test_columns_of_a_mixed_table_are_numbers():
    """As df.values gives them where one column is text."""
    table = np.array([[1, 0.5, "cat", 1], [2, 1.5, "dog", 0], [3, 2.5, "cat", 1]], dtype=object)
    data = from_arrays(table[:, :2], table[:, 2], "cls", ArrayOptions(shuffle=False))
    assert data.classes == ("cat", "dog")
    assert data.train.tensors()[0].tolist() == [[1, 0.5], [2, 1.5], [3, 2.5]]
    assert class_numbers(table[:, 3])[0].tolist() == [1, 0, 1]
    assert targets(table[:, 1]).tolist() == [[0.5], [1.5], [2.5]]


@pytest.mark.parametrize(
    "classes", [["dog", "cat"], {"dog": 0, "cat": 1}, {1: "cat", 0: "dog"}, np.array(["dog", "cat"])]
)
def test_names_in_every_form(classes):
    assert class_names(classes) == ("dog", "cat")
    assert class_numbers(["cat", "dog"], classes)[0].tolist() == [1, 0]
    assert class_numbers([1, 0], classes)[0].tolist() == [1, 0]


def test_a_class_without_samples():
    assert class_numbers([0, 2])[1] == ("0", "1", "2")
    assert class_numbers([0, 1], ["a", "b", "c"])[1] == ("a", "b", "c")


@pytest.mark.parametrize("labels", [[1, 2, 3], [-1, 1], [10.0, 20.0]])
def test_numbers_that_do_not_count_from_zero(labels):
    with pytest.warns(UserWarning, match="do not count from 0"):
        found, names = class_numbers(labels)
    assert found.tolist() == list(range(len(labels)))
    assert names == tuple(str(int(label)) for label in labels)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0.5, 1], None, r"expected classes, integers or names, got 0\.5\. .*nn\('reg'\)"),
        ([0, float("nan")], None, r"labels\[1\]: expected a finite number, got nan"),
        ([[0, 1], [1, 1]], None, r"rows with a single 1, got \[1, 1\] in row 1"),
        ([[[0]]], None, r"expected one label per sample .*, got shape \(1, 1, 1\)"),
        ([], None, "expected one entry for each sample, got none"),
        ([[0, 1], [1]], None, "expected rows of one length"),
        ([0, None], None, "got None for entry 1"),
        ([0, 1], [None, "a"], "expected a text for each class, got None"),
        (np.array([0, "a"], dtype=object), None, "a mixture of types"),
        ([0, 3], ["a", "b"], r"expected class indices 0\.\.1 for the named classes \(a, b\), got 0\.\.3"),
        ([-1, 0], ["a", "b"], r"got -1\.\.0"),
        (["a", "x"], ["a", "b"], "expected one of the classes 'a', 'b', got 'x'"),
        (np.eye(3), ["a", "b"], "expected 2 columns of one-hot labels, one for each named class, got 3"),
        (np.arange(1, 30000), None, "29999 different numbers"),
        (np.array([1j]), None, "expected numbers or texts"),
    ],
)
def test_labels_that_do_not_fit(labels, classes, message):
    with pytest.raises(DataError, match=message):
        class_numbers(labels, classes)


def test_targets_are_columns():
    assert targets([1, 2]).tolist() == [[1.0], [2.0]]
    assert targets(np.ones((3, 1))).shape == (3, 1)
    assert targets(torch.ones(3, 2, dtype=torch.float64)).dtype == torch.float32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a"], "expected numbers for regression"),
        ([1.0, float("inf")], r"y\[1\]: expected a finite number, got inf; not finite: 1 of 2"),
        ([[1e39]], r"y\[0, 0\]: expected a finite number, got 1e\+39"),
    ],
)
def test_targets_that_do_not_fit(values, message):
    with pytest.raises(DataError, match=message):
        targets(values)

"""What may be given as the names of classes."""

from __future__ import annotations

import time

import pytest
from onnxnn_runtime.errors import DataError

from onnxnn.data.labels import class_names


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("cat", "must be a list of names"),
        (3, "must be a list of names"),
        ([], "classes is empty"),
        (["a", "a"], "'a' stands more than once"),
        ({"a": 0, "b": 2}, "the numbers must be 0 to 1"),
        ({"a": 0, "b": 0}, "the numbers must be 0 to 1"),
        ({"a": "b"}, "must map names to numbers"),
        ({"a", "b"}, "a set has no order"),
        (frozenset("ab"), "a set has no order"),
        ([["a"], "b"], r"\['a'\] is no name"),
        ({0: ["a"], 1: "b"}, r"\['a'\] is no name"),
        ({0: None, 1: "b"}, "None is no name"),
    ],
)
def test_classes_that_do_not_fit(classes, message):
    with pytest.raises(DataError, match=message):
        class_names(classes)


@pytest.mark.parametrize("names", [["x"] * 40_000, [f"x{i}" for i in range(20_000)] * 2], ids=["one", "all"])
def test_many_names_that_stand_twice_are_refused_at_once_in_a_short_message(names):
    start = time.process_time()
    with pytest.raises(DataError, match=r"'x.* stands more than once") as error:
        class_names(names)
    assert len(str(error.value)) < 300
    assert time.process_time() - start < 3

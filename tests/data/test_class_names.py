"""What may be given as the names of classes."""

from __future__ import annotations

import time

import pytest
from onnxnn_runtime.errors import DataError

from onnxnn.data.class_names import class_names


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("cat", "expected a list of names"),
        (3, "expected a list of names"),
        ([], "classes: expected a name for each class, got none"),
        (["a", "a"], "expected each name once, got 'a' more than once"),
        ({"a": 0, "b": 2}, "expected the class indices 0 to 1"),
        ({"a": 0, "b": 0}, "expected the class indices 0 to 1"),
        ({"a": "b"}, "or {index: name} with integers"),
        ({"a", "b"}, "expected names in order, got a set"),
        (frozenset("ab"), "expected names in order, got a set"),
        ([["a"], "b"], r"expected a text for each class, got \['a'\]"),
        ({0: ["a"], 1: "b"}, r"expected a text for each class, got \['a'\]"),
        ({0: None, 1: "b"}, "expected a text for each class, got None"),
    ],
)
def test_classes_that_do_not_fit(classes, message):
    with pytest.raises(DataError, match=message):
        class_names(classes)


@pytest.mark.parametrize("names", [["x"] * 40_000, [f"x{i}" for i in range(20_000)] * 2], ids=["one", "all"])
def test_many_names_that_stand_twice_are_refused_at_once_in_a_short_message(names):
    start = time.process_time()
    with pytest.raises(DataError, match=r"got 'x.* more than once") as error:
        class_names(names)
    assert len(str(error.value)) < 300
    assert time.process_time() - start < 3

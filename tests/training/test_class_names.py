"""What may be given as the names of classes."""

from __future__ import annotations

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
    ],
)
def test_classes_that_do_not_fit(classes, message):
    with pytest.raises(DataError, match=message):
        class_names(classes)

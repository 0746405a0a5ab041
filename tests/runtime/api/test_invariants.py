"""What the lines before made sure of."""

from __future__ import annotations

import pytest
from onnxnn_runtime.api.invariants import instance, present


def test_what_is_there_is_returned():
    assert present(0) == 0
    assert present("") == ""
    assert instance(2, str, int) == 2


def test_what_is_not_there_is_a_mistake_of_ours():
    with pytest.raises(AssertionError):
        present(None)
    with pytest.raises(AssertionError):
        instance("2", int, float)

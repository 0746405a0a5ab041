"""Lists of which NumPy would make an array for hours, or without end, are refused at once."""

from __future__ import annotations

import itertools

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.arrays.conversion import as_array
from onnxnn_runtime.arrays.nesting import MOST_HELD, MOST_LISTED, check_nesting
from support.hostile_values import itself, nested


def rows_of_one_list():
    return [[0.0] * 20_000] * 20_000


@pytest.mark.parametrize(
    "value",
    [itself(1), itself(3), [1, [2, itself(2)]], (itself(1),), nested(5000, 1), nested(40, 2)],
    ids=["once", "three times", "beside numbers", "in a tuple", "5,000 deep", "2**40 values"],
)
def test_lists_in_themselves_and_deep_ones(value):
    for call in (check_nesting, as_array, lambda given: rt.get_similarity(given, [1.0])):
        with pytest.raises(
            rt.InputError, match="more than 32 deep in each other, or one that contains itself"
        ):
            call(value)


@pytest.mark.parametrize("value", [nested(30, 2), rows_of_one_list(), range(10**12)])
def test_more_values_than_lists_are_for(value):
    with pytest.raises(rt.InputError, match=f"at most {MOST_LISTED:,} values"):
        check_nesting(value)


def test_a_view_of_more_values_than_any_machine_reads():
    view = np.broadcast_to(np.float32(0), (10**6, 10**6))
    for call in (check_nesting, as_array, lambda given: rt.get_similarity(given, [1.0])):
        with pytest.raises(
            rt.InputError, match=f"at most {MOST_HELD:,} values in an array, got 1,000,000,000,000"
        ):
            call(view)
    check_nesting(view[:10_000])


@pytest.mark.parametrize(
    "value",
    [[], [[]], [[1, 2], [3, 4]], nested(10, 2), [np.zeros(3), np.ones(3)], ["a", "b"], range(5), [None]],
)
def test_other_lists_pass(value):
    check_nesting(value)


def test_each_list_is_visited_once():
    visited = []

    class Counted(list):
        def __iter__(self):
            visited.append(id(self))
            return super().__iter__()

    value = Counted([1])
    for _ in range(20):
        value = Counted([value, value])
    check_nesting(value)
    assert max(sum(1 for _ in group) for _, group in itertools.groupby(sorted(visited))) <= 4

"""The harness sees what it is there for."""

from __future__ import annotations

import random
import sys

import pytest
from support.fuzzing import fuzz
from support.mutations import mutate_bytes, mutate_data


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does")
def test_each_kind_of_outcome_is_distinguished():
    report = fuzz("support.fuzzing_targets:check", range(10), seconds=2, megabytes=100)
    kinds = {failure.number: failure.kind for failure in report.failures}
    expected = {2: "foreign", 3: "hang", 4: "memory", 5: "died", 6: "message", 7: "message", 8: "foreign"}
    assert kinds == expected, report
    assert report.counts["answer"] == 2
    assert report.counts["ours"] == 1


def test_mutations_are_many_and_the_same_each_time():
    data = {"a": [1, 2, {"b": "text"}], "c": 0.5, "d": None}
    made = [repr(mutate_data(data, random.Random(i))) for i in range(300)]
    assert made == [repr(mutate_data(data, random.Random(i))) for i in range(300)]
    assert len(set(made)) > 100
    assert data == {"a": [1, 2, {"b": "text"}], "c": 0.5, "d": None}
    cut = [mutate_bytes(bytes(range(200)), random.Random(i)) for i in range(300)]
    assert len(set(cut)) > 250

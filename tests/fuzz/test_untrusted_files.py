"""A quick share of hostile checkpoints, recipes and .npz files; a larger one, or the whole, is a slow job."""

from __future__ import annotations

import sys

import pytest
from fuzz.counts import share
from support.fuzzing import fuzz

pytestmark = [
    pytest.mark.needs_torch,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does"),
]


def test_a_share_ends_in_answers_or_in_errors_of_ours():
    report = fuzz("fuzz.untrusted_files:check", range(80))
    assert not report.failures, report


@pytest.mark.slow
@pytest.mark.parametrize("what", ["checkpoints", "recipes", "arrays", "data_files"])
def test_more_of_each_end_in_answers_or_in_errors_of_ours(what):
    numbers = share(what)
    report = fuzz(f"fuzz.{what}:check", numbers)
    assert not report.failures, report
    assert report.counts["answer"] > len(numbers) // 100, report

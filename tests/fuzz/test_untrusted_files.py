"""A quick share of hostile checkpoints, recipes and .npz files; the whole is a slow job."""

from __future__ import annotations

import sys

import pytest
from support.fuzzing import fuzz

pytestmark = [
    pytest.mark.needs_torch,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits memory as Linux does"),
]

WHOLE = {"checkpoints": 5000, "recipes": 3800, "arrays": 1000, "data_files": 2500}


def test_a_share_ends_in_answers_or_in_errors_of_ours():
    report = fuzz("fuzz.untrusted_files:check", range(80))
    assert not report.failures, report


@pytest.mark.slow
@pytest.mark.parametrize("what", WHOLE)
def test_all_of_them(what):
    report = fuzz(f"fuzz.{what}:check", range(WHOLE[what]))
    assert not report.failures, report
    assert report.counts["answer"] > WHOLE[what] // 100, report

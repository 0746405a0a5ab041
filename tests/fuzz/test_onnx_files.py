"""A share of the mutants of `onnx_files`; a larger one, or all of them, where slow tests run."""

from __future__ import annotations

import pytest

pytest.importorskip("typer")  # two of the calls are commands

from fuzz.counts import share
from support.fuzzing import fuzz


def test_mutants_end_in_an_answer_or_one_error():
    report = fuzz("fuzz.onnx_files:check", range(250))
    assert not report.failures, report


@pytest.mark.slow
def test_more_mutants_end_in_an_answer_or_one_error():
    report = fuzz("fuzz.onnx_files:check", (1000 + number for number in share("onnx_files")))
    assert not report.failures, report

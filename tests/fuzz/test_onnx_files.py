"""A share of the mutants of `onnx_files`; all of them where slow tests run."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("typer")  # two of the calls are commands

from support.fuzzing import fuzz

WHOLE = int(os.environ.get("FUZZ_COUNT", "20000"))


def test_mutants_end_in_an_answer_or_one_error():
    report = fuzz("fuzz.onnx_files:check", range(250))
    assert not report.failures, report


@pytest.mark.slow
def test_all_mutants_end_in_an_answer_or_one_error():
    report = fuzz("fuzz.onnx_files:check", range(1000, 1000 + WHOLE))
    assert not report.failures, report

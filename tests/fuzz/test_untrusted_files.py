"""A quick share of hostile checkpoints, recipes, .npz files and arguments; more or all are slow jobs."""

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
    report = fuzz("fuzz.untrusted_files:check", range(100))
    assert not report.failures, report


def test_every_argument_is_tried_once_with_every_value():
    from fuzz import arguments

    tried = {arguments.chosen(number) for number in range(arguments.count())}
    assert len(tried) == arguments.count() == len(arguments.cases()) * len(arguments.VALUES)
    assert len({arguments.chosen(number)[0] for number in range(300)}) > 250


@pytest.mark.slow
@pytest.mark.parametrize(
    "what", ["checkpoints", "recipes", "arrays", "vocabularies", "data_files", "arguments"]
)
def test_more_of_each_end_in_answers_or_in_errors_of_ours(what):
    numbers = share(what)
    report = fuzz(f"fuzz.{what}:check", numbers)
    assert not report.failures, report
    assert report.counts["answer"] > len(numbers) // 100, report

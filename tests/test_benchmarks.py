"""Every benchmark runs: with --quick each goes through its whole program and prints figures."""

from __future__ import annotations

import re
import sys

import pytest
from support.paths import ROOT
from support.prepared import run_python

MAINS = [
    path
    for path in sorted((ROOT / "benchmarks").glob("*.py"))
    if "\ndef main(" in path.read_text(encoding="utf-8")
]

pytestmark = [
    pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="the sources are not here"),
    pytest.mark.skipif(sys.platform != "linux", reason="some read their peak memory from /proc"),
]


@pytest.mark.slow
@pytest.mark.parametrize("path", MAINS, ids=lambda path: path.stem)
def test_a_benchmark_prints_figures(path, tmp_path):
    done = run_python([path, "--quick"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d", done.stdout), done.stdout
    assert not re.search(r"\bnan\b", done.stdout), done.stdout
    assert list(tmp_path.iterdir()) == []


def test_benchmarks_are_found():
    assert len(MAINS) > 10

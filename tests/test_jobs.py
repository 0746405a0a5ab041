"""The scripts that people and CI run distinguish a job that was skipped from one that passed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("bash", "cat", "diff", "dirname", "git", "mktemp", "rm", "tee")

pytestmark = [
    pytest.mark.skipif(not (ROOT / ".ci/run").is_file(), reason="the sources are not here"),
    pytest.mark.skipif(os.name == "nt", reason="these jobs run on Linux and macOS"),
]


@pytest.fixture
def jobs(tmp_path):
    """Return a function that runs a script of a copy of the tree, on a machine with few programs."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    for name in (".ci", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)

    def run(*arguments, make="", **environment):
        (tmp_path / "bin/make").write_text(
            f'#!/usr/bin/env bash\nset -eu\necho "make $1"\n{make}\n', encoding="utf-8"
        )
        (tmp_path / "bin/make").chmod(0o755)
        environment = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path), **environment}
        return subprocess.run(
            ["bash", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    return run


def test_the_oldest_board_needs_its_python(jobs, tmp_path):
    done = jobs("scripts/oldest-board.sh", "bash", SKIPPED_JOBS=str(tmp_path / "skipped"))
    assert done.returncode == 1
    assert "expected Python 3.7, found none. Set PYTHON37" in done.stderr
    assert not (tmp_path / "skipped").exists()


def test_the_oldest_board_is_skipped_for_a_reason(jobs, tmp_path):
    environment = {"SKIPPED_JOBS": str(tmp_path / "skipped"), "SKIP_OLDEST_BOARD": "no such board here"}
    done = jobs("scripts/oldest-board.sh", "bash", **environment)
    assert done.returncode == 0
    assert done.stdout == "oldest-board: SKIPPED, no such board here\n"
    assert (tmp_path / "skipped").read_text(encoding="utf-8") == done.stdout


def test_the_oldest_board_runs_the_files_of_the_ledger():
    script = (ROOT / "scripts/oldest-board.sh").read_text("utf-8")
    assert re.search(r"^PYTHON37=.* scripts/parity_ledger.py --only 1.13.1 newest$", script, re.MULTILINE)


@pytest.mark.parametrize("job", ["test", "slow", "check", "torch-free", "oldest-board", "aarch64"])
def test_ci_fails_where_a_job_fails(jobs, job):
    done = jobs(".ci/run", make=f'[ "$1" != {job} ]')
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == f"make {job}"


def test_ci_says_that_all_jobs_passed(jobs):
    done = jobs(".ci/run")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"=== all jobs passed in \d+ s", done.stdout.splitlines()[-1])


def test_ci_names_a_skipped_job_and_its_reason(jobs):
    make = '[ "$1" != oldest-board ] || bash scripts/oldest-board.sh bash'
    assert jobs(".ci/run", make=make).returncode == 1
    done = jobs(".ci/run", make=make, SKIP_OLDEST_BOARD="no such board here")
    assert done.returncode == 0
    assert "all jobs passed" not in done.stdout
    assert done.stdout.endswith("not all jobs ran:\noldest-board: SKIPPED, no such board here\n")


def test_make_runs_the_jobs_that_ci_runs():
    ci = re.search(r"^for job in (.*); do$", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)
    people = re.search(r"^all-jobs: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert people[1].split() == ["test", *ci[1].split()]

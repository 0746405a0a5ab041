"""scripts/aarch64_smoke.py: what it says where the emulator cannot start, and where results differ."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
APT = """#!/bin/sh
echo "E: Unable to locate package python3-minimal" >&2
exit 100
"""

pytestmark = [
    pytest.mark.skipif(not (SCRIPTS / "aarch64_smoke.py").is_file(), reason="the sources are not here"),
    pytest.mark.skipif(os.name == "nt", reason="this job runs on Linux"),
]


@pytest.fixture(scope="module", autouse=True)
def scripts():
    """Let the tests import the parts of the script."""
    sys.path.insert(0, str(SCRIPTS))
    yield
    sys.path.remove(str(SCRIPTS))


@pytest.fixture
def smoke(tmp_path):
    """Return a function that runs the script on a computer that has only the programs of tmp_path/bin."""
    (tmp_path / "bin").mkdir()
    copied = tmp_path / "scripts"
    copied.mkdir()
    for name in ("aarch64_smoke.py", "ledger"):
        (copied / name).symlink_to(SCRIPTS / name)

    def run(**environment):
        # Not .resolve()d: the script works beside itself, which is here.
        command = [sys.executable, str(copied / "aarch64_smoke.py")]
        environment = {"PATH": str(tmp_path / "bin"), "PYTHONPATH": str(copied), **environment}
        return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)

    return run


def test_without_the_emulator_it_fails_and_says_what_is_missing(smoke, tmp_path):
    done = smoke(SKIPPED_JOBS=str(tmp_path / "skipped"))
    assert done.returncode == 1
    assert "expected apt-get, dpkg-deb, unshare, qemu-aarch64-static on the PATH" in done.stderr
    assert "On Debian, run scripts/system-packages.sh." in done.stderr
    assert not (tmp_path / "skipped").exists()


def test_without_a_mirror_it_fails_and_says_what_apt_says(smoke, tmp_path):
    for name in ("apt-get", "dpkg-deb", "unshare", "qemu-aarch64-static"):
        (tmp_path / "bin" / name).write_text(APT, encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    done = smoke()
    assert done.returncode == 1
    assert "CANNOT START, apt cannot read the lists of arm64 packages (status 100): E: Unable" in done.stderr


def test_it_is_skipped_for_a_reason(smoke, tmp_path):
    done = smoke(SKIP_AARCH64="no mirror here", SKIPPED_JOBS=str(tmp_path / "skipped"))
    assert done.returncode == 0
    assert done.stdout == "aarch64: SKIPPED, no mirror here\n"
    assert (tmp_path / "skipped").read_text(encoding="utf-8") == done.stdout


def test_what_differs_is_named():
    from aarch64_smoke import differences

    here = {"embed": np.ones(3), "generate": np.array("春江"), "infer": np.ones(2), "sample": np.ones(1)}
    there = {"embed": np.ones(3) + 1e-6, "generate": np.array("春月"), "infer": np.array([1, 1.001])}
    assert differences(here, there) == [
        "sample: in one of both alone",
        "generate: expected 春江, got 春月",
        "infer: differs by 0.001, more than 0.0001",
    ]
    assert differences(here, here) == []

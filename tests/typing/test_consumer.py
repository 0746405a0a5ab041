"""A user's script passes mypy in strict mode, its results have precise types, and it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

SCRIPT = Path(__file__).with_name("consumer.py")

pytestmark = [pytest.mark.slow, pytest.mark.needs_torch]


def run(folder, *command):
    sources = os.pathsep.join(map(str, (ROOT, ROOT / "runtime", ROOT / "cli")))
    environment = {**os.environ, "MYPYPATH": sources}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def checked(folder):
    """Return what mypy says, as where the packages are installed: about the script alone."""
    options = (
        "--strict",
        "--follow-imports=silent",
        "--config-file=",
        f"--cache-dir={ROOT}/.mypy_cache/typing",
    )
    return run(folder, sys.executable, "-m", "mypy", *options, "consumer.py")


def test_a_script_is_typed(tmp_path):
    shutil.copy(SCRIPT, tmp_path)
    done = checked(tmp_path)
    assert done.stdout.startswith("Success: no issues found in 1 source file"), done.stdout + done.stderr


def test_a_wrong_script_is_not(tmp_path):
    text = SCRIPT.read_text(encoding="utf-8").replace("lr=0.01, epochs=3", "lr='0.01', epoch=3")
    (tmp_path / "consumer.py").write_text(text, encoding="utf-8")
    done = checked(tmp_path)
    assert 'incompatible type "str"; expected "float | None"' in done.stdout
    assert 'Unexpected keyword argument "epoch"' in done.stdout
    assert "Found 2 errors" in done.stdout


def test_the_script_runs(tmp_path):
    done = run(tmp_path, sys.executable, "-W", "error", str(SCRIPT))
    assert done.returncode == 0, done.stderr

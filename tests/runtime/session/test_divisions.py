"""Divisions of integers that can end the whole process: refused when a file is opened, or fed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.session.onnxfile import inspect
from support import divisions

REFUSED = divisions.refused()


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_could_end_the_process_is_refused(name):
    with pytest.raises(rt.InputError, match="is not run: "):
        inspect(REFUSED[name])


def test_everything_else_runs():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "support.divisions"],
        cwd=str(Path(divisions.__file__).parent.parent),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    names = done.stdout.decode().splitlines()
    assert done.returncode == 0, names[-1:] + done.stderr.decode("utf-8", "replace").splitlines()[-20:]
    assert len(names) == len(divisions.accepted())

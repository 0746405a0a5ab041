"""Model files for the tests of the command, and the command itself.

Where ONNXNN_EXPORTED names a folder (the torch-free and the oldest-board job), the models in it are
used; elsewhere they are exported once for all tests.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.paths import TESTS
from support.prepared import run_interpreter, run_python


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A folder with mlp.onnx, cnn.onnx, backbone.onnx, their .npz files and images."""
    given = os.environ.get("ONNXNN_EXPORTED")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("exported")
    done = run_python([TESTS / "support" / "export_for_boards.py", folder], folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def onnxnn(tmp_path):
    """Run the command in an empty folder: onnxnn("info", file) -> CompletedProcess with text."""

    def run(*arguments, **environment):
        return run_python(["-m", "onnxnn_cli", *arguments], tmp_path, **environment)

    return run


@pytest.fixture
def onnxnn_process(tmp_path):
    """Run the command as `onnxnn` does, in a process that starts from nothing."""

    def run(*arguments, **environment):
        return run_interpreter(["-m", "onnxnn_cli", *arguments], tmp_path, **environment)

    return run

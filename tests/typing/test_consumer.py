"""A user's script passes mypy in strict mode, its results have precise types, and it runs."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import onnxnn_runtime
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


def calls(cls):
    """Yield each method called with all its arguments, and with one too many that have no name."""
    for name, method in inspect.getmembers(cls, inspect.isfunction):
        parameters = list(inspect.signature(method).parameters.values())
        kinds = [each.kind for each in parameters]
        if name.startswith("_") or inspect.Parameter.VAR_POSITIONAL in kinds:
            continue
        places = ["x"] * kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)
        named = [f"{each.name}=x" for each in parameters if each.kind == inspect.Parameter.KEYWORD_ONLY]
        yield f"{cls.__name__}.{name}({', '.join([*places, *named])})"
        yield f"{cls.__name__}.{name}({', '.join([*places, 'x'])})"


def test_type_checkers_see_the_arguments_that_python_takes(tmp_path):
    import onnxnn

    lines = [*calls(onnxnn_runtime.Model), *calls(onnxnn.Network)]
    assert len(lines) > 60
    head = (
        "from typing import Any\nfrom onnxnn import Network\nfrom onnxnn_runtime import Model\nx: Any = 1\n"
    )
    (tmp_path / "consumer.py").write_text(head + "\n".join(lines), encoding="utf-8")
    done = checked(tmp_path)
    wrong = {int(number) - 5 for number in re.findall(r"consumer.py:([0-9]+): error", done.stdout)}
    taken, refused = set(range(0, len(lines), 2)), set(range(1, len(lines), 2))
    assert [lines[number] for number in sorted(wrong & taken)] == [], done.stdout
    assert [lines[number] for number in sorted(refused - wrong)] == []

"""Errors of ours as people see them: the message, and the lines of their own program."""

from __future__ import annotations

import os
import subprocess
import sys
import types

import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.messages import user_lines

SCRIPT = "import onnxnn_runtime as rt\n\ndef open_it():\n    rt.load('missing.onnx')\n\nopen_it()\n"


def raised(path, source=SCRIPT):
    """Run a program and return its error."""
    path.write_text(source, encoding="utf-8")
    module = types.ModuleType("lesson")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any error
        exec(compile(source, str(path), "exec"), module.__dict__)
    trace = caught.value.__traceback__
    while trace.tb_frame.f_code.co_filename != str(path):
        trace = trace.tb_next
    return caught.value, trace


def test_the_message_and_the_lines_of_the_program(tmp_path):
    path = tmp_path / "lesson.py"
    assert user_lines.lines_of(*raised(path))[1:] == [
        f'  File "{path}", line 6',
        "    open_it()",
        f'  File "{path}", line 4',
        "    rt.load('missing.onnx')",
    ]


def test_the_message_comes_first(tmp_path):
    error, trace = raised(tmp_path / "lesson.py")
    assert user_lines.lines_of(error, trace)[0] == f"MissingInputError: {error}"


def test_a_line_that_called_back_from_a_library_shows(tmp_path):
    source = "import functools\nimport onnxnn_runtime as rt\n"
    source += "functools.reduce(lambda a, b: rt.load('no'), [1, 2])\n"
    lines = user_lines.lines_of(*raised(tmp_path / "lesson.py", source))
    assert not any("functools.py" in line for line in lines)
    assert sum("line 3" in line for line in lines) == 2


def test_whole_tracebacks_where_they_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("ONNXNN_TRACEBACK", "1")
    error, trace = raised(tmp_path / "lesson.py")
    assert user_lines.lines_of(error, trace) is None
    assert any("calls.py" in line for line in error._render_traceback_())


def test_errors_of_others_are_left_to_python(tmp_path):
    error, trace = raised(tmp_path / "lesson.py", "1 / 0\n")
    assert user_lines.lines_of(error, trace) is None


def test_a_notebook_shows_the_cell(tmp_path):
    folder = tmp_path / "ipykernel_123"
    folder.mkdir()
    error, trace = raised(folder / "456.py")
    assert "  the cell, line 4" in user_lines.lines_of(error, trace)
    error.__traceback__ = trace
    assert error._render_traceback_() == user_lines.lines_of(error, trace)


def run(source, *options):
    return subprocess.run(
        [sys.executable, *options],
        input=source,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=False,
    )


def test_an_interactive_console_shows_the_line_and_continues():
    done = run("import onnxnn_runtime as rt\nrt.load('missing.onnx')\nprint(1 + 1)\n", "-i", "-q")
    assert "MissingInputError: missing.onnx: no such file" in done.stderr
    assert "Traceback" not in done.stderr
    assert "calls.py" not in done.stderr
    assert done.stdout == "2\n"


def test_python_itself_shows_the_whole_traceback():
    done = run("import onnxnn_runtime as rt\nrt.load('missing.onnx')\n", "-")
    assert "Traceback" in done.stderr
    assert done.returncode == 1


def test_somebody_elses_hook_stays(monkeypatch):
    def hook(*_):
        """Nothing."""

    monkeypatch.setattr(sys, "excepthook", hook)
    user_lines.show_in_consoles()
    assert sys.excepthook is hook


def test_errors_of_others_reach_pythons_own_hook(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "__excepthook__", lambda *given: seen.append(given))
    error = ZeroDivisionError("no")
    user_lines.show_with_lines(ZeroDivisionError, error, None)
    assert seen == [(ZeroDivisionError, error, None)]
    assert not isinstance(error, rt.OnnxnnError)

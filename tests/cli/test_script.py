"""`onnxnn train lesson.py`: a script runs as with python, and its errors show its own lines."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.needs_torch

LESSON = """\
import warnings
from onnxnn import nn

def build():
    warnings.warn("mine")
    model = nn("cls", verbose=0)
    model.add("linear", size=(4, 10), activation="relu")
    model.add("linear", size=(12, 3))

if __name__ == "__main__":
    build()
"""


def test_an_error_of_ours(onnxnn, tmp_path):
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")
    done = onnxnn("train", "lesson.py", PYTHONWARNINGS="default")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "lesson.py:5: UserWarning: mine"
    assert lines[2].startswith("LayerError: add('linear', size=(12, 3))")
    assert lines[3:] == [
        '  File "lesson.py", line 11',
        "    build()",
        '  File "lesson.py", line 8',
        '    model.add("linear", size=(12, 3))',
    ]


def test_the_whole_traceback(onnxnn, tmp_path):
    (tmp_path / "lesson.py").write_text(LESSON, encoding="utf-8")
    done = onnxnn("train", "lesson.py", ONNXNN_TRACEBACK="1")
    assert done.returncode == 1
    assert "calls.py" in done.stderr
    assert "runpy" not in done.stderr


@pytest.mark.parametrize(
    ("source", "last"), [("1 / 0\n", "ZeroDivisionError: division by zero"), ("x = (\n", "SyntaxError:")]
)
def test_an_error_of_python(onnxnn, tmp_path, source, last):
    (tmp_path / "lesson.py").write_text(source, encoding="utf-8")
    done = onnxnn("train", "lesson.py")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(last)
    assert "runpy" not in done.stderr
    assert "script.py" not in done.stderr


def test_the_exit_code_of_a_script(onnxnn, tmp_path):
    (tmp_path / "lesson.py").write_text(
        "import sys\nprint(sys.argv, __name__)\nsys.exit(3)\n", encoding="utf-8"
    )
    done = onnxnn("train", "lesson.py")
    assert (done.returncode, done.stdout) == (3, "['lesson.py'] __main__\n")


def test_a_module_beside_the_script(onnxnn, tmp_path):
    folder = tmp_path / "lessons"
    folder.mkdir()
    (folder / "helper.py").write_text("VALUE = 7\n", encoding="utf-8")
    (folder / "lesson.py").write_text("from helper import VALUE\nprint(VALUE)\n", encoding="utf-8")
    assert onnxnn("train", "lessons/lesson.py").stdout == "7\n"


def test_a_script_that_does_not_exist(onnxnn):
    done = onnxnn("train", "missing.py")
    assert done.returncode == 1
    assert done.stderr.startswith("onnxnn: train: expected a Python script, got 'missing.py': no such file.")

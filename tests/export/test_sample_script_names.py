"""The sample script holds names as literals: no name becomes a line of code, or an escape on a terminal."""

from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest

from onnxnn import nn, pth_info

EVIL = [
    "a\nimport os; os.mkdir('ran')\n#",
    "a'); import os; os.mkdir('ran')  #",
    'a"""; import os; os.mkdir("ran")',
    "red\x1b[31m",
    "\u202egpj",
]


def trained(tmp_path, classes, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = nn("cls", save_fold=str(tmp_path / "ckpt"), verbose=0)
    model.load_dataset(np.eye(4, 3, dtype=np.float32), [0, 1, 0, 1], classes=classes)
    model.add("linear", size=(3, 2), activation="softmax")
    model.train(epochs=1)
    return model


@pytest.mark.parametrize("name", EVIL)
def test_names_of_files_stay_names(tmp_path, monkeypatch, name):
    model = trained(tmp_path, ["a", "b"], monkeypatch)
    model.convert(out_file=tmp_path / f"{name.replace('/', '')}.onnx")
    (script,) = tmp_path.glob("*.py")
    tree = ast.parse(script.read_text(encoding="utf-8"))
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert set(imported) <= {"numpy", "onnxnn_runtime"}
    assert "\x1b" not in script.read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", EVIL)
def test_names_of_classes_do_not_steer_the_terminal(tmp_path, monkeypatch, capsys, name):
    model = trained(tmp_path, [name, "b"], monkeypatch)
    model.inference(np.eye(1, 3, dtype=np.float32))
    model.print_result()
    pth_info(tmp_path / "ckpt/basenn.pth")
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert text.replace("\n", "").replace("\t", "").isprintable()


def test_the_script_prints_names_of_classes_that_steer_a_terminal_as_literals(tmp_path, monkeypatch):
    model = trained(tmp_path, ["red\x1b[31m", "a\nb"], monkeypatch)
    model.convert(out_file=tmp_path / "model.onnx")
    script = str(tmp_path / "model.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith((r"'red\x1b[31m' ", r"'a\nb' "))

"""`onnxnn export --triton`: a model repository of Triton, with or without an export before."""

from __future__ import annotations

import json
import shutil

import pytest
from support.paths import GOLDEN

MODEL = GOLDEN / "models" / "image_classifier.onnx"


def test_an_onnx_file_that_is_there(onnxnn_process, tmp_path):
    done = onnxnn_process("export", MODEL, "--triton", "models", "--json")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / json.loads(done.stdout)["triton"]
    assert folder == tmp_path / "models" / "image_classifier"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert found == ["1/model.onnx", "config.pbtxt", "labels.txt"]
    done = onnxnn_process("export", MODEL, "--triton", "models")
    assert done.returncode == 1
    assert "--force" in done.stderr
    done = onnxnn_process("export", MODEL, "--triton", "models", "--force")
    assert done.returncode == 0, done.stderr
    assert "image_classifier: a model for Triton" in done.stdout


@pytest.mark.needs_torch
@pytest.mark.slow
def test_a_checkpoint(onnxnn, tmp_path):
    import onnxnn as training

    network = training.nn()
    network.load_dataset([[0.0, 1.0], [1.0, 0.0]] * 4, [0, 1] * 4)
    network.add("linear", size=(2, 2), activation="softmax")
    network.save(str(tmp_path / "a.pth"))
    done = onnxnn("export", "a.pth", "-o", "iris.onnx", "--triton", "models", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (tmp_path / found["file"]).is_file()
    assert (tmp_path / found["triton"] / "1" / "model.onnx").read_bytes() == (
        tmp_path / "iris.onnx"
    ).read_bytes()


def test_what_is_typed_wrong(onnxnn, tmp_path):
    shutil.copy(str(MODEL), str(tmp_path / "a.onnx"))
    done = onnxnn("export", "a.onnx", "-o", "b.onnx", "--triton", "models")
    assert done.returncode == 2
    assert "is an ONNX file already: give --triton without -o" in done.stderr
    done = onnxnn("export", "a.pth")
    assert done.returncode == 2
    assert "expected -o FILE" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]

"""`onnxnn train --devices 2`: one result on stdout, one set of files."""

from __future__ import annotations

import json
import sys

import pytest

pytestmark = pytest.mark.needs_torch

RECIPE = """
task: cls
seed: 1
data: {digits: 12, batch_size: 100}
layers:
  - conv2d: {size: [1, 3], kernel_size: 3, activation: relu}
  - linear: {size: 10, activation: softmax}
train: {lr: 1e-2, epochs: 2, metrics: [acc], device: cpu}
save_fold: out
export: out/small.onnx
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="not tested there")
def test_two_processes_train_a_recipe(tmp_path):
    from support.sharded import finished  # here, because it needs torch

    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    found = []
    for options in ([], ["--devices", "2"]):
        command = [sys.executable, "-m", "onnxnn_cli", "train", "recipe.yaml", "--json", *options]
        ran = finished(command, tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert ran.stderr.count("linear") == 1
        found.append(json.loads(ran.stdout)["history"])
    assert found[0] == [pytest.approx(row, rel=1e-4) for row in found[1]]
    names = {"basenn.pth", "best.pth", "basenn.csv", "small.onnx"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names


def test_a_script_decides_itself(onnxnn, tmp_path):
    (tmp_path / "lesson.py").write_text("print('never')\n", encoding="utf-8")
    ran = onnxnn("train", "lesson.py", "--devices", "2")
    assert ran.returncode == 2
    assert "a script says itself on how many devices it trains: train(devices=2)." in ran.stderr
    assert "never" not in ran.stdout


def test_devices_are_counted(onnxnn, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    ran = onnxnn("train", "recipe.yaml", "--devices", "0")
    assert ran.returncode == 1
    assert "devices=0: expected an integer of at least 1." in ran.stderr


def test_a_script_decides_its_precision(onnxnn, tmp_path):
    (tmp_path / "lesson.py").write_text("print('never')\n", encoding="utf-8")
    ran = onnxnn("train", "lesson.py", "--precision", "bf16")
    assert ran.returncode == 2
    assert "a script says itself in which precision it trains: train(precision='bf16')." in ran.stderr


def test_an_unknown_precision_is_refused(onnxnn, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    ran = onnxnn("train", "recipe.yaml", "--precision", "8")
    assert ran.returncode == 1
    assert "precision='8': unknown precision." in ran.stderr


def test_the_precision_is_that_of_the_command(onnxnn, tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    found = []
    for options in ([], ["--precision", "bf16"]):
        ran = onnxnn("train", "recipe.yaml", "--json", *options)
        assert ran.returncode == 0, ran.stderr
        found.append(json.loads(ran.stdout)["history"][-1]["loss"])
    assert found[0] != found[1]
    assert found[1] == pytest.approx(found[0], rel=0.05)

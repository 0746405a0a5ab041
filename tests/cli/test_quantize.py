"""`onnxnn quantize`, through the real entry point."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.needs_torch


def test_quantize_and_info(onnxnn, exported, tmp_path):
    arguments = (str(exported / "cnn.onnx"), "--data", str(exported / "images"), "-o", "int8.onnx")
    done = onnxnn("quantize", *arguments, "--max-drop", "100", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["precision"] == "int8"
    assert found["measure"] == "accuracy"
    assert found["size"] == (tmp_path / "int8.onnx").stat().st_size
    assert {"float", "quantized", "drop", "seconds", "float_seconds"} <= set(found)
    shown = onnxnn("info", "int8.onnx")
    assert shown.returncode == 0, shown.stderr
    assert "int8, accuracy" in shown.stdout

    again = onnxnn("quantize", "int8.onnx", "--data", str(exported / "images"), "-o", "again.onnx")
    assert again.returncode == 1
    assert "quantised already" in again.stderr
    assert "[E-QUANT-01]" in again.stderr
    assert not (tmp_path / "again.onnx").exists()


def test_fp16_needs_no_samples(onnxnn, exported, tmp_path):
    done = onnxnn("quantize", str(exported / "cnn.onnx"), "--fp16", "-o", "fp16.onnx")
    assert done.returncode == 0, done.stderr
    assert "0.00 points lost on 8 made-up inputs" in done.stdout
    assert "ms for one on one core here, float" in done.stdout
    shown = onnxnn("info", "fp16.onnx")
    assert "fp16, mae " in shown.stdout
    assert "on 8 made-up inputs" in shown.stdout
    assert onnxnn("verify", "fp16.onnx").returncode == 0

    images = str(exported / "images")
    done = onnxnn(
        "quantize", str(exported / "cnn.onnx"), "--fp16", "--data", images, "-o", "b.onnx", "--json"
    )
    found = json.loads(done.stdout)
    assert (found["precision"], found["measure"]) == ("fp16", "accuracy")
    assert found["size"] == (tmp_path / "b.onnx").stat().st_size


def test_slower_files_are_said_to_be_so(capsys):
    from onnxnn_cli.quantize import print_loss
    from onnxnn_runtime.card.quantization import QuantizationSpec

    for precision, said in (("fp16", "Use it on GPUs and pages"), ("int8", "INT8 is slower on this machine")):
        facts = QuantizationSpec(precision, {}, "accuracy", 20, {"accuracy": 1.0}, {"accuracy": 1.0}, 0.0)
        print_loss(facts, 0.002, 0.001)
        printed = capsys.readouterr()
        assert "2.00 ms for one on one core here, float 1.00 ms" in printed.out
        assert said in printed.err


def test_integers_need_samples(onnxnn, exported, tmp_path):
    done = onnxnn("quantize", str(exported / "cnn.onnx"), "-o", "int8.onnx")
    assert done.returncode == 2
    assert "expected --data DATA" in done.stderr
    assert not (tmp_path / "int8.onnx").exists()


def test_a_target_older_than_the_file(onnxnn, exported, tmp_path):
    made = onnxnn(
        "export",
        str(exported / "cnn_checkpoint" / "basenn.pth"),
        "-o",
        "new.onnx",
        "--opset",
        "21",
        "--ir",
        "10",
    )
    assert made.returncode == 0, made.stderr
    done = onnxnn("quantize", "new.onnx", "--fp16", "-o", "fp16.onnx", "--target", "ort1.13")
    assert done.returncode == 1
    assert "expected at most opset 17 and IR 8" in done.stderr
    assert not (tmp_path / "fp16.onnx").exists()


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_export_in_smaller_numbers(onnxnn, exported, tmp_path, precision):
    arguments = (
        "export",
        str(exported / "cnn_checkpoint" / "basenn.pth"),
        "-o",
        "a.onnx",
        "--precision",
        precision,
    )
    done = onnxnn(*arguments, "--calibration", str(exported / "images"), "--max-drop", "100")
    assert done.returncode == 0, done.stderr
    assert f"{precision}: accuracy" in done.stdout
    options = ("--calibration", str(exported / "images"), "--max-drop", "100", "--json")
    shown = json.loads(onnxnn(*arguments, *options).stdout)
    assert shown["quantization"]["precision"] == precision
    assert shown["size"] == (tmp_path / "a.onnx").stat().st_size


def test_export_of_integers_without_samples(onnxnn, exported, tmp_path):
    done = onnxnn(
        "export", str(exported / "cnn_checkpoint" / "basenn.pth"), "-o", "a.onnx", "--precision", "int8"
    )
    assert done.returncode == 1
    assert "Give calibration= (--calibration)" in done.stderr
    assert not (tmp_path / "a.onnx").exists()


def test_what_is_not_replaced_names_the_option_of_the_command(onnxnn, exported):
    file, images = str(exported / "cnn.onnx"), str(exported / "images")
    for out in (file, "a.png"):
        done = onnxnn("quantize", file, "--data", images, "-o", out)
        assert done.returncode == 1
        assert "--force" in done.stderr
        assert "force=True" not in done.stderr

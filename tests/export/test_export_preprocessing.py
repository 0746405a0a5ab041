"""Preprocessing in the graph, and the smallest input of a file."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime import (
    ExportError,
    InputError,
    load,
)
from support.exports import built, image_card, lenet, table_card

from onnxnn.definition.definition import Definition
from onnxnn.export.exporter import export_onnx
from onnxnn.export.options import ExportOptions
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of


@pytest.mark.parametrize("color", ["RGB", "grayscale"])
def test_preprocessing_in_the_graph(tmp_path, color):
    channels = 3 if color == "RGB" else 1
    definition = Definition(Shape.image(channels, 16, 12))
    definition = definition.with_layer(1, "conv2d", "relu", {"size": 4, "kernel_size": 3})
    definition = definition.with_layer(2, "linear", "softmax", {"size": 2})
    net = built(definition)
    card = image_card(steps=(("resize_short", 20), ("center_crop", 16, 12)), color=color)
    path = tmp_path / "a.onnx"
    report = export_onnx(kind_of("cls", definition), net, card, path, ExportOptions(preprocess="graph"))
    assert report.parity["absolute"] <= 1e-5
    model = load(path, device="cpu")
    assert model.inputs == {"input": ("uint8", ("batch", "height", "width", 3))}
    assert model.card.input.in_graph
    image = np.random.default_rng(1).integers(0, 256, (40, 33, 3), dtype=np.uint8)
    expected = net.eval()(torch.from_numpy(card.input.preprocess(image)[None])).detach().numpy()
    np.testing.assert_allclose(model.infer(image[None]), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict(image)[0].scores, expected[0], atol=1e-6)


def test_preprocessing_in_the_graph_without_a_resize_fixes_the_size(tmp_path):
    definition = lenet()
    card = image_card(steps=(("pad", 1, 2, 1, 0, 7),))
    export_onnx(
        kind_of("cls", definition),
        built(definition),
        card,
        tmp_path / "a.onnx",
        ExportOptions(preprocess="graph"),
    )
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.inputs["input"][1] == ("batch", 18, 18, 3)


def test_preprocessing_in_the_graph_is_for_images(tmp_path):
    definition = Definition(Shape.vector(4))
    definition = definition.with_layer(1, "linear", options={"size": 2})
    with pytest.raises(
        ExportError, match=r'preprocess="graph": expected a network that takes images, got one that takes'
    ):
        export_onnx(
            kind_of("cls", definition),
            built(definition),
            table_card(),
            tmp_path / "a.onnx",
            ExportOptions(preprocess="graph"),
        )
    with pytest.raises(ExportError, match=r'preprocess="graph": expected opset_version=13 or newer, got 12'):
        export_onnx(
            kind_of("cls", lenet()),
            built(lenet()),
            image_card(),
            tmp_path / "a.onnx",
            ExportOptions(preprocess="graph", opset_version=12),
        )
    with pytest.raises(ExportError, match=r"""preprocess='inside': expected "runtime" or "graph"."""):
        export_onnx(
            kind_of("cls", lenet()),
            built(lenet()),
            image_card(),
            tmp_path / "a.onnx",
            ExportOptions(preprocess="inside"),
        )


def without_a_fixed_size(channels=3) -> Definition:
    definition = Definition(Shape.image(channels, 20, 20))
    definition = definition.with_layer(1, "conv2d", options={"size": 2, "kernel_size": 3})
    definition = definition.with_layer(2, "maxpool", options={"kernel_size": (2, 1)})
    definition = definition.with_layer(3, "global_avgpool")
    definition = definition.with_layer(4, "linear", "softmax", {"size": 2})
    return definition


def test_the_card_says_how_small_an_input_may_be(tmp_path):
    definition = without_a_fixed_size()
    export_onnx(
        kind_of("cls", definition), built(definition), image_card(steps=(), color="RGB"), tmp_path / "a.onnx"
    )
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.card.input.min_sizes == {"height": 4, "width": 3}
    assert len(model.predict(np.zeros((1, 3, 4, 3), np.float32))) == 1
    with pytest.raises(InputError, match="expected images of at least 4 x 3, got 3 x 3"):
        model.predict(np.zeros((3, 3, 3), np.uint8))


@pytest.mark.parametrize(
    ("steps", "sizes"),
    [
        ((), {"height": 4, "width": 3}),
        ((("pad", 1, 0, 1, 1, 7),), {"height": 3}),
        ((("resize", 20, 20),), {}),
        ((("resize_short", 20),), {}),
    ],
)
def test_preprocessing_in_the_graph_changes_how_small_an_image_may_be(tmp_path, steps, sizes):
    definition = without_a_fixed_size()
    card = image_card(steps=steps, color="RGB")
    export_onnx(
        kind_of("cls", definition),
        built(definition),
        card,
        tmp_path / "a.onnx",
        ExportOptions(preprocess="graph"),
    )
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.card.input.min_sizes == sizes
    smallest = np.zeros((1, sizes.get("height", 1), sizes.get("width", 1), 3), np.uint8)
    assert len(model.infer(smallest)) == 1
    if sizes:
        with pytest.raises(InputError, match="expected images of at least"):
            model.infer(smallest[:, 1:])

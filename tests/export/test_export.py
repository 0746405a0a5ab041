"""From a network to one verified file: names, card, folding, outputs."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest
from onnxnn_runtime import (
    InputSpec,
    ModelCard,
    OutputSpec,
    load,
)
from support.exports import backbone, built, encoder_card, image_card, lenet, table_card
from support.onnx_check import emit, largest_difference

from onnxnn.definition.definition import Definition
from onnxnn.export.exporter import export_onnx
from onnxnn.graph.builder import GraphBuilder
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of
from onnxnn.layers import make


def test_graph_names_and_card(tmp_path):
    definition = backbone()
    report = export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "pets.onnx")
    model = load(tmp_path / "pets.onnx", device="cpu")
    assert model.inputs == {"input": ("float32", ("batch", 3, "height", "width"))}
    assert model.outputs == {
        "output": ("float32", ("batch", 2)),
        "embedding": ("float32", ("batch", 1280)),
    }
    assert model.card.input.shape == ("batch", 3, "height", "width")
    assert model.card.output == OutputSpec("classes", ("batch", 2), ("cat", "dog"), 1280)
    assert model.card.network == tuple(definition.to_data())
    assert model.card.parity == report.parity
    assert 0 <= report.parity["absolute"] <= 1e-5
    assert report.size == (tmp_path / "pets.onnx").stat().st_size
    assert os.listdir(tmp_path) == ["pets.onnx"]


def test_xeduhubs_metadata(tmp_path):
    definition = lenet()
    export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")
    metadata = load(tmp_path / "a.onnx", device="cpu").facts.metadata
    assert metadata["input_size"] == "[1, 1, 20, 20]"
    assert metadata["dataset_type"] == "img"


def test_nodes_are_named_after_layers_and_weights_after_the_state_dict():
    definition = lenet()
    graph = emit(definition, built(definition)).graph
    assert [node.name for node in graph.node] == [
        "conv2d1", "relu1", "batchnorm2d2", "batchnorm2d2/Add", "maxpool3", "conv2d4", "relu6", "avgpool7",
        "linear8", "linear8/Gemm", "relu8", "linear10", "softmax10",
    ]  # fmt: skip
    assert {"conv2d1.weight", "conv2d1.bias", "linear10.weight"} <= {w.name for w in graph.initializer}


def test_values_carry_their_sizes_for_viewers(tmp_path):
    definition = lenet()
    export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")
    info = {v.name: v for v in onnx.load(tmp_path / "a.onnx").graph.value_info}
    dims = info["conv2d1"].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in dims] == ["batch", 3, 18, 18]


def test_batch_normalisation_is_folded_and_dropout_gone():
    definition = lenet()
    ops = [node.op_type for node in emit(definition, built(definition)).graph.node]
    # The first comes after an activation, so it is computed; the second is folded into its convolution.
    assert ops[:5] == ["Conv", "Relu", "Mul", "Add", "MaxPool"]
    assert ops.count("Mul") == 1
    assert "BatchNormalization" not in ops
    assert "Dropout" not in ops


@pytest.mark.parametrize(
    ("before", "shape", "after"),
    [
        (("conv2d", {"size": 4, "kernel_size": 3}), Shape.image(2, 9, 8), "batchnorm2d"),
        (("conv2d", {"size": 4, "kernel_size": 3, "bias": False}), Shape.image(2, 9, 8), "batchnorm2d"),
        (("conv2d", {"size": 4, "kernel_size": 3, "groups": 2}), Shape.image(2, 9, 8), "batchnorm2d"),
        (("conv1d", {"size": 4, "kernel_size": 3}), Shape.signal(2, 9), "batchnorm1d"),
        (("linear", {"size": 4}), Shape.vector(5), "batchnorm1d"),
        (("linear", {"size": 4, "bias": False}), Shape.vector(5), "batchnorm1d"),
    ],
)
def test_folding_gives_the_same_numbers(before, shape, after):
    definition = Definition(shape)
    definition = definition.with_layer(1, before[0], options=before[1])
    definition = definition.with_layer(2, after)
    net = built(definition)
    model = emit(definition, net)
    assert [node.op_type for node in model.graph.node] in (["Conv"], ["Gemm"])
    assert largest_difference(definition, net, [shape]) <= 1e-5


def test_nothing_is_folded_into_a_value_that_is_read_twice():
    definition = Definition(Shape.vector(5))
    definition = definition.with_layer(1, "linear", options={"size": 4})
    definition = definition.with_layer(2, "batchnorm1d")
    net = built(definition).eval()
    graph = GraphBuilder()
    x = graph.gemm("input", net[0].weight, net[0].bias)
    graph.share(x)
    assert graph.batch_norm(x, net[1], axis=1, rank=2) != x


def test_export_keeps_training_mode(tmp_path):
    definition = lenet()
    net = built(definition).train()
    export_onnx(kind_of("cls", definition), net, image_card(), tmp_path / "a.onnx")
    assert net.training


@pytest.mark.parametrize(("outputs", "task"), [(1000, "cls"), (16, "embed")])
def test_an_encoders_output_is_the_embedding(tmp_path, outputs, task):
    definition = backbone(outputs)
    export_onnx(kind_of("cls", definition), built(definition), encoder_card(task), tmp_path / "a.onnx")
    model = load(tmp_path / "a.onnx", device="cpu")
    assert list(model.outputs) == ["output"]
    assert model.card.output.kind == "embedding"
    assert model.card.output.shape == ("batch", outputs)
    assert model.embed(np.zeros((20, 20, 3), np.uint8)).shape == (1, outputs)


def test_mobilenets_own_features_are_an_output(tmp_path):
    definition = Definition(Shape.image(3, 32, 32))
    definition = definition.with_layer(1, "mobilenet", "softmax", {"width": 0.35, "num_classes": 2})
    export_onnx(kind_of("cls", definition), built(definition), image_card(), tmp_path / "a.onnx")
    assert load(tmp_path / "a.onnx", device="cpu").card.output.embedding == 1280


def test_a_head_on_the_input_has_no_feature_vector(tmp_path):
    definition = Definition(Shape.vector(4))
    definition = definition.with_layer(1, "linear", options={"size": (4, 1)})
    export_onnx(kind_of("cls", definition), built(definition), table_card(), tmp_path / "a.onnx")
    assert list(load(tmp_path / "a.onnx", device="cpu").outputs) == ["output"]


def test_standardisation_is_the_first_operation(tmp_path):
    definition = Definition()
    definition = definition.with_input(
        Shape.vector(2), make("normalize", {"mean": (2000.0, 5.0), "std": (10.0, 0.1)})
    )
    definition = definition.with_layer(1, "linear", options={"size": (2, 1)})
    report = export_onnx(kind_of("cls", definition), built(definition), table_card(), tmp_path / "a.onnx")
    assert report.parity["absolute"] <= 1e-5
    nodes = onnx.load(tmp_path / "a.onnx").graph.node
    assert [node.op_type for node in nodes] == ["Sub", "Div", "Gemm"]


def test_sequences_stay_free_in_time(tmp_path):
    definition = Definition(Shape.sequence(7, 4))
    definition = definition.with_layer(1, "linear", "tanh", {"size": (4, 3)})
    card = ModelCard("reg", (), InputSpec("sequence", ()), OutputSpec("values", ()))
    export_onnx(kind_of("cls", definition), built(definition), card, tmp_path / "a.onnx")
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.inputs["input"][1] == ("batch", "time", 4)
    assert model.outputs["output"][1] == ("batch", "time", 3)


def test_an_image_that_shrinks_has_its_own_axis_names(tmp_path):
    definition = Definition(Shape.image(1, 9, 8))
    definition = definition.with_layer(1, "conv2d", options={"size": 2, "kernel_size": 3})
    export_onnx(kind_of("cls", definition), built(definition), image_card(()), tmp_path / "a.onnx")
    model = load(tmp_path / "a.onnx", device="cpu")
    assert model.outputs["output"][1] == ("batch", 2, "output_height", "output_width")

"""The network as data: shapes at every add, the table, rebuilding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime import CardError, LayerError
from support.definitions import network

from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.layers import make, registry


def lenet() -> Definition:
    definition = Definition(Shape.image(1, 20, 20))
    definition = definition.with_layer(1, "Conv2D", "ReLU", {"size": (1, 3), "kernel_size": (3, 3)})
    definition = definition.with_layer(2, "MaxPool", options={"kernel_size": (2, 2)})
    definition = definition.with_layer(3, "conv2d", "relu", {"size": (3, 10), "kernel_size": (3, 3)})
    definition = definition.with_layer(4, "avgpool", options={"kernel_size": (2, 2)})
    definition = definition.with_layer(5, "linear", "relu", {"size": (90, 10)})
    definition = definition.with_layer(6, "linear", "softmax", {"size": (10, 2)})
    return definition


def test_shapes_of_the_lesson():
    # The comments of the lesson: [100, 3, 18, 18], [100, 3, 9, 9], [100, 10, 7, 7], [100, 10, 3, 3], ...
    shapes = [p.out_shape.batched(100) for p in lenet().placed() if not p.name.startswith("relu")]
    assert shapes == [
        "[100, 3, 18, 18]",
        "[100, 3, 9, 9]",
        "[100, 10, 7, 7]",
        "[100, 10, 3, 3]",
        "[100, 10]",
        "[100, 2]",
        "[100, 2]",
    ]


def test_table():
    text = lenet().summary(batch=100)
    assert text.splitlines()[3] == "conv2d1   [100, 3, 18, 18]          30          8,748"
    assert text.splitlines()[-1].split() == ["total", "1,242", "23,258"]
    assert "[?, 10]" in lenet().summary()


def test_table_shows_frozen_weights():
    definition = network(Shape.image(3, 32, 32), ("mobilenet_backbone", {"width": 0.35, "trainable": False}))
    assert "total (0 trainable)" in definition.summary()


def test_sizes_may_be_left_to_the_layer_before():
    definition = network(
        Shape.image(2, 8, 8),
        ("conv2d", {"size": 4, "kernel_size": 3}),
        ("batchnorm2d", {}),
        ("linear", {"size": (None, 5)}),
        ("linear", {"size": 3}),
    )
    assert [d["options"].get("size") for d in definition.to_data()] == [[2, 4], 4, [144, 5], [5, 3]]


def test_without_data_the_first_layers_size_counts():
    assert network(None, ("linear", {"size": (4, 3)})).output_shape == Shape.vector(3)
    assert network(None, ("conv2d", {"size": (3, 4), "kernel_size": 3})).output_shape == Shape.image(
        4, None, None
    )


@pytest.mark.parametrize(
    ("layer", "given", "plain"),
    [
        ("linear", {"size": (4, np.int64(3))}, {"size": (4, 3)}),
        ("linear", {"size": np.array([4, 3])}, {"size": (4, 3)}),
        ("linear", {"size": torch.tensor(3), "bias": np.True_}, {"size": 3, "bias": True}),
        ("conv2d", {"size": (1, 2), "kernel_size": np.uint8(3)}, {"size": (1, 2), "kernel_size": 3}),
        ("dropout", {"p": np.float32(0.5)}, {"p": 0.5}),
        ("normalize", {"mean": np.array([0.5, 0.25]), "std": 1.0}, {"mean": (0.5, 0.25), "std": 1.0}),
    ],
)
def test_numbers_of_numpy_are_numbers(layer, given, plain):
    made = make(layer, given)
    assert made == make(layer, plain)
    assert "np." not in made.call()


def test_a_linear_layer_takes_a_sequence_in_two_ways():
    shape = Shape.sequence(5, 6)
    with pytest.raises(
        LayerError, match=r"6 inputs for each step of 5 steps x 6 features .*size=\(6, 3\), or size=\(30, 3\)"
    ):
        network(shape, ("linear", {"size": (5, 3)}))
    for inputs in (6, 30):
        network(shape, ("linear", {"size": (inputs, 3)}))


def test_every_layer_is_documented():
    for kind, cls in registry.items():
        assert len((cls.__doc__ or "").splitlines()[0]) > 20 or "=" in (cls.__doc__ or ""), kind


def test_data_that_does_not_fit_the_layers_is_refused_and_forgotten():
    definition = network(Shape.vector(4), ("linear", {"size": (4, 3)}))
    with pytest.raises(LayerError, match=r"Use size=\(5, 3\)"):
        definition = definition.with_input(Shape.vector(5))
    assert definition.input_shape == Shape.vector(4)


def test_layers_built_before_keep_their_weights():
    definition = network(Shape.vector(4), ("linear", {"size": (4, 3)}))
    first = definition.build()[0]
    definition = definition.with_layer(2, "relu")
    assert definition.build()[0] is first


def test_a_final_softmax_or_sigmoid_is_left_off_the_logits():
    net = lenet().build().eval()
    x = torch.rand(2, 1, 20, 20)
    torch.testing.assert_close(net.logits(x).softmax(1), net(x))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "conv9d"}, "layer 'linear1' cannot be read: add\\('conv9d'\\): unknown layer"),
        ({"options": {"size": [5, 3]}}, "the layers do not match each other: .*Use size=\\(4, 3\\)"),
        ({"activation": "conv2d"}, "cannot be read"),
        ({"name": "elsewhere"}, "cannot be read"),
    ],
)
def test_damaged_descriptions_are_card_errors(change, message):
    (data,) = network(Shape.vector(4), ("linear", {"size": (4, 3)})).to_data()
    with pytest.raises(CardError, match=message):
        Definition.from_data([{**data, **change}], Shape.vector(4))


def test_feature_layer():
    assert lenet().feature_layer().name == "linear6"
    assert lenet().feature_size() == 10
    assert network(Shape.vector(4), ("linear", {"size": 2}), ("relu", {})).feature_layer() is None
    assert network(Shape.image(1, 4, 4), ("conv2d", {"size": 2, "kernel_size": 3})).feature_layer() is None


def test_an_unknown_activation_is_called_so():
    with pytest.raises(
        LayerError, match=r"activation='sofmax': unknown activation. Did you mean 'softmax'\?"
    ):
        Definition().with_layer(1, "linear", "sofmax", {"size": (4, 3)})


@pytest.mark.parametrize("kind", ["softmax", "tanh"])
def test_a_layer_and_its_activation_may_have_one_name(kind):
    definition = Definition(Shape.vector(4))
    definition = definition.with_layer(1, kind, kind)
    definition = definition.with_layer(2, "branches", None, {"paths": [[(kind, {"activation": kind})], []]})
    net = definition.build()
    assert list(dict(net.named_children())) == [f"{kind}1", f"{kind}1_2", "branches2"]
    assert list(dict(net.get_submodule("branches2.0").named_children())) == [f"{kind}1", f"{kind}1_2"]
    twice = getattr(torch, kind)
    x = torch.randn(3, 4)
    y = twice(twice(x, 1), 1) if kind == "softmax" else twice(twice(x))
    torch.testing.assert_close(net[:2](x), y)


def test_a_module_named_as_an_activation_keeps_its_place():
    module = type("relu", (torch.nn.Linear,), {})(4, 3)
    definition = Definition(Shape.vector(4))
    definition = definition.with_layer(1, module, "relu")
    net = definition.build()
    assert list(net) == [module, net.get_submodule("relu1_2")]
    assert list(net.state_dict()) == ["relu1.weight", "relu1.bias"]


def test_equal_names_are_distinguished():
    module = type("linear1", (torch.nn.Linear,), {})(4, 4)
    definition = Definition(Shape.vector(4))
    definition = definition.with_layer(2, module)
    definition = definition.with_layer(12, "linear", options={"size": 3})
    assert [placed.name for placed in definition.placed()] == ["linear12", "linear12_2"]


@pytest.mark.parametrize("axes", [(2, 3, 1), (2, 1, 3), (1, 2, 3)])
def test_softmax_is_over_the_channels_wherever_they_stand(axes):
    definition = network(Shape.image(3, 4, 5), ("permute", {"axes": axes}), ("softmax", {}))
    y = definition.build()(torch.randn(2, 3, 4, 5))
    torch.testing.assert_close(y.sum(axes.index(1) + 1), torch.ones(2, 4, 5))


@pytest.mark.parametrize("before", [[], [("identity", {})]])
def test_a_module_that_works_in_place_leaves_the_users_array_alone(before):
    definition = network(Shape.vector(4), *before)
    definition = definition.with_layer(9, torch.nn.ReLU(inplace=True))
    x = torch.full((3, 4), -1.0)
    assert definition.build()(x).sum() == 0
    assert x.sum() == -12

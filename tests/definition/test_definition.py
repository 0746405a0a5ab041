"""The network as data: shapes at every add, messages, the table, rebuilding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime import CardError, LayerError

from onnxnn.definition.definition import Definition
from onnxnn.definition.dynamic_axes import free_input, min_sizes
from onnxnn.graph.shape import Shape
from onnxnn.layers import make, registry


def network(shape: Shape | None, *layers) -> Definition:
    definition = Definition(shape)
    for index, (layer, options) in enumerate(layers, 1):
        definition.add(index, layer, options=options)
    return definition


def lenet() -> Definition:
    definition = Definition(Shape.image(1, 20, 20))
    definition.add(1, "Conv2D", "ReLU", {"size": (1, 3), "kernel_size": (3, 3)})
    definition.add(2, "MaxPool", options={"kernel_size": (2, 2)})
    definition.add(3, "conv2d", "relu", {"size": (3, 10), "kernel_size": (3, 3)})
    definition.add(4, "avgpool", options={"kernel_size": (2, 2)})
    definition.add(5, "linear", "relu", {"size": (90, 10)})
    definition.add(6, "linear", "softmax", {"size": (10, 2)})
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


def test_table_tells_frozen_weights():
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
    ("shape", "layers", "message"),
    [
        (
            Shape.image(1, 20, 20),
            [
                ("conv2d", {"size": (1, 10), "kernel_size": 14}),
                ("avgpool", {"kernel_size": 2}),
                ("linear", {"size": (80, 10)}),
            ],
            r"^add\('linear', size=\(80, 10\)\): expected 90 inputs for 10 channels x 3 x 3 from 'avgpool', "
            r"got 80\. Use size=\(90, 10\)\. \[E-LAYER-03\]$",
        ),
        (
            Shape.vector(4),
            [("linear", {"size": (3, 10)})],
            r"expected 4 inputs for 4 features from the data, got 3\. Use size=\(4, 10\)",
        ),
        (
            Shape.image(3, 20, 20),
            [("conv2d", {"size": (1, 3), "kernel_size": 3})],
            r"3 for 3 channels x 20 x 20 from the data, got 1\. Use size=\(3, 3\)",
        ),
        (
            Shape.image(1, 4, 9),
            [("conv2d", {"size": 3, "kernel_size": 5})],
            r"expected a larger input, .* along the height N = \(W - F \+ 2P\)/S \+ 1 = \(4 - 5 \+ 0\)/1 "
            r"\+ 1 is below 1\. Use a kernel_size of at most 4, a padding of at least 1",
        ),
        (
            Shape.image(1, 4, 4),
            [("maxpool", {"kernel_size": 5})],
            r"along the height N = \(W - F \+ 2P\)/S \+ 1",
        ),
        (
            Shape.vector(4),
            [("conv2d", {"size": 3, "kernel_size": 1})],
            r"expected an image .*, got 4 features from the data",
        ),
        (
            Shape.sequence(9, 4),
            [("conv1d", {"size": 3, "kernel_size": 1})],
            r"pass the data as \(N, 4, 9\)",
        ),
        (
            Shape.vector(4),
            [("maxpool", {"kernel_size": 2})],
            r"expected an image \(channels, height, width\), a signal",
        ),
        (
            Shape.vector(4),
            [("batchnorm1d", {"size": 5})],
            r"for 4 features from the data, got 5. Use size=4",
        ),
        (Shape.image(3, 4, 4), [("batchnorm1d", {"size": 3})], r"Use 'batchnorm2d' here"),
        (Shape.vector(4), [("batchnorm2d", {"size": 4})], r"Use 'batchnorm1d' here"),
        (Shape.vector(6), [("reshape", {"size": (4, 2)})], r"product is 6 for 6 features .*got 4 x 2"),
        (
            Shape.image(3, 4, 4),
            [("normalize", {"mean": (0, 0), "std": 1})],
            r"expected 3 numbers in mean for .*, or one for all, got 2",
        ),
        (None, [("relu", {})], r"add\('relu'\): the shape of its input is not known. Load data first"),
        (
            None,
            [("conv2d", {"size": (1, 2), "kernel_size": 3}), ("linear", {"size": 3})],
            r"expected a fixed input size, got 2 channels x",
        ),
    ],
)
def test_what_does_not_fit_is_said_at_the_add(shape, layers, message):
    definition = network(shape, *layers[:-1])
    before = definition.to_data()
    layer, options = layers[-1]
    with pytest.raises(LayerError, match=message):
        definition.add(9, layer, options=options)
    assert definition.to_data() == before


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        ("conv2", {}, r"add\('conv2'\): unknown layer. Did you mean 'conv2d'\?"),
        ("SimpleRNN", {}, r"add\('SimpleRNN'\): unknown layer. Did you mean 'rnn'\?"),
        ("batchnorm", {"size": 3}, "Did you mean 'batchnorm1d', 'batchnorm2d' or 'batchnorm3d'"),
        ("AdaptiveAvgPool2d", {}, "Did you mean 'global_avgpool'"),
        (
            "linear",
            {"sise": (4, 3)},
            r"unknown option 'sise'. Did you mean 'size'\? Options of 'linear': size, bias\.",
        ),
        ("conv2d", {"size": (1, 2)}, r"option 'kernel_size' is missing"),
        (
            "conv2d",
            {"strid": 1, "padd": 2},
            r"unknown option 'strid'\. .*'stride'\? Unknown option 'padd'.*'size' is missing",
        ),
        (
            "linear",
            {"size": (4, 0)},
            r"expected size to be \(inputs, outputs\), integers of at least 1, got \(4, 0\)",
        ),
        (
            "linear",
            {"size": "4"},
            r"\(inputs, outputs\), .*, got '4'. .* the first from the layer before, write the second alone",
        ),
        ("linear", {"size": 4, "bias": "no"}, r"expected bias to be True or False, got 'no'"),
        ("linear", {"size": 4, "bias": None}, r"expected bias to be True or False, got None"),
        ("linear", {"size": 4, "bias": 0}, r"expected bias to be True or False, got 0"),
        ("linear", {"size": np.array([4, 0])}, r"expected size to be \(inputs, outputs\).* got \(4, 0\)"),
        (
            "embedding",
            {},
            r"\(vocabulary, dim\), .*the first from the data, write the second alone, such as size=8\.",
        ),
        (
            "lstm",
            {"size": 0},
            r"\(features, hidden\), .*the first from the layer before, write the second alone",
        ),
        (
            "conv2d",
            {"size": (3, 2), "kernel_size": 0},
            r"expected kernel_size to be an integer of at least 1, or a tuple of 2, got 0",
        ),
        (
            "conv2d",
            {"size": (3, 2), "kernel_size": (3, 3, 3)},
            r"expected kernel_size to be .* got \(3, 3, 3\)",
        ),
        (
            "conv2d",
            {"size": (3, 2), "kernel_size": 3, "padding": -1},
            r"expected padding to be .* at least 0.* got -1",
        ),
        (
            "conv2d",
            {"size": (3, 2), "kernel_size": 3, "padding": "same"},
            r"expected padding to be an integer, got 'same'",
        ),
        (
            "conv2d",
            {"size": (4, 6), "kernel_size": 3, "groups": 4},
            r"expected groups to divide both .* got 4",
        ),
        (
            "conv2d",
            {"size": (4, 6), "kernel_size": 3, "groups": 0},
            r"expected groups to be an integer of at least 1, got 0",
        ),
        (
            "conv2d",
            {"size": (4, 6), "kernel_size": 3, "bias": 1},
            r"expected bias to be True or False, got 1",
        ),
        (
            "conv1d",
            {"size": (4, 6), "kernel_size": (3, 3)},
            r"expected kernel_size to be an integer of at least 1, got \(3, 3\)",
        ),
        (
            "maxpool",
            {"kernel_size": 2, "padding": 2},
            r"expected padding to be at most half of kernel_size=2, got 2",
        ),
        ("batchnorm1d", {"size": 0}, r"expected size to be an integer of at least 1, got 0"),
        ("dropout", {"p": 1.5}, r"expected p to be a number from 0 to 1, got 1.5"),
        ("leakyrelu", {"slope": "a"}, r"expected slope to be a finite number, got 'a'"),
        ("elu", {"alpha": float("nan")}, r"expected alpha to be a finite number, got nan"),
        ("reshape", {"size": (-1, -1)}, r"of which one may be -1"),
        (
            "reshape",
            {"size": (2, 3), "axes": ("rows", "columns")},
            r"expected axes to be a different one of .* for each of the 2 sizes",
        ),
        (
            "reshape",
            {"size": 4, "axes": ("token",)},
            r"one of channel, depth, .*, feature, length for",
        ),
        ("custom", {"class_name": "X"}, r"add\('custom'\): .* Pass the module itself: add\(MyModule\(\)\)"),
        ("reshape", {"size": (1, 1, 1, 1)}, r"for each of the 4 sizes"),
        ("normalize", {"mean": 0.5, "std": 0}, r"expected std to be numbers above 0"),
        (
            "normalize",
            {"mean": "a", "std": 1},
            r"expected mean to be a finite number, or one per channel, got 'a'",
        ),
        ("mobilenet_backbone", {"width": 0}, r"expected width to be a number above 0"),
        ("mobilenet_backbone", {"trainable": 1}, r"expected trainable to be True or False, got 1"),
        ("mobilenet", {"num_classes": 0}, r"expected num_classes to be an integer of at least 1, got 0"),
    ],
)
def test_wrong_options(layer, options, message):
    with pytest.raises(LayerError, match=message):
        make(layer, options)


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


def test_custom_is_no_name_to_choose():
    with pytest.raises(LayerError, match=r"unknown layer\. Known layers: action_model, ") as error:
        make("nothing", {})
    assert "custom" not in str(error.value)


def test_a_sequence_fits_a_linear_layer_in_two_ways():
    shape = Shape.sequence(5, 6)
    with pytest.raises(
        LayerError, match=r"6 inputs for each step of 5 steps x 6 features .*size=\(6, 3\), or size=\(30, 3\)"
    ):
        network(shape, ("linear", {"size": (5, 3)}))
    for inputs in (6, 30):
        network(shape, ("linear", {"size": (inputs, 3)}))


def test_wrong_calls():
    definition = Definition(Shape.vector(4))
    with pytest.raises(LayerError, match=r"expected a layer, an activation or an optimizer"):
        definition.add(1, None)
    with pytest.raises(
        LayerError, match=r"expected a layer for the options slope. Write add\('leakyrelu', ...\)"
    ):
        definition.add(1, None, "leakyrelu", {"slope": 0.1})
    with pytest.raises(
        LayerError, match=r"activation='linear': expected an activation, got the layer 'linear'"
    ):
        definition.add(1, "linear", "linear", {"size": 3})
    with pytest.raises(LayerError, match=r"unknown activation. Did you mean 'softmax'"):
        definition.add(1, "linear", "softmaxx", {"size": 3})


def test_every_layer_is_documented():
    for kind, cls in registry.items():
        assert len((cls.__doc__ or "").splitlines()[0]) > 20 or "=" in (cls.__doc__ or ""), kind


def test_data_that_does_not_fit_the_layers_is_refused_and_forgotten():
    definition = network(Shape.vector(4), ("linear", {"size": (4, 3)}))
    with pytest.raises(LayerError, match=r"Use size=\(5, 3\)"):
        definition.set_input(Shape.vector(5))
    assert definition.input_shape == Shape.vector(4)


def test_layers_built_before_keep_their_weights():
    definition = network(Shape.vector(4), ("linear", {"size": (4, 3)}))
    first = definition.build()[0]
    definition.add(2, "relu")
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


CONV1D = ("conv1d", {"size": (5, 5), "kernel_size": 1})
SIGNALS, STEPS = ("channel", "length"), ("time", "feature")


@pytest.mark.parametrize(
    ("layers", "axes"),
    [
        ([CONV1D], SIGNALS),
        ([("maxpool1d", {"kernel_size": 2}), CONV1D], SIGNALS),
        ([("avgpool1d", {"kernel_size": 2})], SIGNALS),
        ([("batchnorm1d", {"size": 5}), CONV1D], SIGNALS),
        ([("batchnorm1d", {}), ("relu", {}), ("dropout", {}), CONV1D], SIGNALS),
        ([("branches", {"paths": [[CONV1D], []], "merge": "add"})], SIGNALS),
        ([("branches", {"paths": [[], ["relu", CONV1D]], "merge": "add"})], SIGNALS),
        ([("lstm", {"size": 3})], STEPS),
        ([("linear", {"size": (4, 3)})], STEPS),
        ([("batchnorm1d", {"size": 4}), ("rnn", {"size": 3})], STEPS),
        ([("relu", {})], STEPS),
        ([("branches", {"paths": [[("linear", {"size": 4})], []]})], STEPS),
    ],
)
def test_arrays_of_a_file_may_be_signals(layers, axes):
    definition = network(Shape.sequence(5, 4), *layers)
    assert definition.input_shape == Shape((5, 4), axes)
    assert free_input(definition).sizes == ((5, None) if axes == SIGNALS else (None, 4))


def test_feature_layer():
    assert lenet().feature_layer().name == "linear6"
    assert lenet().feature_size() == 10
    assert network(Shape.vector(4), ("linear", {"size": 2}), ("relu", {})).feature_layer() is None
    assert network(Shape.image(1, 4, 4), ("conv2d", {"size": 2, "kernel_size": 3})).feature_layer() is None


def test_an_unknown_activation_is_called_so():
    with pytest.raises(
        LayerError, match=r"activation='sofmax': unknown activation. Did you mean 'softmax'\?"
    ):
        Definition().add(1, "linear", "sofmax", {"size": (4, 3)})


CONV, FREE = ("conv2d", {"size": 2, "kernel_size": 3}), ("global_avgpool", {})
EMBEDDED = ("embedding", {"size": (6, 4), "channels_first": True})


@pytest.mark.parametrize(
    ("shape", "layers", "sizes"),
    [
        (
            Shape.image(3, 20, 31),
            [CONV, ("maxpool", {"kernel_size": 2}), ("maxpool", {"kernel_size": 4}), FREE],
            {"height": 10, "width": 10},
        ),
        (Shape.image(3, 8, 9), [("maxpool", {"kernel_size": 8}), FREE], {"height": 8, "width": 8}),
        (Shape.image(3, 9, 9), [("conv2d", {"size": 2, "kernel_size": (4, 1)}), FREE], {"height": 4}),
        (Shape.image(3, 9, 9), [("conv2d", {"size": 2, "kernel_size": 3, "padding": 1}), FREE], {}),
        (Shape.image(3, 9, 9), [CONV, ("linear", {"size": 2})], {}),  # no axis is free
        (None, [("conv2d", {"size": (3, 2), "kernel_size": 9}), FREE], {"height": 9, "width": 9}),
        (
            Shape.image(3, 20, 20),
            [
                (
                    "branches",
                    {"paths": [[("conv2d", {"size": 2, "kernel_size": 7, "padding": 1})], [CONV, CONV]]},
                )
            ],
            {"height": 5, "width": 5},
        ),
        (Shape.tokens(9), [EMBEDDED, ("avgpool1d", {"kernel_size": 4}), FREE], {"token": 4}),
        (
            Shape.tokens(20),
            [
                ("embedding", {"size": (6, 4)}),
                ("positional_embedding", {"size": 20}),
                ("permute", {"axes": (2, 1)}),
                ("conv1d", {"size": 2, "kernel_size": 7}),
                FREE,
            ],
            {"token": 7},
        ),
        (Shape.sequence(9, 4), [("lstm", {"size": 3})], {}),
        (
            Shape((1, 9, 9, 9), ("channel", "depth", "height", "width")),
            [("avgpool", {"kernel_size": (1, 2, 4), "padding": (0, 1, 1)}), FREE],
            {"width": 2},
        ),
    ],
)
def test_the_smallest_size_of_each_free_axis(shape, layers, sizes):
    assert min_sizes(network(shape, *layers)) == sizes


def test_what_a_module_of_the_users_own_needs_is_not_known():
    definition = network(Shape.image(3, 9, 9), CONV, FREE)
    definition.add(3, torch.nn.Identity())
    assert min_sizes(definition) == {}


@pytest.mark.parametrize("kind", ["softmax", "tanh"])
def test_a_layer_and_its_activation_may_have_one_name(kind):
    definition = Definition(Shape.vector(4))
    definition.add(1, kind, kind)
    definition.add(2, "branches", None, {"paths": [[(kind, {"activation": kind})], []]})
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
    definition.add(1, module, "relu")
    net = definition.build()
    assert list(net) == [module, net.get_submodule("relu1_2")]
    assert list(net.state_dict()) == ["relu1.weight", "relu1.bias"]


def test_names_that_meet_are_told_apart():
    module = type("linear1", (torch.nn.Linear,), {})(4, 4)
    definition = Definition(Shape.vector(4))
    definition.add(2, module)
    definition.add(12, "linear", options={"size": 3})
    assert [placed.name for placed in definition.placed()] == ["linear12", "linear12_2"]


@pytest.mark.parametrize("axes", [(2, 3, 1), (2, 1, 3), (1, 2, 3)])
def test_softmax_is_over_the_channels_wherever_they_stand(axes):
    definition = network(Shape.image(3, 4, 5), ("permute", {"axes": axes}), ("softmax", {}))
    y = definition.build()(torch.randn(2, 3, 4, 5))
    torch.testing.assert_close(y.sum(axes.index(1) + 1), torch.ones(2, 4, 5))


@pytest.mark.parametrize("before", [[], [("identity", {})]])
def test_a_module_that_works_in_place_leaves_the_users_array_alone(before):
    definition = network(Shape.vector(4), *before)
    definition.add(9, torch.nn.ReLU(inplace=True))
    x = torch.full((3, 4), -1.0)
    assert definition.build()(x).sum() == 0
    assert x.sum() == -12


FIRST = ("conv2d", {"size": (3, 4), "kernel_size": 3})
ROUND_APART = [[("maxpool", {"kernel_size": 2})], [("avgpool", {"kernel_size": 1, "stride": 2})]]


@pytest.mark.parametrize(
    ("shape", "layers", "free"),
    [
        (Shape.image(1, 7, 6), [("squeeze", {}), ("lstm", {"size": 4})], (1, None, 6)),
        (Shape.image(1, 7, 6), [("squeeze", {}), ("linear", {"size": (6, 4)})], (1, None, 6)),
        (Shape.image(1, 7, 6), [("squeeze", {}), ("action_model", {"size": 4})], (1, None, 6)),
        (
            Shape.image(1, 7, 6),
            [("squeeze", {}), ("permute", {"axes": (2, 1)}), ("conv1d", {"size": 4, "kernel_size": 1})],
            (1, None, 6),
        ),
        (None, [FIRST, ("linear", {"size": (3600, 2)})], (3, 32, 32)),
        (None, [FIRST, ("linear", {"size": (26 * 26 * 4, 2)})], (3, 28, 28)),
        (None, [FIRST, ("linear", {"size": (17, 2)})], (3, None, None)),  # no square picture fits
        (None, [FIRST, ("branches", {"paths": ROUND_APART})], (3, 32, 32)),
        (None, [FIRST, ("global_avgpool", {})], (3, None, None)),
        (None, [("lstm", {"size": (4, 6)}), ("linear", {"size": (30, 3)})], (5, 4)),
        (None, [("lstm", {"size": (4, 6)}), ("linear", {"size": (6, 3)})], (None, 4)),
    ],
)
def test_only_sizes_that_may_vary_are_free(shape, layers, free):
    assert free_input(network(shape, *layers)).sizes == free

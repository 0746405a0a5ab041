"""Layers and options that `add` refuses."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime import LayerError
from support.definitions import network

from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.layers import make


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
            r"3 input channels for 3 channels x 20 x 20 from the data, got 1\. Use size=\(3, 3\)",
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
        definition = definition.with_layer(9, layer, options=options)
    assert definition.to_data() == before


@pytest.mark.parametrize(
    ("shape", "layer", "options", "noun"),
    [
        (Shape.signal(3, 20), "conv1d", {"size": (1, 4), "kernel_size": 3}, "channel"),
        (Shape.image(3, 9, 9), "conv2d", {"size": (1, 4), "kernel_size": 3}, "channel"),
        (Shape.image(3, 9, 9), "res_block", {"size": (1, 4)}, "channel"),
        (Shape.image(3, 9, 9), "batchnorm2d", {"size": 1}, "channel"),
        (Shape.vector(3), "batchnorm1d", {"size": 1}, "feature"),
        (Shape.sequence(5, 3), "lstm", {"size": (1, 4)}, "feature"),
        (Shape.sequence(5, 3), "layernorm", {"size": 1}, "feature"),
        (Shape.sequence(5, 3), "positional_embedding", {"size": (9, 1)}, "feature"),
        (Shape.sequence(5, 3), "transformer_encoder", {"size": (1, 4), "num_heads": 1}, "feature"),
    ],
)
def test_a_wrong_first_size_is_called_what_it_counts(shape, layer, options, noun):
    with pytest.raises(LayerError, match=f"expected 3 input {noun}s for .*, got 1"):
        network(shape, (layer, options))


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


def test_custom_is_no_name_to_choose():
    with pytest.raises(LayerError, match=r"unknown layer\. Known layers: action_model, ") as error:
        make("nothing", {})
    assert "custom" not in str(error.value)


def test_wrong_calls():
    definition = Definition(Shape.vector(4))
    with pytest.raises(LayerError, match=r"expected a layer, an activation or an optimizer"):
        definition = definition.with_layer(1, None)
    with pytest.raises(
        LayerError, match=r"expected a layer for the options slope. Write add\('leakyrelu', ...\)"
    ):
        definition = definition.with_layer(1, None, "leakyrelu", {"slope": 0.1})
    with pytest.raises(
        LayerError, match=r"activation='linear': expected an activation, got the layer 'linear'"
    ):
        definition = definition.with_layer(1, "linear", "linear", {"size": 3})
    with pytest.raises(LayerError, match=r"unknown activation. Did you mean 'softmax'"):
        definition = definition.with_layer(1, "linear", "softmaxx", {"size": 3})

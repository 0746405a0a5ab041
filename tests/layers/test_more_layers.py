"""Separable convolutions, local response normalisation, global pooling, and the order of axes."""

from __future__ import annotations

import re

import pytest
import torch
from onnxnn_runtime import LayerError
from support.layers import CONV, IMAGE, SIGNAL, VECTOR, count, network
from torch.nn import functional as F

from onnxnn.graph.shape import Shape

SEQUENCE = Shape.sequence(5, 4)


VOLUME = Shape((4, 3, 9, 8), ("channel", "depth", "height", "width"))


# ---- the siblings --------------------------------------------------------------------------------


def test_a_separable_convolution_has_few_weights():
    options = {"size": (4, 10), "kernel_size": 3, "bias": False}
    assert count(network(("separable_conv2d", options))) == 4 * 9 + 4 * 10
    full = network(("conv2d", options))
    separable = network(("separable_conv2d", options))
    assert separable.output_shape == full.output_shape
    assert separable.multiply_adds() * 90 == full.multiply_adds() * 19  # 1/10 + 1/9


def test_local_response_normalisation_is_its_formula():
    x = torch.rand(1, 4, 2, 2)
    net = network(
        ("lrn", {"size": 3, "alpha": 0.6, "beta": 0.5, "k": 2.0}), shape=Shape.image(4, 2, 2)
    ).build()
    squares = F.pad(x**2, (0, 0, 0, 0, 1, 1))
    sums = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    assert torch.allclose(net(x), x / (2 + 0.6 / 3 * sums) ** 0.5)


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({"size": 4}, IMAGE, "expected size to be odd, as many channels before as after: 3 or 5, got 4"),
        ({"k": 0.0}, IMAGE, "expected alpha of at least 0 and k above 0"),
        ({"beta": None}, IMAGE, "expected beta to be a finite number, got None"),
        ({}, SEQUENCE, "expected an image"),
    ],
)
def test_lrn_refuses(options, shape, message):
    with pytest.raises(LayerError, match=message):
        network(("lrn", options), shape=shape)


@pytest.mark.parametrize(
    ("shape", "over"), [(IMAGE, (2, 3)), (SIGNAL, 2), (VOLUME, (2, 3, 4)), (SEQUENCE, 1)]
)
def test_global_pooling_leaves_one_value_for_each_channel(shape, over):
    x = torch.randn(2, *shape.sizes)
    for name, expected in (("mean", x.mean(over)), ("Global_MaxPool", x.amax(over))):
        definition = network((name, {}), shape=shape)
        assert definition.output_shape == VECTOR
        assert torch.allclose(definition.build()(x), expected)


def test_global_pooling_needs_something_to_pool():
    with pytest.raises(
        LayerError, match=r"expected \(channels, height, width\), .*got 4 features from the data"
    ):
        network(("mean", {}), shape=VECTOR)


@pytest.mark.parametrize(
    ("name", "options", "shape", "message"),
    [
        (
            "maxpool1d",
            {"kernel_size": 2},
            IMAGE,
            r"add\('maxpool1d'.* expected a signal \(channels, length\)",
        ),
        ("avgpool1d", {"kernel_size": 2}, VECTOR, r"add\('avgpool1d'.* expected a signal"),
        (
            "avgpool",
            {"kernel_size": 2},
            SEQUENCE,
            r"To slide along the steps, put add\('permute', axes=\(2, 1\)",
        ),
        (
            "maxpool",
            {"kernel_size": 2},
            Shape((4, 3, 8), ("channel", "time", "height")),
            r"expected an image .*, got 4 channels x 3 steps x height 8 from the data",
        ),
        (
            "maxpool",
            {"kernel_size": (2, 3), "padding": (1,)},
            IMAGE,
            r"different lengths: kernel_size=\(2, 3\), padding=\(1,\)",
        ),
        (
            "conv2d",
            {"size": 2, "kernel_size": 3, "dilation": 5},
            IMAGE,
            r"F = 5 x \(3 - 1\) \+ 1 = 11 with a dilation of 5\)\. Use a kernel_size of at most 2,",
        ),
        (
            "maxpool3d",
            {"kernel_size": 2},
            IMAGE,
            r"expected a volume \(channels, depth, height, width\)",
        ),
        ("maxpool3d", {"kernel_size": 4}, VOLUME, r"along the depth N = \(W - F \+ 2P\)/S \+ 1"),
        (
            "conv3d",
            {"size": 2, "kernel_size": 1},
            IMAGE,
            r"expected a volume \(channels, depth, height, width\)",
        ),
        ("conv3d", {"size": (3, 2), "kernel_size": 1}, VOLUME, r"Use size=\(4, 2\)"),
        ("batchnorm3d", {}, IMAGE, r"expected a volume .* Use 'batchnorm2d' here"),
        ("batchnorm2d", {}, VOLUME, r"Use 'batchnorm3d' here"),
        (
            "separable_conv2d",
            {"size": 2, "kernel_size": 10},
            IMAGE,
            "expected a larger input, .* along the height",
        ),
        ("separable_conv2d", {"size": 2, "kernel_size": 1}, VECTOR, "expected an image"),
        (
            "permute",
            {"axes": (2, 2)},
            SEQUENCE,
            r"expected axes to be each axis of a sample once.*got \(2, 2\)",
        ),
        ("permute", {"axes": ()}, SEQUENCE, "each axis of a sample"),
        ("permute", {"axes": ("time", 1)}, SEQUENCE, "counted from 1"),
        ("permute", {"axes": (2.0, 1.0)}, SEQUENCE, "counted from 1"),
        ("permute", {"axes": (2, 1)}, IMAGE, "expected axes to hold each of 1 to 3 once"),
    ],
)
def test_siblings_refuse(name, options, shape, message):
    with pytest.raises(LayerError, match=message):
        network((name, options), shape=shape)


def test_the_largest_kernel_named_can_be_used():
    for padding, kernel in ((0, 2), (1, 2), (4, 4)):
        options = {"size": 2, "dilation": 5, "padding": padding}
        with pytest.raises(LayerError, match=f"a kernel_size of at most {kernel},"):
            network(("conv2d", {**options, "kernel_size": kernel + 1}), shape=Shape.image(4, 8, 8))
        network(("conv2d", {**options, "kernel_size": kernel}), shape=Shape.image(4, 8, 8))


@pytest.mark.parametrize(("axes", "back"), [((2, 3, 1), (3, 1, 2)), ((3, 2, 1), (3, 2, 1))])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("batchnorm2d", {}),
        ("conv2d", {"size": 2, "kernel_size": 1}),
        ("maxpool", {"kernel_size": 2}),
        ("global_avgpool", {}),
        ("res_block", {"size": 2}),
        ("mobilenet_backbone", {"width": 0.35}),
    ],
)
def test_images_out_of_order_are_put_back(name, options, axes, back):
    turned = ("permute", {"axes": axes})
    with pytest.raises(LayerError, match=re.escape(f"Put add('permute', axes={back}) before it")):
        network(turned, (name, options))
    network(turned, ("permute", {"axes": back}), (name, options))


def test_height_and_width_are_named_where_they_stand_elsewhere():
    with pytest.raises(
        LayerError, match=r"4 channels x width 8 x height 9 .* add\('permute', axes=\(1, 3, 2\)\)"
    ):
        network(("permute", {"axes": (1, 3, 2)}), CONV)


@pytest.mark.parametrize("kind", ["maxpool1d", "avgpool1d", "conv1d"])
def test_signals_after_an_embedding_can_be_had_in_two_ways(kind):
    options = {"kernel_size": 2, **({"size": 3} if kind == "conv1d" else {})}
    tokens = Shape.tokens(5, vocabulary=9)
    with pytest.raises(
        LayerError, match=r"channels_first=True in the embedding, or put add\('permute', axes=\(2"
    ):
        network(("embedding", {"size": 4}), (kind, options), shape=tokens)
    network(("embedding", {"size": 4, "channels_first": True}), (kind, options), shape=tokens)
    network(("embedding", {"size": 4}), ("permute", {"axes": (2, 1)}), (kind, options), shape=tokens)


def test_windows_of_a_mean_may_reach_over_a_small_volume():
    volume = Shape((4, 1, 1, 3), ("channel", "depth", "height", "width"))
    definition = network(("avgpool", {"kernel_size": 2, "padding": 1}), shape=volume)
    x = torch.rand(2, 4, 1, 1, 3)
    larger = F.pad(x, (1,) * 6)
    assert torch.equal(definition.build()(x), F.avg_pool3d(larger, 2))
    assert definition.output_shape.sizes == (4, 1, 1, 2)


def test_a_sequence_becomes_a_signal_and_back():
    turned = network(("permute", {"axes": (2, 1)}), shape=SEQUENCE)
    assert turned.output_shape == Shape.signal(4, 5)
    assert network(("permute", {"axes": (0, 2, 1)}), shape=Shape.signal(4, 5)).output_shape == SEQUENCE
    x = torch.rand(2, 5, 4)
    assert torch.equal(turned.build()(x), x.transpose(1, 2))
    convolved = network(
        ("permute", {"axes": (2, 1)}), ("conv1d", {"size": 3, "kernel_size": 3}), shape=SEQUENCE
    )
    assert convolved.output_shape == Shape.signal(3, 3)


def test_without_data_the_first_layers_own_size_counts():
    for name, options in (
        ("res_block", {"size": (3, 8)}),
        ("inception", {"size": (3, 1, (1, 1), (1, 1), 1)}),
        ("separable_conv2d", {"size": (3, 8), "kernel_size": 3}),
    ):
        assert network((name, options), shape=None).input_shape == Shape.image(3, None, None)
    with pytest.raises(LayerError, match="the shape of its input is not known"):
        network(("res_block", {"size": 8}), shape=None)

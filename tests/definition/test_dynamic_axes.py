"""Free sizes: which axes may vary, and how small they may be."""

from __future__ import annotations

import pytest
import torch
from support.definitions import network

from onnxnn.definition.dynamic_axes import free_input, min_sizes
from onnxnn.graph.shape import Shape

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


def test_what_a_custom_module_needs_is_not_known():
    definition = network(Shape.image(3, 9, 9), CONV, FREE)
    definition = definition.with_layer(3, torch.nn.Identity())
    assert min_sizes(definition) == {}


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
        (None, [FIRST, ("linear", {"size": (17, 2)})], (3, None, None)),  # no square image has that size
        (None, [FIRST, ("branches", {"paths": ROUND_APART})], (3, 32, 32)),
        (None, [FIRST, ("global_avgpool", {})], (3, None, None)),
        (None, [("lstm", {"size": (4, 6)}), ("linear", {"size": (30, 3)})], (5, 4)),
        (None, [("lstm", {"size": (4, 6)}), ("linear", {"size": (6, 3)})], (None, 4)),
    ],
)
def test_only_sizes_that_may_vary_are_free(shape, layers, free):
    assert free_input(network(shape, *layers)).sizes == free

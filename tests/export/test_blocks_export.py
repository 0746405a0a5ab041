"""Exported blocks: what batch normalisation may be folded into, every opset, whole lesson networks."""

from __future__ import annotations

import pytest
import torch
from support.onnx_check import emit, largest_difference, shake

from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape

IMAGE = Shape.image(3, 12, 10)


def network(*layers, shape=IMAGE):
    definition = Definition(shape)
    for number, (name, options) in enumerate(layers, 1):
        definition = definition.with_layer(number, name, options=options)
    return definition


def conv(size=4, kernel_size=3, padding=1):
    return "conv2d", {"size": size, "kernel_size": kernel_size, "padding": padding}


def check(definition, opset=13, shapes=()):
    torch.manual_seed(0)
    net = definition.build()
    shake(net)
    assert largest_difference(definition, net, [definition.input_shape, *shapes], opset) <= 1e-5


BYPASS = ("branches", {"paths": [[("batchnorm2d", {}), conv()], []], "merge": "add"})


def test_a_batch_normalisation_in_a_branch_leaves_the_bypass_alone():
    definition = network(conv(), BYPASS)
    check(definition, shapes=[Shape.image(3, 15, 13)])
    kinds = [node.op_type for node in emit(definition, definition.build()).graph.node]
    assert kinds == ["Conv", "Mul", "Add", "Conv", "Add"]


def test_inside_a_branch_it_is_folded():
    path = [conv(), ("batchnorm2d", {}), ("relu", {})]
    definition = network(
        conv(), ("branches", {"paths": [path, [conv(), "batchnorm2d"]]}), ("batchnorm2d", {})
    )
    check(definition)
    kinds = [node.op_type for node in emit(definition, definition.build()).graph.node]
    assert kinds == ["Conv", "Conv", "Relu", "Conv", "Concat", "Mul", "Add"]


def test_branches_that_only_pass_on():
    check(network(("branches", {"paths": [[], ["dropout"], ["identity"]], "merge": "add"}), conv()))
    check(network(conv(), ("branches", {"paths": [[], []]}), ("batchnorm2d", {})))


def test_branches_in_branches_after_a_convolution():
    inner = ("branches", {"paths": [["batchnorm2d"], ["batchnorm2d", "relu"], []], "merge": "add"})
    check(network(conv(), ("branches", {"paths": [[inner], [], [conv(), inner]]})))


def test_a_residual_block_after_a_convolution_folds_nothing_into_it():
    definition = network(conv(), ("res_block", {"size": 4}), ("batchnorm2d", {}))
    check(definition)
    kinds = [node.op_type for node in emit(definition, definition.build()).graph.node]
    assert kinds == ["Conv", "Conv", "Relu", "Conv", "Add", "Relu", "Mul", "Add"]


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 18, 20])
def test_every_opset(opset):
    check(
        network(
            conv(),
            ("lrn", {}),
            ("inception", {"size": (None, 2, (2, 3), (1, 2), 1)}),
            ("auxiliary_head", {"size": 2}),
            ("res_bottleneck", {"size": 2, "stride": 2}),
            ("separable_conv2d", {"size": 4, "kernel_size": 3}),
            BYPASS,
            ("branches", {"paths": [["global_avgpool"], ["global_maxpool"]]}),
        ),
        opset,
    )
    sequence = Shape.sequence(6, 4)
    for pooling in ("global_avgpool", "global_maxpool"):
        check(network((pooling, {}), shape=sequence), opset, [Shape.sequence(9, 4)])


def test_convolutions_of_text():
    """Two one-dimensional convolutions, the mean of all places, one unit: a sequence of any length."""
    definition = network(
        ("permute", {"axes": (2, 1)}),
        ("conv1d", {"size": 5, "kernel_size": 3}),
        ("maxpool1d", {"kernel_size": 2}),
        ("conv1d", {"size": 6, "kernel_size": 3}),
        ("mean", {}),
        ("linear", {"size": 1}),
        ("sigmoid", {}),
        shape=Shape.sequence(20, 4),
    )
    check(definition, shapes=[Shape.sequence(31, 4)])


def test_convolutions_of_video():
    shape = Shape((3, 6, 12, 10), ("channel", "depth", "height", "width"))
    definition = network(
        ("conv3d", {"size": 4, "kernel_size": 3, "padding": 1}),
        ("batchnorm3d", {}),
        ("relu", {}),
        ("maxpool3d", {"kernel_size": 2}),
        ("conv3d", {"size": 5, "kernel_size": (1, 3, 3), "bias": False}),
        ("global_avgpool", {}),
        ("linear", {"size": 2}),
        shape=shape,
    )
    check(definition, shapes=[shape.with_sizes(depth=9, height=13)])
    kinds = [node.op_type for node in emit(definition, definition.build()).graph.node]
    assert "Mul" not in kinds


def test_separable_convolutions_with_global_pooling():
    definition = network(
        ("separable_conv2d", {"size": 8, "kernel_size": 3}),
        ("batchnorm2d", {}),
        ("relu", {}),
        ("maxpool", {"kernel_size": 2}),
        ("separable_conv2d", {"size": 12, "kernel_size": 3, "bias": False}),
        ("batchnorm2d", {}),
        ("global_avgpool", {}),
        ("linear", {"size": 2}),
    )
    check(definition, shapes=[Shape.image(3, 15, 17)])
    kinds = [node.op_type for node in emit(definition, definition.build()).graph.node]
    assert "Mul" not in kinds

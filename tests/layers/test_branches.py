"""Branches: added or side by side, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from onnxnn_runtime import LayerError
from support.layers import CONV, IMAGE, network
from torch.nn import functional as F

from onnxnn.definition.definition import Definition
from onnxnn.definition.dynamic_axes import free_input
from onnxnn.graph.shape import Shape

# ---- branches ------------------------------------------------------------------------------------


VOCABULARIES = ("source_vocab", "target_vocab")


def test_branches_are_added_or_put_side_by_side():
    x = torch.randn(2, 4, 9, 8)
    paths = [[("relu", {})], ["tanh"], []]
    added = network(("branches", {"paths": paths, "merge": "ADD"}))
    assert torch.allclose(added.build()(x), F.relu(x) + torch.tanh(x) + x)
    assert added.output_shape == IMAGE
    joined = network(("branches", {"paths": paths}))
    assert torch.equal(joined.build()(x), torch.cat([F.relu(x), torch.tanh(x), x], 1))
    assert joined.output_shape == Shape.image(12, 9, 8)


def test_branches_spelled_as_recipes_have_them():
    one = network(("branches", {"paths": [[{"conv2d": {"size": 4, "kernel_size": 1}}, "relu"], ["relu"]]}))
    other = network(("branches", {"paths": [[("conv2d", {"size": 4, "kernel_size": 1}), "relu"], ["relu"]]}))
    assert one.to_data() == other.to_data()


def test_an_activation_follows_its_layer():
    path = [("conv2d", {"size": 4, "kernel_size": 1, "activation": "ReLU"})]
    definition = network(("branches", {"paths": [path, []], "merge": "add"}))
    assert list(definition.build().state_dict()) == ["branches1.0.conv2d1.weight", "branches1.0.conv2d1.bias"]
    (data,) = definition.to_data()
    assert data["options"]["paths"][0] == [
        ["conv2d", {"size": [4, 4], "kernel_size": 1, "activation": "relu"}]
    ]
    x = torch.randn(2, 4, 9, 8)
    net = definition.build()
    assert torch.equal(net(x), F.relu(F.conv2d(x, *net.parameters())) + x)


def test_branches_that_round_alike_leave_the_image_size_free():
    alike = [
        [("maxpool", {"kernel_size": 3, "stride": 2, "padding": 1})],
        [("avgpool", {"kernel_size": 1, "stride": 2})],
    ]
    free = free_input(network(("branches", {"paths": alike})))
    assert free.sizes == (4, None, None)
    apart = [[("maxpool", {"kernel_size": 2})], [("avgpool", {"kernel_size": 1, "stride": 2})]]
    shape = Shape.image(4, 8, 8)  # at 9 x 9 they would not merge
    assert free_input(network(("branches", {"paths": apart}), shape=shape)) == shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"paths": [[("conv2d", {"size": 5, "kernel_size": 3, "padding": 1})], []], "merge": "add"},
            r"equal shapes to add, got branch 1: 5 channels x 9 x 8, branch 2: 4 channels x 9 x 8\. "
            r"Put a conv2d with kernel_size=1",
        ),
        (
            {"paths": [[("conv2d", {"size": 5, "kernel_size": 3})], []]},
            r"only in channels .*, got branch 1: 5 channels x 7 x 6, branch 2: 4 channels x 9 x 8\.",
        ),
        ({"paths": [["flatten"], []]}, r"branch 1: 288 features, branch 2: 4 channels x 9 x 8"),
        ({"paths": [[], []], "merge": "ad"}, r"unknown merge 'ad'. Did you mean 'add'\? Known: concat, add"),
        ({"paths": [[]]}, r"two or more branches, each a list of \(layer, options\)"),
        ({"paths": "relu"}, r"two or more branches.* got 'relu'"),
        ({"paths": [[], "relu"]}, r"branch 2: expected a list of \(layer, options\).* got 'relu'"),
        ({"paths": [[], [3]]}, r"branch 2: expected \(layer, options\), .* got 3\."),
        (
            {"paths": [[], [torch.nn.ReLU()]]},
            r"branch 2: expected .* got an object of type ReLU\. .*goes into add itself",
        ),
        (
            {"paths": [[], [("relu", 3)]]},
            r"branch 2: expected the options of 'relu' to be \{name: value\}, got 3",
        ),
        ({"paths": [[], ["rellu"]]}, r"branch 2: add\('rellu'\): unknown layer. Did you mean 'relu'\?"),
        (
            {"paths": [[], [("conv2d", {"size": (3, 4), "kernel_size": 1})]]},
            r"branch 2: add\('conv2d'.*Use size=\(4, 4\)",
        ),
        (
            {"paths": [[], [("relu", {"activation": "flatten"})]]},
            r"branch 2: activation='flatten': expected an activation, got the layer 'flatten'",
        ),
        (
            {"paths": [[], [("relu", {"activation": "conv2d"})]]},
            r"branch 2: activation='conv2d': expected an activation, got the layer 'conv2d'",
        ),
        (
            {"paths": [[], [("relu", {"activation": "rel"})]]},
            r"activation='rel': unknown activation. Did you mean 'relu'\? Known: elu, gelu, identity,",
        ),
        (
            {"paths": [[], [("custom", {"class_name": "X"})]]},
            r"branch 2: add\('custom'\): .* Pass the module itself",
        ),
        ({"paths": [[], ["diffusion_model"]]}, r"branch 2: add\('diffusion_model'\): a whole network"),
        (
            {
                "paths": [
                    [],
                    [("transformer", {**dict.fromkeys(VOCABULARIES, 5), "size": (4, 4), "max_length": 5})],
                ]
            },
            r"branch 2: add\('transformer', .*: a whole network",
        ),
    ],
)
def test_branches_refuse(options, message):
    with pytest.raises(LayerError, match=message):
        network(("branches", options))


def test_branches_of_another_height_and_width_are_refused():
    paths = [[("conv2d", {"size": 2, "kernel_size": 3})], []]
    with pytest.raises(
        LayerError, match=r"equal shapes to add, .*\. For kernels of odd size padding=kernel_size"
    ):
        network(("branches", {"paths": paths, "merge": "add"}))


def test_branches_of_vectors_that_cannot_be_added():
    paths = [[("linear", {"size": 4})], [("linear", {"size": 6})]]
    with pytest.raises(
        LayerError, match=r"equal shapes to add, .*\. Put a linear layer with the other branch's number"
    ):
        network(("branches", {"paths": paths, "merge": "add"}), shape=Shape.vector(8))


def test_a_mobilenet_in_a_branch_takes_its_classes_from_the_data():
    definition = Definition(IMAGE)
    definition = definition.with_num_classes(5)
    definition = definition.with_layer(
        1, "branches", options={"paths": [[("mobilenet", {"width": 0.35})], [CONV, "mean"]]}
    )
    assert definition.output_shape == Shape.vector(9)
    assert Definition.from_data(definition.to_data(), IMAGE).output_shape == Shape.vector(9)


def test_paths_are_given_by_name():
    with pytest.raises(
        LayerError, match=r"expected an activation's name\. Write the options of a layer with"
    ):
        Definition(IMAGE).with_layer(1, "branches", [[], []], {"merge": "add"})

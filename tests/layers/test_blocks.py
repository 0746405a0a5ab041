"""Residual blocks, branches, Inception and their siblings: what they compute and what they refuse."""

from __future__ import annotations

import re

import pytest
import torch
from onnxnn_runtime import LayerError
from torch.nn import functional as F

from onnxnn.definition.definition import Definition
from onnxnn.definition.dynamic_axes import free_input
from onnxnn.graph.shape import Shape

IMAGE, SIGNAL, VECTOR = Shape.image(4, 9, 8), Shape.signal(4, 9), Shape.vector(4)
SEQUENCE = Shape.sequence(5, 4)
VOLUME = Shape((4, 3, 9, 8), ("channel", "depth", "height", "width"))


def network(*layers, shape=IMAGE):
    definition = Definition(shape)
    for number, (name, options) in enumerate(layers, 1):
        definition.add(number, name, options=options)
    return definition


def count(definition):
    return sum(p.numel() for p in definition.build().parameters())


# ---- residual blocks -----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "second"), [("Res_Block", 6), ("RES_BOTTLENECK", 24)])
def test_two_blocks_are_two_calls(kind, second):
    at_once = network((kind, {"size": (4, 6), "num_blocks": 2, "stride": 2}))
    in_turn = network((kind, {"size": (4, 6), "stride": 2}), (kind, {"size": (second, 6)}))
    assert at_once.output_shape == in_turn.output_shape
    assert at_once.multiply_adds() == in_turn.multiply_adds()
    first, other = at_once.build().train(), in_turn.build().train()
    values = first.state_dict().values()
    other.load_state_dict(dict(zip(other.state_dict(), values, strict=True)))
    x = torch.rand(3, 4, 9, 8)
    assert torch.equal(first(x), other(x))


def test_names_and_order_within_a_block_are_torchvisions():
    names = list(network(("res_bottleneck", {"size": (4, 2), "stride": 2})).build().state_dict())
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
    inside = ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "downsample.0", "downsample.1")
    assert layers == [f"res_bottleneck1.0.{name}" for name in inside]


def test_the_shortcut_is_x_itself_where_it_fits():
    block = network(("res_block", {"size": (4, 4)})).build().eval()
    assert not any("downsample" in name for name in block.state_dict())
    for parameter in block.get_submodule("res_block1.0.bn2").parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.randn(2, 4, 9, 8)
    assert torch.equal(block(x), F.relu(x))


def test_a_bottlenecks_stride_is_the_3x3s():
    block = network(("res_bottleneck", {"size": (4, 2), "stride": 2})).build()
    assert block.get_submodule("res_bottleneck1.0.conv2").stride == (2, 2)


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        (
            {"size": (3, 6)},
            IMAGE,
            r"expected an input size of 4 for 4 channels x 9 x 8 from the data, got 3. Use size=\(4, 6\)",
        ),
        ({"size": 6}, SIGNAL, r"expected an image \(channels, height, width\), got "),
        ({"size": 6, "num_blocks": 0}, IMAGE, r"expected num_blocks to be an integer of at least 1, got 0"),
        ({"size": 6, "stride": 0}, IMAGE, r"expected stride to be an integer of at least 1, got 0"),
        ({"size": (4, 6, 8)}, IMAGE, r"expected size to be \(input channels, channels\), .*got \(4, 6, 8\)"),
        ({"size": 6, "num_block": 2}, IMAGE, r"unknown option 'num_block'. Did you mean 'num_blocks'\?"),
    ],
)
def test_residual_blocks_refuse(options, shape, message):
    with pytest.raises(LayerError, match=message):
        network(("res_block", options), shape=shape)


def test_channels_of_unknown_number_are_refused():
    with pytest.raises(LayerError, match=r"expected a fixed input size, got [?] channels x 9 x 8"):
        network(("res_block", {"size": 6}), shape=Shape.image(None, 9, 8))


# ---- branches ------------------------------------------------------------------------------------


VOCABULARIES = ("source_vocab", "target_vocab")
CONV = ("conv2d", {"size": 4, "kernel_size": 3, "padding": 1})


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


def test_branches_that_round_alike_leave_the_picture_size_free():
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


def test_branches_of_another_height_and_width_are_told_to_keep_it():
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
    definition.num_classes = 5
    definition.add(1, "branches", options={"paths": [[("mobilenet", {"width": 0.35})], [CONV, "mean"]]})
    assert definition.output_shape == Shape.vector(9)
    assert Definition.from_data(definition.to_data(), IMAGE).output_shape == Shape.vector(9)


def test_paths_are_given_by_name():
    with pytest.raises(
        LayerError, match=r"expected an activation's name\. Write the options of a layer with"
    ):
        Definition(IMAGE).add(1, "branches", [[], []], {"merge": "add"})


# ---- Inception and auxiliary heads ---------------------------------------------------------------


def test_inceptions_parameters_and_channels_are_the_papers():
    # Table 1, row inception (3a): 256 channels at 28 x 28 by 159 K weights and 128 M multiply-adds.
    layer = {"size": (192, 64, (96, 128), (16, 32), 32)}
    definition = network(("inception", layer), shape=Shape.image(192, 28, 28))
    assert definition.output_shape == Shape.image(256, 28, 28)
    assert count(definition) == pytest.approx(159e3, rel=0.03)
    assert definition.multiply_adds() == pytest.approx(128e6, rel=0.01)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((4, 1, (2, 3), (2, 3)), r"to be \(input channels, c1, \(r3, c3\), \(r5, c5\), pool\)"),
        ((4, 1, 2, (2, 3), 1), "such as"),
        ((4, 1, (2, 0), (2, 3), 1), "integers of at least 1"),
        (7, "got 7"),
        ((3, 1, (2, 3), (2, 3), 1), r"Use size=\(4, 1, \(2, 3\), \(2, 3\), 1\)"),
    ],
)
def test_inception_refuses(size, message):
    with pytest.raises(LayerError, match=message):
        network(("inception", {"size": size}))


def test_what_goes_through_inceptions_keeps_its_size():
    """He et al. 2015: weights of variance 2 / fan-in keep the mean square behind relu from layer to layer."""
    torch.manual_seed(0)
    net = network(
        ("inception", {"size": (64, 64, (64, 64), (64, 64), 64)}), shape=Shape.image(64, 9, 8)
    ).build()
    convolutions = [part for part in net.modules() if isinstance(part, torch.nn.Conv2d)]
    assert len(convolutions) == 6
    for conv in convolutions:
        fan_in = conv.weight[0].numel()
        assert conv.weight.var().item() == pytest.approx(2 / fan_in, rel=0.1)
        assert not conv.bias.any()


def test_an_auxiliary_head_returns_its_input_and_scores_in_training():
    net = network(("auxiliary_head", {"size": 3, "weight": 0.2})).build().train()
    x = torch.randn(2, 4, 9, 8)
    assert torch.equal(net(x), x)
    ((weight, scores),) = net.auxiliary()
    assert weight == 0.2
    assert scores.shape == (2, 3)
    assert list(net.auxiliary()) == []  # taken once
    net.eval()(x)
    assert list(net.auxiliary()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (3, 2)}, r"Use size=\(4, 2\)"),
        ({"size": 2, "weight": -1}, r"expected weight to be a number of at least 0, got -1"),
        ({"size": 2, "weight": "big"}, r"expected weight to be a finite number, got 'big'"),
    ],
)
def test_auxiliary_heads_refuse(options, message):
    with pytest.raises(LayerError, match=message):
        network(("auxiliary_head", options))


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


def test_the_largest_kernel_named_fits():
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

"""Residual blocks: what they compute and what they refuse."""

from __future__ import annotations

import pytest
import torch
from onnxnn_runtime import LayerError
from support.layers import IMAGE, SIGNAL, network
from torch.nn import functional as F

from onnxnn.graph.shape import Shape

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


def test_the_shortcut_is_x_itself_where_shapes_agree():
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
            r"expected 4 input channels for 4 channels x 9 x 8 from the data, got 3. Use size=\(4, 6\)",
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
    with pytest.raises(LayerError, match=r"a fixed number of input channels, got [?] channels x 9 x 8"):
        network(("res_block", {"size": 6}), shape=Shape.image(None, 9, 8))

"""Inception and auxiliary heads."""

from __future__ import annotations

import pytest
import torch
from onnxnn_runtime import LayerError
from support.layers import count, network

from onnxnn.graph.shape import Shape

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
    """He et al. 2015: weights of variance 2 / fan-in keep the mean square after relu from layer to layer."""
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

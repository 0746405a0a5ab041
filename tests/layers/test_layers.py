"""Every registered layer: shape, JSON round trip, gradient, and the same numbers from ONNX Runtime."""

from __future__ import annotations

import json

import pytest
import torch
from support.layer_examples import EXAMPLES, IMAGE, SEQUENCE, SIGNAL, VECTOR
from support.onnx_check import emit, largest_difference, random_input, shake

from onnxnn.definition.definition import Definition
from onnxnn.definition.dynamic_axes import free_input
from onnxnn.graph.shape import Shape
from onnxnn.layers import registry
from onnxnn.layers.custom import Custom
from onnxnn.layers.denormalize import Denormalize, Exponential
from onnxnn.layers.diffusion import DiffusionModel
from onnxnn.layers.transformer import Transformer

ROWS = [pytest.param(k, o, s, id=f"{k}-{i}") for k, v in EXAMPLES.items() for i, (o, s) in enumerate(v)]


def network(kind: str, options: dict, shape: Shape) -> Definition:
    definition = Definition(shape)
    definition = definition.with_layer(1, kind, options=options)
    return definition


def test_every_layer_has_a_row():
    assert set(EXAMPLES) == set(registry)
    assert [kind for kind, rows in EXAMPLES.items() if not rows] == [
        Custom.kind,
        Denormalize.kind,
        Exponential.kind,
        DiffusionModel.kind,
        Transformer.kind,
    ]


@pytest.mark.parametrize(("kind", "options", "shape"), ROWS)
def test_shape_is_what_torch_gives(kind, options, shape):
    definition = network(kind, options, shape)
    y = definition.build().eval()(random_input(shape, 2))
    assert tuple(y.shape) == (2, *definition.output_shape.sizes)


@pytest.mark.parametrize(("kind", "options", "shape"), ROWS)
def test_round_trip_through_json(kind, options, shape):
    definition = network(kind, options, shape)
    data = json.loads(json.dumps(definition.to_data()))
    again = Definition.from_data(data, shape)
    assert again.to_data() == definition.to_data()
    assert [(p.layer, p.out_shape) for p in again.placed()] == [
        (p.layer, p.out_shape) for p in definition.placed()
    ]
    net = again.build()
    net.load_state_dict(definition.build().state_dict())


@pytest.mark.parametrize(("kind", "options", "shape"), ROWS)
def test_gradient_reaches_input_and_weights(kind, options, shape):
    net = network(kind, options, shape).build()
    x = random_input(shape, 4).requires_grad_(shape.axes != ("token",))
    loss = (net(x) ** 2).sum()
    (loss + sum(weight * (scores**2).sum() for weight, scores in net.auxiliary())).backward()
    if x.requires_grad:
        assert x.grad is not None
        assert torch.isfinite(x.grad).all()
        assert x.grad.abs().sum() > 0
    learned = [p for p in net.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in learned)
    assert not learned or any(p.grad.abs().sum() > 0 for p in learned)


@pytest.mark.parametrize(("kind", "options", "shape"), ROWS)
def test_onnx_gives_the_same(kind, options, shape):
    torch.manual_seed(0)
    definition = network(kind, options, shape)
    net = definition.build()
    shake(net)
    free = free_input(definition)
    other = shape.with_sizes(
        **{a: n + 3 for a, n, f in zip(shape.axes, shape.sizes, free.sizes, strict=True) if f is None}
    )
    assert largest_difference(definition, net, [shape, other]) <= 1e-5


@pytest.mark.parametrize(("kind", "options", "shape"), ROWS)
def test_nodes_carry_the_layers_name(kind, options, shape):
    definition = network(kind, options, shape)
    names = [node.name for node in emit(definition, definition.build()).graph.node]
    if kind not in ("identity", "dropout", "auxiliary_head", "part0") and not (
        kind == "flatten" and len(shape) == 1
    ):
        assert any(f"{name}/".startswith(f"{kind}1/") for name in names)


@pytest.mark.parametrize(
    ("kind", "shape", "free"),
    [
        ("conv2d", IMAGE, ["height", "width"]),
        ("maxpool", IMAGE, ["height", "width"]),
        ("conv1d", SIGNAL, ["length"]),
        ("mobilenet_backbone", Shape.image(3, 28, 28), ["height", "width"]),
        ("efficientnet_lite0", Shape.image(3, 33, 40), ["height", "width"]),
        ("relu", SEQUENCE, ["time"]),
        ("linear", VECTOR, []),
    ],
)
def test_free_axes(kind, shape, free):
    options = next(options for options, s in EXAMPLES[kind] if s == shape)
    found = free_input(network(kind, options, shape))
    assert [axis for axis, size in zip(found.axes, found.sizes, strict=True) if size is None] == free

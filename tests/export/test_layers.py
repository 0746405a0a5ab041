"""Every registered layer: shape, JSON round trip, gradient, and the same numbers from ONNX Runtime."""

from __future__ import annotations

import json

import pytest
import torch
from onnx_check import emit, largest_difference, shake

from onnxnn.definition import Definition
from onnxnn.layers import registry
from onnxnn.layers.custom import Custom
from onnxnn.shape import Shape

IMAGE, SIGNAL, VECTOR, SEQUENCE = (
    Shape.image(6, 13, 11),
    Shape.signal(6, 12),
    Shape.vector(6),
    Shape.sequence(5, 6),
)

EVERY_SHAPE = [({}, IMAGE), ({}, SIGNAL), ({}, VECTOR), ({}, SEQUENCE)]

EXAMPLES = {
    "avgpool": [
        ({"kernel_size": 2}, IMAGE),
        ({"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}, IMAGE),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, SIGNAL),
    ],
    "batchnorm1d": [({"size": 6}, VECTOR), ({}, SIGNAL), ({"size": 6}, SEQUENCE)],
    "batchnorm2d": [({"size": 6}, IMAGE), ({}, IMAGE)],
    "conv1d": [
        ({"size": (6, 4), "kernel_size": 3}, SIGNAL),
        ({"size": 4, "kernel_size": 3, "stride": 2, "padding": 1, "groups": 2, "dilation": 2}, SIGNAL),
        ({"size": (5, 2), "kernel_size": 3, "bias": False}, SEQUENCE),
    ],
    "conv2d": [
        ({"size": (6, 4), "kernel_size": (3, 3)}, IMAGE),
        ({"size": 4, "kernel_size": (5, 2), "stride": (2, 1), "padding": (2, 1), "bias": False}, IMAGE),
        ({"size": (6, 6), "kernel_size": 3, "groups": 6, "dilation": (2, 1)}, IMAGE),
    ],
    "custom": [],  # in test_custom.py: its option is a module, not JSON
    "dropout": [({}, IMAGE), ({"p": 0.2}, VECTOR)],
    "elu": [*EVERY_SHAPE, ({"alpha": 0.5}, VECTOR)],
    "flatten": EVERY_SHAPE,
    "gelu": EVERY_SHAPE,
    "identity": EVERY_SHAPE,
    "leakyrelu": [*EVERY_SHAPE, ({"slope": 0.01}, VECTOR)],
    "linear": [
        ({"size": (6, 4)}, VECTOR),
        ({"size": 4, "bias": False}, IMAGE),
        ({"size": (6, 4)}, SEQUENCE),
        ({"size": (6, 4), "bias": False}, SEQUENCE),
        ({"size": (30, 4)}, SEQUENCE),
    ],
    "maxpool": [
        ({"kernel_size": 2}, IMAGE),
        ({"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}, IMAGE),
        ({"kernel_size": 3, "stride": 2, "padding": 1}, SIGNAL),
    ],
    "mobilenet": [({"num_classes": 5, "width": 0.35}, Shape.image(3, 40, 33))],
    "mobilenet_backbone": [
        ({"width": 0.35}, Shape.image(3, 28, 28)),
        ({"width": 0.1, "trainable": False}, Shape.image(1, 8, 8)),
    ],
    "normalize": [
        ({"mean": 0.5, "std": 0.25}, IMAGE),
        ({"mean": (0, 1, 2, 3, 4, 5), "std": (1, 2, 3, 4, 5, 6)}, IMAGE),
        ({"mean": (0, 1, 2, 3, 4, 5), "std": 2.0}, VECTOR),
        ({"mean": (0, 1, 2, 3, 4, 5), "std": 2.0}, SEQUENCE),
    ],
    "relu": EVERY_SHAPE,
    "relu6": EVERY_SHAPE,
    "reshape": [
        ({}, IMAGE),
        ({"size": (6, -1)}, IMAGE),
        ({"size": (6, 11, 13)}, IMAGE),
        ({"size": (3, 2), "axes": ("time", "feature")}, VECTOR),
    ],
    "sigmoid": EVERY_SHAPE,
    "silu": EVERY_SHAPE,
    "softmax": EVERY_SHAPE,
    "tanh": EVERY_SHAPE,
}
"""Options and the shape that arrives, for every layer."""

ROWS = [pytest.param(k, o, s, id=f"{k}-{i}") for k, v in EXAMPLES.items() for i, (o, s) in enumerate(v)]


def network(kind: str, options: dict, shape: Shape) -> Definition:
    definition = Definition(shape)
    definition.add(1, kind, options=options)
    return definition


def test_every_layer_has_a_row():
    assert set(EXAMPLES) == set(registry)
    assert [kind for kind, rows in EXAMPLES.items() if not rows] == [Custom.kind]


@pytest.mark.parametrize(("kind", "options", "shape"), ROWS)
def test_shape_is_what_torch_gives(kind, options, shape):
    definition = network(kind, options, shape)
    y = definition.build().eval()(torch.rand(2, *shape.sizes))
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
    x = torch.rand(4, *shape.sizes, requires_grad=True)
    (net(x) ** 2).sum().backward()
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
    free = definition.free_input()
    other = shape.with_sizes(
        **{a: n + 3 for a, n, f in zip(shape.axes, shape.sizes, free.sizes, strict=True) if f is None}
    )
    assert largest_difference(definition, net, [shape, other]) <= 1e-5


@pytest.mark.parametrize(("kind", "options", "shape"), ROWS)
def test_first_node_carries_the_layers_name(kind, options, shape):
    definition = network(kind, options, shape)
    nodes = emit(definition, definition.build()).graph.node
    if kind not in ("identity", "dropout") and not (kind == "flatten" and len(shape) == 1):
        assert f"{kind}1" in [node.name for node in nodes]


@pytest.mark.parametrize(
    ("kind", "shape", "free"),
    [
        ("conv2d", IMAGE, ["height", "width"]),
        ("maxpool", IMAGE, ["height", "width"]),
        ("conv1d", SIGNAL, ["length"]),
        ("mobilenet_backbone", Shape.image(3, 28, 28), ["height", "width"]),
        ("relu", SEQUENCE, ["time"]),
        ("linear", VECTOR, []),
    ],
)
def test_free_axes(kind, shape, free):
    options = next(options for options, s in EXAMPLES[kind] if s == shape)
    found = network(kind, options, shape).free_input()
    assert [axis for axis, size in zip(found.axes, found.sizes, strict=True) if size is None] == free

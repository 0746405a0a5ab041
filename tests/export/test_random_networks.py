"""Random valid networks: the same numbers in torch, in ONNX Runtime, and after a round trip through JSON."""

from __future__ import annotations

import json

import numpy as np
import onnxnn_runtime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxnn_runtime import InputError, InputSpec, LayerError, ModelCard, OutputSpec
from support.onnx_check import largest_difference, random_input, shake

from onnxnn.definition.definition import Definition
from onnxnn.definition.dynamic_axes import free_input, min_sizes
from onnxnn.export.model import build_model
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of
from onnxnn.layers import make

ACTIVATIONS = (
    "relu", "softmax", "tanh", "sigmoid", "leakyrelu", "relu6", "gelu", "silu", "elu", "identity",
)  # fmt: skip

DIVIDE_BY_A_DEVIATION = ("layernorm", "transformer_encoder")

small = st.integers(1, 3)
pair = st.one_of(small, st.tuples(small, small))
convolution = st.fixed_dictionaries(
    {"size": st.integers(1, 6), "kernel_size": small},
    optional={"stride": small, "padding": st.integers(0, 2), "dilation": small, "bias": st.booleans()},
)
pooling = st.fixed_dictionaries(
    {"kernel_size": st.integers(2, 3)}, optional={"stride": small, "padding": st.integers(0, 1)}
)
layers = st.one_of(
    st.tuples(st.sampled_from(["conv2d", "conv1d"]), convolution),
    st.tuples(st.sampled_from(["maxpool", "avgpool"]), pooling),
    st.tuples(st.sampled_from(["batchnorm1d", "batchnorm2d", "dropout", "flatten"]), st.just({})),
    st.tuples(st.sampled_from(["layernorm", "global_maxpool", "global_avgpool"]), st.just({})),
    st.tuples(st.just("positional_embedding"), st.just({"size": 40})),
    st.tuples(
        st.just("transformer_encoder"), st.fixed_dictionaries({"size": small, "num_heads": st.just(1)})
    ),
    st.tuples(st.just("linear"), st.fixed_dictionaries({"size": st.integers(1, 6)})),
)
shapes = st.sampled_from(
    [Shape.image(2, 13, 11), Shape.signal(3, 17), Shape.vector(5), Shape.sequence(4, 6), Shape.image(3, 7, 9)]
)


@pytest.mark.filterwarnings("ignore:the same .* layers stand twice")
@settings(max_examples=80, deadline=None)
@given(
    shape=shapes,
    steps=st.lists(
        st.tuples(layers, st.one_of(st.none(), st.sampled_from(ACTIVATIONS))), min_size=1, max_size=7
    ),
    opset=st.sampled_from([9, 10, 11, 12, 13, 14, 17, 18, 20, 21]),
    normalised=st.booleans(),
)
def test_random_network(shape, steps, opset, normalised):
    definition = Definition()
    definition = definition.with_input(shape)
    if normalised:
        definition = definition.with_input(shape, make("normalize", {"mean": 0.2, "std": 0.5}))
    for index, ((layer, options), activation) in enumerate(steps, 1):
        if layer in DIVIDE_BY_A_DEVIATION and min(definition.output_shape.sizes) < 4:
            continue  # of two or three values it may be nothing but rounding errors, which then grow large
        try:
            definition = definition.with_layer(index, layer, activation, options)
        except LayerError:
            continue  # what does not fit is refused, and the network is as before
    if not definition.entries:
        return
    torch.manual_seed(0)
    net = definition.build()
    shake(net)
    free = free_input(definition)
    bigger = {a: n + 5 for a, n, f in zip(shape.axes, shape.sizes, free.sizes, strict=True) if f is None}
    assert largest_difference(definition, net, [shape, shape.with_sizes(**bigger)], opset) <= 1e-5
    again = Definition.from_data(json.loads(json.dumps(definition.to_data())), shape)
    assert again.to_data() == definition.to_data()
    assert again.output_shape == definition.output_shape
    other = again.build().eval()
    other.load_state_dict(net.state_dict())
    x = torch.rand(2, *shape.sizes)
    with torch.no_grad():
        assert torch.equal(other(x), net.eval()(x))


spread = st.integers(2, 4)
window = st.fixed_dictionaries(
    {"kernel_size": spread}, optional={"stride": small, "padding": st.integers(0, 2), "dilation": small}
)
pool = st.fixed_dictionaries(
    {"kernel_size": st.integers(2, 5)}, optional={"stride": small, "padding": st.integers(0, 1)}
)
BEGINNINGS = {
    "conv2d": (Shape.image(2, 41, 36), ()),
    "conv3d": (Shape((1, 19, 23, 21), ("channel", "depth", "height", "width")), ()),
    "conv1d": (Shape.signal(2, 37), ()),
    "permute": (Shape.sequence(31, 3), (("permute", {"axes": (2, 1)}),)),
    "embedding": (Shape.tokens(34), (("embedding", {"size": (6, 3), "channels_first": True}),)),
}


def spelled_out(step, conv):
    layer, options = step
    if layer == "branches":
        return layer, {"paths": [[(conv, {"size": 2, **each})] for each in options]}
    return (conv, {"size": 2, **options}) if layer == "conv" else (layer, options)


@settings(max_examples=60, deadline=None)
@given(
    beginning=st.sampled_from(sorted(BEGINNINGS)),
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("conv"), window),
            st.tuples(st.sampled_from(["maxpool", "avgpool"]), pool),
            st.tuples(st.just("branches"), st.tuples(window, window)),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_the_smallest_sizes_are_where_torch_and_the_file_begin_to_refuse(beginning, steps):
    shape, layers = BEGINNINGS[beginning]
    conv = beginning if beginning.startswith("conv") else "conv1d"
    definition = Definition(shape)
    for index, (layer, options) in enumerate([*layers, *(spelled_out(step, conv) for step in steps)], 1):
        try:
            definition = definition.with_layer(index, layer, options=options)
        except LayerError:
            continue
    definition = definition.with_layer(9, "global_avgpool")
    net = definition.build().eval()
    free = free_input(definition)
    names = [axis for axis, size in zip(free.axes, free.sizes, strict=True) if size is None]
    found = min_sizes(definition)
    smallest = shape.with_sizes(**{axis: found.get(axis, 1) for axis in names})
    kind = "tokens" if shape.axes == ("token",) else "array"
    card = ModelCard("reg", (), InputSpec(kind, ()), OutputSpec("values", ()))
    model = onnxnn_runtime.load(
        build_model(kind_of("cls", definition), net, card, free)[1].SerializeToString(), device="cpu"
    )
    x = random_input(smallest, 2)
    with torch.no_grad():
        np.testing.assert_allclose(model.infer(x.numpy()), net(x).numpy(), atol=1e-5)
    for axis, size in found.items():
        x = random_input(smallest.with_sizes(**{axis: size - 1}), 2)
        with pytest.raises(RuntimeError), torch.no_grad():
            net(x)
        with pytest.raises(InputError, match=r"input: expected .*at least"):
            model.infer(x.numpy())

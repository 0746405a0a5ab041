"""Random valid networks: the same numbers in torch, in ONNX Runtime, and after a round trip through JSON."""

from __future__ import annotations

import json

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_check import largest_difference, shake
from onnxnn_runtime import LayerError

from onnxnn.definition import Definition
from onnxnn.layers import make
from onnxnn.shape import Shape

ACTIVATIONS = (
    "relu", "softmax", "tanh", "sigmoid", "leakyrelu", "relu6", "gelu", "silu", "elu", "identity",
)  # fmt: skip

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
    [Shape.image(2, 13, 11), Shape.signal(3, 17), Shape.vector(5), Shape.sequence(4, 3), Shape.image(3, 7, 9)]
)


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
    definition.set_input(shape)
    if normalised:
        definition.set_input(shape, make("normalize", {"mean": 0.2, "std": 0.5}))
    for index, ((layer, options), activation) in enumerate(steps, 1):
        try:
            definition.add(index, layer, activation, options)
        except LayerError:
            continue  # what does not fit is refused, and the network is as before
    if not definition.entries:
        return
    torch.manual_seed(0)
    net = definition.build()
    shake(net)
    free = definition.free_input()
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

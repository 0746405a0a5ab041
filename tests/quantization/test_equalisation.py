"""Equalised channels leave what a network computes as it was, and have ranges of similar size."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from onnxnn.quantization.equalisation import equalized, ranks_of, tied_values
from onnxnn.quantization.running import Runner
from onnxnn.quantization.statistics import channel_peaks

CHANNELS = 6


class Writer:
    """Writes a graph of convolutions with random weights whose channels differ a hundredfold."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def node(self, operator, *inputs, **attributes) -> str:
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, array) -> str:
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def layer(self, x: str, inputs: int, outputs: int, groups: int = 1, size: int = 3, bias=True) -> str:
        weights = self.random.normal(size=(outputs, inputs // groups, size, size))
        weights *= 10 ** self.random.uniform(-1, 1, (outputs, 1, 1, 1))
        weights /= np.linalg.norm(weights)
        given = [x, self.constant(weights)]
        if bias:
            given.append(self.constant(self.random.normal(size=outputs) / 10))
        return self.node("Conv", *given, group=groups, pads=[size // 2] * 4, kernel_shape=[size, size])

    def relu6(self, x: str) -> str:
        return self.node("Clip", x, self.constant(0.0), self.constant(0.02))  # which many values exceed

    def model(self, *outputs: str) -> ModelProto:
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])
        graph = helper.make_graph(self.nodes, "g", [given], values, self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)

    def images(self) -> list[dict[str, np.ndarray]]:
        return [{"x": self.random.normal(size=(4, 3, 8, 8)).astype(np.float32)} for _ in range(3)]


def chain(writer: Writer) -> str:
    """Write convolutions of random kinds one after the other, and return the last value."""
    x, channels = "x", 3
    for _ in range(writer.random.integers(2, 6)):
        if channels > 3 and writer.random.random() < 0.4:
            groups = int(writer.random.choice([channels, 3]))
            x = writer.layer(x, channels, channels, groups)
        else:
            x = writer.layer(x, channels, CHANNELS, size=int(writer.random.choice([1, 3])))
            channels = CHANNELS
        between = writer.random.choice(["Relu", "Clip", "MaxPool", "AveragePool", "none", "residual"])
        if between == "Relu":
            x = writer.node("Relu", x)
        elif between == "Clip":
            x = writer.relu6(x)
        elif between == "residual":
            before = x
            x = writer.node("Add", before, writer.layer(writer.node("Relu", x), channels, channels))
        elif between != "none":
            x = writer.node(str(between), x, kernel_shape=[3, 3], pads=[1] * 4)
    return x


def balanced(model: ModelProto, writer: Writer) -> ModelProto:
    return equalized(model, channel_peaks(model, ranks_of(model, tied_values(model)), writer.images()))


def difference(before: ModelProto, after: ModelProto, writer: Writer) -> float:
    """Return the largest difference of the outputs as a share of the largest number."""
    feeds, names = writer.images()[0], [value.name for value in before.graph.output]
    pairs = zip(*(Runner(model, exact=False).run(feeds, names) for model in (before, after)), strict=True)
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs)


@pytest.mark.parametrize("seed", range(40))
def test_random_chains_compute_the_same(seed):
    writer = Writer(seed)
    model = writer.model(chain(writer))
    assert difference(model, balanced(model, writer), writer) <= 1e-5


def test_most_random_chains_have_values_to_scale():
    models = [(writer := Writer(seed)).model(chain(writer)) for seed in range(40)]
    assert sum(bool(tied_values(model)) for model in models) > 20


@pytest.mark.parametrize("depthwise", [False, True])
def test_channels_get_similar_ranges(depthwise):
    writer = Writer(1)
    first = writer.node("Relu", writer.layer("x", 3, CHANNELS))
    second = writer.layer(first, CHANNELS, CHANNELS, CHANNELS if depthwise else 1)
    model = writer.model(second)
    (tied,) = tied_values(model)
    assert tied.measured == (first,), "what only passes through a ReLU has no range of its own"
    made = balanced(model, writer)
    assert difference(model, made, writer) <= 1e-5
    peaks = [channel_peaks(each, {first: 4}, writer.images())[first] for each in (model, made)]
    spread = [each.max() / each.min() for each in peaks]
    assert spread[1] < (1.5 if depthwise else spread[0] / 2)


def test_each_channel_has_its_range_before_in_proportion_to_that_of_the_weights_after():
    """With s = sqrt(r1 / r2) both become sqrt(r1 r2), but for a factor that all channels share."""
    writer = Writer(1)
    first = writer.node("Relu", writer.layer("x", 3, CHANNELS))
    model = writer.model(writer.layer(first, CHANNELS, CHANNELS))
    images = writer.images()
    made = equalized(model, channel_peaks(model, {first: 4}, images))
    peaks = channel_peaks(made, {first: 4}, images)[first]
    read = np.abs(numpy_helper.to_array(made.graph.initializer[2])).max((0, 2, 3))
    np.testing.assert_allclose(peaks / read, np.full(CHANNELS, peaks[0] / read[0]), rtol=1e-3)


def test_the_branches_of_a_value_are_scaled_together():
    writer = Writer(2)
    x = writer.layer("x", 3, CHANNELS)
    block = writer.layer(writer.node("Relu", writer.layer(x, CHANNELS, 4)), 4, CHANNELS)
    both = writer.node("Add", x, block)
    model = writer.model(writer.layer(both, CHANNELS, 2), writer.layer(both, CHANNELS, 3))
    assert sorted(len(each.makers) + len(each.readers) for each in tied_values(model)) == [2, 5]
    made = balanced(model, writer)
    assert difference(model, made, writer) <= 1e-5
    changed = [a != b for a, b in zip(model.graph.initializer, made.graph.initializer, strict=True)]
    assert sum(changed) >= 6


def relu6(writer):
    return writer.layer(writer.relu6(writer.layer("x", 3, CHANNELS)), CHANNELS, 2)


def residual_of_the_input(writer):
    return writer.layer(writer.node("Add", "x", writer.layer("x", 3, 3)), 3, 2)


def another_reader(writer):
    x = writer.layer("x", 3, CHANNELS)
    return writer.node("Add", writer.layer(x, CHANNELS, CHANNELS), writer.node("Sigmoid", x))


def a_constant_is_added(writer):
    x = writer.node("Add", writer.layer("x", 3, CHANNELS), writer.constant(0.5))
    return writer.layer(x, CHANNELS, 2)


def weights_are_shared(writer):
    weights = writer.constant(writer.random.normal(size=(3, 3, 1, 1)))
    return writer.node("Conv", writer.node("Conv", "x", weights), weights)


def channels_are_broadcast(writer):
    one, all_of_them = writer.layer("x", 3, 1), writer.layer("x", 3, CHANNELS)
    return writer.layer(writer.node("Add", one, all_of_them), CHANNELS, 2)


@pytest.mark.parametrize(
    "write",
    [
        relu6,
        residual_of_the_input,
        another_reader,
        a_constant_is_added,
        weights_are_shared,
        channels_are_broadcast,
    ],
)
def test_what_is_not_homogeneous_stays_as_it_is(write):
    writer = Writer(3)
    model = writer.model(write(writer))
    assert tied_values(model) == []
    assert equalized(model, {}) == model


def test_an_output_of_the_graph_stays_as_it_is():
    writer = Writer(4)
    x = writer.layer("x", 3, CHANNELS)
    assert tied_values(writer.model(x, writer.layer(x, CHANNELS, 2))) == []


def test_channels_that_are_always_0_stay_finite():
    writer = Writer(5)
    x = writer.layer("x", 3, CHANNELS)
    bias = next(each for each in writer.weights if each.dims == [CHANNELS])
    bias.CopyFrom(numpy_helper.from_array(np.full(CHANNELS, -100, np.float32), bias.name))
    model = writer.model(writer.layer(writer.node("Relu", x), CHANNELS, 2))
    assert (
        equalized(model, channel_peaks(model, ranks_of(model, tied_values(model)), writer.images())) == model
    )

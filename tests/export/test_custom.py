"""A user's own torch modules: tried when added, exported by torch's exporters, checked."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnxnn_runtime import InputSpec, LayerError, ModelCard, OutputSpec, load
from support.onnx_check import shake
from torch import nn

from onnxnn.definition.definition import Definition
from onnxnn.export.exporter import export_onnx
from onnxnn.export.options import ExportOptions
from onnxnn.graph.nodes import MOST_PARTS
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of
from onnxnn.layers.custom import MissingModuleError


class Residual(nn.Module):
    """A small convolutional block that works for any size."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, stride=2)

    def forward(self, x):
        return self.conv2(torch.relu(self.norm(self.conv1(x)) + x))


class LSTMModel(nn.Module):
    """Classifier of pose sequences, as lessons write it: `squeeze()` stumbles over a batch of one."""

    def __init__(self, actions) -> None:
        super().__init__()
        self.lstm1 = nn.LSTM(132, 16, batch_first=True)
        self.dropout1 = nn.Dropout(0.2)
        self.lstm2 = nn.LSTM(16, 12, batch_first=True)
        self.lstm3 = nn.LSTM(12, 12, batch_first=True)
        self.bn = nn.BatchNorm1d(12)
        self.dense = nn.Linear(12, len(actions))
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        x, _ = self.lstm1(x)
        x = self.dropout1(x)
        x, _ = self.lstm2(x)
        x, _ = self.lstm3(x[:, -1, :].unsqueeze(1))
        x = self.bn(x.squeeze())
        return self.softmax(self.dense(x))


class Broken(nn.Module):
    def forward(self, x):
        return x @ torch.zeros(3, 3)


class WithoutBatch(nn.Module):
    def forward(self, x):
        return x.sum()


def card(kind: str, classes: tuple[str, ...]) -> ModelCard:
    return ModelCard("cls", (), InputSpec(kind, ()), OutputSpec("classes", (), classes))


def network(module: nn.Module, shape: Shape, *more) -> Definition:
    definition = Definition(shape)
    definition = definition.with_layer(1, module)
    for index, (layer, options) in enumerate(more, 2):
        definition = definition.with_layer(index, layer, options=options)
    return definition


@pytest.mark.parametrize("opset", [10, 13, 17])
def test_convolutional_block_between_layers(tmp_path, opset):
    torch.manual_seed(0)
    definition = Definition(Shape.image(3, 12, 10))
    definition = definition.with_layer(
        1, "conv2d", options={"size": (3, 4), "kernel_size": 3}, activation="relu"
    )
    definition = definition.with_layer(2, Residual())
    definition = definition.with_layer(3, "batchnorm2d", options={"size": 4})
    net = definition.build()
    shake(net)
    report = export_onnx(
        kind_of("cls", definition),
        net,
        card("array", ()),
        tmp_path / "block.onnx",
        ExportOptions(opset_version=opset),
    )
    assert report.parity["absolute"] <= 1e-5
    model = load(tmp_path / "block.onnx", device="cpu")
    assert model.card.input.shape == ("batch", 3, "height", "width")
    assert model.infer(np.zeros((2, 3, 20, 31), np.float32)).shape == (2, 4, 9, 15)


def test_the_lessons_lstm_works_on_a_batch_of_one(tmp_path, capfd):
    torch.manual_seed(0)
    definition = network(LSTMModel("abc"), Shape.sequence(30, 132))
    net = definition.build()
    shake(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2)
    assert definition.output_shape == Shape.vector(3)
    report = export_onnx(
        kind_of("cls", definition), net, card("sequence", tuple("abc")), tmp_path / "pose.onnx"
    )
    assert report.parity["absolute"] <= 1e-5
    model = load(tmp_path / "pose.onnx", device="cpu")
    x = np.random.default_rng(0).random((4, 30, 132), np.float32)
    one_by_one = np.concatenate([model.infer(sample[np.newaxis]) for sample in x])
    np.testing.assert_allclose(one_by_one, model.infer(x), atol=1e-6)
    said = capfd.readouterr()
    assert "torch.onnx" not in said.out + said.err


def test_its_weights_carry_the_layers_name(tmp_path):
    net = network(Residual(), Shape.image(4, 8, 8)).build()
    assert "Residual1.conv1.weight" in net.state_dict()


def test_a_module_that_fails_is_refused_and_the_network_is_as_before():
    definition = Definition(Shape.vector(4))
    with pytest.raises(LayerError, match=r"add\(Broken\(\.\.\.\)\): it fails for 4 features"):
        definition = definition.with_layer(1, Broken())
    assert definition.entries == []


def test_a_module_must_keep_the_batch_axis():
    with pytest.raises(LayerError, match=r"expected forward to return one tensor, .* got \(\)"):
        network(WithoutBatch(), Shape.vector(4))


def test_something_else_is_no_layer():
    with pytest.raises(
        LayerError, match=r"expected a layer's name such as 'linear' or a torch.nn.Module, got int"
    ):
        Definition(Shape.vector(4)).with_layer(1, 5)


def test_a_module_takes_no_options():
    with pytest.raises(LayerError, match="a module has no options"):
        Definition(Shape.vector(4)).with_layer(1, nn.Linear(4, 2), options={"size": 3})


def test_trying_a_module_leaves_its_mode_and_statistics():
    module = Residual().train()
    before = module.norm.running_mean.clone()
    network(module, Shape.image(4, 8, 8))
    assert module.training
    assert torch.equal(module.norm.running_mean, before)


def test_loading_asks_for_the_module():
    definition = network(Residual(), Shape.image(4, 8, 8))
    with pytest.raises(MissingModuleError, match=r"call model.add\(Residual\(...\)\) before loading"):
        Definition.from_data(definition.to_data(), Shape.image(4, 8, 8))
    again = Definition.from_data(definition.to_data(), Shape.image(4, 8, 8), [Residual()])
    assert again.output_shape == definition.output_shape


class Whole(nn.Module):
    """Gives the number of the largest value."""

    def forward(self, x):
        return x.argmax(1, keepdim=True)


class Clamped(nn.Module):
    """Leaves tokens tokens."""

    def forward(self, x):
        return x.clamp(max=2)


class Values(nn.Module):
    """Makes numbers of tokens."""

    def forward(self, x):
        return x.float()


def test_a_module_gives_floats_or_tokens_of_tokens():
    with pytest.raises(LayerError, match=r"expected forward to return float32, got int64"):
        Definition(Shape.vector(4)).with_layer(1, Whole())
    for module, axes in ((Clamped(), ("token",)), (Values(), ("feature",))):
        definition = Definition(Shape.tokens(5, vocabulary=9))
        definition = definition.with_layer(1, module)
        assert definition.output_shape.axes == axes


class Chunks(nn.Module):
    """Many parts of the features, as torch cuts them."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.linear = nn.Linear(5, 20)

    def forward(self, x):
        y = self.linear(x)
        if self.how == "chunk":
            parts = y.chunk(10, dim=-1)
        elif self.how == "split":
            parts = y.split([1, 2, 3, 1, 2, 3, 8], dim=-1)
        else:
            parts = [part.unsqueeze(-1) for part in y.unbind(-1)]
        return torch.cat([torch.tanh(part) * (i + 1) for i, part in enumerate(parts)], dim=-1)


@pytest.mark.parametrize("how", ["chunk", "split", "unbind"])
@pytest.mark.parametrize("opset", [11, 13, 18])
def test_many_parts_are_no_split_that_webgpu_refuses(tmp_path, how, opset):
    definition = network(Chunks(how), Shape.vector(5))
    path = tmp_path / "a.onnx"
    options = ExportOptions(opset_version=opset)
    report = export_onnx(kind_of("cls", definition), definition.build(), card("array", ()), path, options)
    assert report.parity["absolute"] <= 1e-5
    splits = [node for node in onnx.load(path).graph.node if node.op_type == "Split"]
    assert all(len(node.output) <= MOST_PARTS for node in splits)

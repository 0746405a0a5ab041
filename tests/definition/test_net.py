"""The torch module of a network: the mode that calls leave it in, states handed to the right layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.definition.module import evaluating
from onnxnn.graph.shape import Shape

IMAGES = np.random.default_rng(0).random((4, 3, 8, 8), dtype=np.float32)
SOURCE, TARGET = np.array([[5, 7, 3], [4, 6, 3]]), np.array([[1, 3, 7, 2], [1, 3, 6, 2]])


def classifier(folder):
    model = nn("cls", verbose=0, save_fold=str(folder))
    model.load_dataset(IMAGES, [0, 1, 0, 1])
    model.add("conv2d", size=(3, 4), kernel_size=3, activation="relu")
    model.add("batchnorm2d")
    model.add("dropout")
    model.add("global_avgpool")
    model.add("linear", size=(4, 2), activation="softmax")
    return model


def writer(folder):
    model = nn("gen", verbose=0, save_fold=str(folder))
    model.load_dataset([[0, 1, 2, 1]], word2idx={"a": 0, "b": 1, "c": 2})
    model.add("em_lstm", size=(4, 6))
    return model


def translator(folder):
    model = nn("gen", verbose=0, save_fold=str(folder))
    model.load_dataset(SOURCE, TARGET)
    model.add("transformer", source_vocab=9, target_vocab=9, size=(8, 16), max_length=6)
    return model


def modes(model):
    return {module.training for module in model.model.modules()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("make", "use"),
    [
        (classifier, lambda model, folder: model.inference(IMAGES)),
        (classifier, lambda model, folder: model.evaluate((IMAGES, [0, 1, 0, 1]))),
        (classifier, lambda model, folder: model.extract_feature(IMAGES)),
        (classifier, lambda model, folder: model.visual_feature(IMAGES[:1], save_fold=folder)),
        (classifier, lambda model, folder: model.export(folder / "net.onnx")),
        (writer, lambda model, folder: model.generate("a", length=4)),
        (writer, lambda model, folder: model.inference("ab")),
        (translator, lambda model, folder: model.generate([5, 7])),
        (translator, lambda model, folder: model.inference((SOURCE, TARGET))),
        (translator, lambda model, folder: model.evaluate((SOURCE, TARGET))),
    ],
    ids=[
        *("inference", "evaluate", "extract_feature", "visual_feature", "export"),
        *("generate", "next token", "translate", "next tokens", "evaluate pairs"),
    ],
)
def test_using_a_network_leaves_its_mode_as_it_was(tmp_path, make, use, training):
    model = make(tmp_path)
    model.model.train(training)
    use(model, tmp_path)
    assert modes(model) == {training}


@pytest.mark.parametrize(
    ("make", "use"),
    [
        (classifier, lambda model: model.inference(IMAGES)),
        (writer, lambda model: model.generate("a", temperature=0)),
        (translator, lambda model: model.inference((SOURCE, TARGET))),
    ],
)
def test_dropout_and_batch_statistics_do_not_act_outside_of_training(tmp_path, make, use):
    model = make(tmp_path)
    model.model.train()
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    np.testing.assert_array_equal(use(model), use(model))
    assert all(torch.equal(value, before[name]) for name, value in model.model.state_dict().items())


@pytest.mark.parametrize("make", [classifier, writer, translator])
def test_a_trained_network_is_in_evaluation_mode(tmp_path, make):
    model = make(tmp_path)
    model.train(epochs=1)
    assert modes(model) == {False}


def test_an_error_leaves_the_mode_as_it_was():
    module = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(4, 2))
    with pytest.raises(RuntimeError, match="shapes"), evaluating(module):
        module(torch.zeros(1, 3))
    assert module[0].training


@pytest.mark.parametrize("kinds", [("gru", "gru"), ("lstm", "lstm"), ("rnn", "lstm"), ("lstm", "gru")])
def test_each_recurrent_layer_continues_from_its_own_state(kinds):
    torch.manual_seed(0)
    made = Definition(Shape.sequence(6, 5))
    for number, kind in enumerate(kinds, 1):
        made = made.with_layer(number, kind, options={"size": 5})
    net, x = made.build().eval(), torch.randn(2, 6, 5)
    whole, end = net.step(x)
    first, states = net.step(x[:, :3])
    second, after = net.step(x[:, 3:], states)
    torch.testing.assert_close(torch.cat((first, second), 1), whole)
    torch.testing.assert_close(after, end)


def test_the_device_is_that_of_the_weights():
    made = Definition(Shape.vector(3))
    made = made.with_layer(1, "relu")
    assert made.build().device == torch.device("cpu")
    made = made.with_layer(2, "linear", options={"size": 2})
    assert made.build().to("meta").device == torch.device("meta")

"""Auxiliary classifiers: their loss is part of training, and nothing of them remains after it."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest
import torch
from onnxnn_runtime.errors import TrainingError
from torch.nn import functional as F

from onnxnn import nn
from onnxnn.graph.shape import Shape
from onnxnn.training import losses
from onnxnn.training.learner import Learner


def network(weight):
    torch.manual_seed(0)
    model = nn("cls", verbose=0)
    draw = np.random.default_rng(0)
    model.load_dataset(
        draw.random((12, 3, 8, 8), np.float32), np.arange(12) % 3, classes=["a", "b", "c"], shuffle=False
    )
    model.add("conv2d", size=4, kernel_size=3, padding=1, activation="relu")
    model.add("auxiliary_head", size=3, weight=weight)
    model.add("global_avgpool")
    model.add("linear", size=3, activation="softmax")
    model.add(optimizer="SGD")
    assert model.model is not None  # drawn now, from this seed
    return model


@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "mse"])
def test_the_loss_of_training_is_the_sum(loss, tmp_path):
    found = {}
    for weight in (0.0, 0.3, 0.6):
        model = network(weight)
        torch.manual_seed(1)  # the same dropout
        found[weight] = model.train(lr=1e-9, epochs=1, loss=loss, save_fold=str(tmp_path))[0]["loss"]
    draw = np.random.default_rng(0)
    data = draw.random((12, 3, 8, 8), np.float32), np.arange(12) % 3
    own = network(0.3).evaluate(data, loss=loss)["loss"]
    assert found[0.0] == pytest.approx(own, rel=1e-4)
    assert found[0.3] > found[0.0]
    assert found[0.6] - found[0.0] == pytest.approx(2 * (found[0.3] - found[0.0]), rel=1e-3)


@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "MSELoss"])
def test_a_heads_scores_end_like_the_network(loss):
    net = network(0.3).model
    head = net.auxiliary_head2.classifier
    head[-2].p = 0.0
    x, target = torch.rand(5, 3, 8, 8), torch.arange(5) % 3
    learner = Learner(net, losses.make(loss, net, Shape.vector(3), num_classes=3)).train()
    scores = head(net[:2](x))
    if loss == "MSELoss":
        one_hot = F.one_hot(target, 3).float()
        beside, own = F.mse_loss(scores.softmax(1), one_hot), F.mse_loss(net(x), one_hot)
    else:
        beside, own = F.cross_entropy(scores, target), F.cross_entropy(net.logits(x), target)
    torch.testing.assert_close(learner(x, target)[0], own + 0.3 * beside)


def test_the_head_learns_and_is_kept_in_the_checkpoint_but_not_in_the_file(tmp_path):
    model = network(0.3)
    name = "auxiliary_head2.classifier.1.weight"
    before = model.model.state_dict()[name].clone()
    model.train(lr=0.1, epochs=1, save_fold=str(tmp_path))
    assert not torch.equal(model.model.state_dict()[name], before)
    again = nn("cls", verbose=0)
    again.load(tmp_path / "basenn.pth")
    assert torch.equal(again.model.state_dict()[name], model.model.state_dict()[name])
    again.export(tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert not any("auxiliary" in part.name for part in (*graph.initializer, *graph.node))


def test_a_network_may_be_copied_after_training(tmp_path):
    model = network(0.3)
    model.train(lr=0.1, epochs=1, save_fold=str(tmp_path))
    copy.deepcopy(model.model)  # no graph of the last batch is kept


def test_vectors_are_not_learned_beside_classes(tmp_path):
    model = nn("embed", verbose=0)
    draw = np.random.default_rng(0)
    model.load_dataset(draw.random((8, 3, 8, 8), np.float32), np.arange(8) % 2)
    model.add("auxiliary_head", size=2)
    model.add("linear", size=5)
    with pytest.raises(TrainingError, match="got scores of classes from 'auxiliary_head'"):
        model.train(epochs=1, loss="ArcFace", save_fold=str(tmp_path))

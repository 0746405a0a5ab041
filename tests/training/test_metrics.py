"""Metrics by name, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import TrainingError
from torch import nn as torch_nn

from onnxnn.definition.definition import Net
from onnxnn.graph.shape import Shape
from onnxnn.training import losses, metrics


@pytest.fixture(scope="module")
def reference():
    from sklearn import metrics  # it takes long to import

    return metrics


def measured(name, net, output, target, task="cls", classes=3, batches=3):
    """A metric summed over batches, as training does."""
    loss = losses.make(None, net, Shape.vector(output.shape[1]), task, classes)
    (metric,) = metrics.make([name], net, loss, task, classes)
    parts = zip(output.chunk(batches), target.chunk(batches), strict=True)
    return metric.value(sum(metric.count(*part) for part in parts))


@pytest.fixture
def scores():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(50, 3, generator=generator), torch.randint(0, 3, (50,), generator=generator)


@pytest.mark.parametrize("one_hot", [False, True])
def test_accuracy_and_f1_of_classes(scores, one_hot, reference):
    output, target = scores
    found = output.argmax(1).numpy()
    net = Net(torch_nn.Softmax(dim=1))
    given = torch.nn.functional.one_hot(target, 3).float() if one_hot else target
    assert measured("acc", net, output, given) == pytest.approx((found == target.numpy()).mean())
    expected = reference.f1_score(target.numpy(), found, average="macro")
    assert measured("F1", net, output, given) == pytest.approx(expected, abs=1e-9)


def test_f1_counts_only_classes_that_occur(scores, reference):
    output, target = scores[0], scores[1].clamp(max=1)
    output[:, 2] = -9.0
    expected = reference.f1_score(target.numpy(), output.argmax(1).numpy(), average="macro")
    assert measured("f1", Net(torch_nn.Softmax(dim=1)), output, target) == pytest.approx(expected, abs=1e-9)


def test_binary_decides_at_one_half(scores, reference):
    logits, target = scores[0][:, :1], (scores[1] > 0).long()
    net = Net(torch_nn.Sigmoid())
    found = (logits[:, 0].sigmoid() > 0.5).long().numpy()
    assert measured("acc", net, logits, target, classes=2) == pytest.approx((found == target.numpy()).mean())
    expected = reference.f1_score(target.numpy(), found, average="macro")
    assert measured("f1", net, logits, target, classes=2) == pytest.approx(expected, abs=1e-9)


def test_errors_of_probabilities_although_the_loss_sees_logits(scores):
    output, target = scores
    probabilities, one_hot = output.softmax(1).numpy(), np.eye(3)[target.numpy()]
    net = Net(torch_nn.Softmax(dim=1))
    expected = np.abs(probabilities - one_hot).mean()
    assert measured("mae", net, output, target) == pytest.approx(expected, rel=1e-5)
    expected = np.square(probabilities - one_hot).mean()
    assert measured("mse", net, output, target) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(50,), (50, 1)])
def test_errors_of_values(scores, shape, reference):
    output, target = scores[0][:, :1], scores[0][:, 1]
    net = Net(torch_nn.Linear(1, 1))
    found = measured("mae", net, output, target.reshape(shape), task="reg", classes=0)
    assert found == pytest.approx(reference.mean_absolute_error(target, output[:, 0]), rel=1e-5)


def test_neighbours_judge_an_embedding():
    vectors = torch.tensor([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0], [1.0, 1.0]])
    target = torch.tensor([0, 0, 1, 1, 2])
    assert measured("acc", Net(), vectors, target, task="embed", batches=1) == pytest.approx(4 / 5)
    with pytest.raises(TrainingError, match="only 'acc'"):
        measured("f1", Net(), vectors, target, task="embed", batches=1)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("acc", ("acc",)),
        (["ACC", "F1"], ("acc", "f1")),
        (None, ()),
        ([], ()),
        (("accuracy", "acc"), ("acc",)),
        (np.array(["acc", "f1"]), ("acc", "f1")),
        ({"acc": 1, "f1": 2}, ("acc", "f1")),
    ],
)
def test_names_are_understood_as_text_or_list(given, names):
    assert metrics.official_names(given) == names


def test_unknown_metrics_name_the_nearest():
    with pytest.raises(TrainingError, match=r"unknown metric 'acu'. Did you mean 'acc'"):
        metrics.official_names(["acu"])


def test_accuracy_of_values_is_left_out_with_a_warning():
    net = Net(torch_nn.Linear(1, 1))
    loss = losses.make(None, net, Shape.vector(1), "reg")
    with pytest.warns(UserWarning, match="left out"):
        made = metrics.make(["acc", "mae"], net, loss, "reg")
    assert [metric.name for metric in made] == ["mae"]
